"""What a training shows: plain lines away from a terminal, a moving line on one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from foretell.cli import progress
from foretell.cli.output import aligned, duration, excerpt, percent
from foretell.cli.progress import LiveView, PlainView, describe, view
from foretell.training.events import Checkpointed, EpochDone, Note, Progress

STEP = Progress(
    step=5, steps=10, epoch=1, epochs=2, loss=0.5, accuracy=0.75, speed=1234.0, unit="words",
    seconds_left=65.0, best=0.25,
)  # fmt: skip
EPOCH = EpochDone(
    epoch=1, epochs=2, step=5, loss=0.5, accuracy=0.75, valid_loss=0.6, valid_accuracy=0.7, is_best=True
)


def test_a_line_tells_epoch_step_loss_speed_time_left_and_best() -> None:
    assert describe(STEP) == (
        "epoch 1/2  step 5/10  loss 0.500  75.00 %  1,234 words/s  1 min 05 s left  best 0.250"
    )
    assert describe(EPOCH) == "epoch 1/2  step 5  loss 0.500  75.00 %  held out: loss 0.600  70.00 %  (best)"
    assert describe(Note(text="read as cp1252")) == "read as cp1252"
    assert describe(Checkpointed(path=Path("x"), step=1)) == ""


def test_plain_lines_show_a_step_only_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    stream = io.StringIO()
    with PlainView(stream) as show:
        show(STEP)
        assert stream.getvalue() == ""
        now = 11.0
        show(STEP)
        show(STEP)
        show(EPOCH)
    assert len(stream.getvalue().splitlines()) == 2


def test_a_terminal_gets_a_live_view(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view(), LiveView)
    with view() as show:
        show(STEP)
        show(EPOCH)
        show(Note(text="[not] markup"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "held out: loss 0.600" in captured.err
    assert "[not] markup" in captured.err


def test_elsewhere_plain_lines() -> None:
    assert type(view()) is PlainView


def test_columns_are_aligned() -> None:
    assert aligned([("a", 1), ("bcd", 2000)]) == "a        1\nbcd  2,000"
    assert aligned([("x", 0.5)], indent=2) == "  x  0.5000"
    assert aligned([]) == ""


def test_excerpt_is_one_line() -> None:
    assert excerpt("a\n b") == "a b"
    assert len(excerpt("word " * 1000, 20)) <= 20
    assert excerpt("word " * 1000, 20).endswith("…")


def test_numbers_for_people() -> None:
    assert [duration(s) for s in (5.4, 185, 7800)] == ["5 s", "3 min 05 s", "2 h 10 min"]
    assert percent(0.8505) == "85.05 %"
