"""What a training shows: plain lines away from a terminal, a moving line on one."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell import progress
from foretell.progress import LiveView, PlainView, describe, view
from foretell.training.events import Checkpointed, EpochDone, Note, Progress

STEP = Progress(
    step=5, steps=10, epoch=1, epochs=2, loss=0.5, accuracy=0.75, speed=1234.0, unit="words",
    seconds_left=65.0, best=0.25,
)  # fmt: skip
EPOCH = EpochDone(
    epoch=1, epochs=2, step=5, loss=0.5, accuracy=0.75, valid_loss=0.6, valid_accuracy=0.7, is_best=True
)


def test_a_line_shows_epoch_step_loss_speed_time_left_and_best() -> None:
    assert describe(STEP) == (
        "epoch 1/2  step 5/10  loss 0.500  75.00 %  1,234 words/s  1 min 05 s left  best 0.250"
    )
    assert (
        describe(EPOCH) == "epoch 1/2  step 5  loss 0.500  75.00 %  validation: loss 0.600  70.00 %  (best)"
    )
    assert describe(Note(text="read as cp1252")) == "read as cp1252"
    assert describe(Checkpointed(path=Path("x"), step=1)) == ""


def test_plain_lines_show_a_step_only_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with PlainView() as show:
        show(STEP)
        assert capsys.readouterr().err == ""
        now = 11.0
        show(STEP)
        show(STEP)
        show(EPOCH)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_terminal_gets_a_live_view(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view(), LiveView)
    with view() as show:
        show(STEP)
        show(EPOCH)
        show(Note(text="[not] markup \x1b]0;x\x07"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "validation: loss 0.600" in captured.err
    assert "[not] markup \u241b]0;x\u2407" in captured.err


def test_elsewhere_plain_lines() -> None:
    assert type(view()) is PlainView
