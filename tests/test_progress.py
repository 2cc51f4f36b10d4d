"""The progress of a training: plain lines, and a moving bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from foretell import progress
from foretell.progress import LiveView, PlainView, describe, shown, view
from foretell.training.events import EpochDone, Event, Note, Progress, Stage

STEP = Progress(
    step=5,
    steps=10,
    epoch=1,
    epochs=2,
    loss=0.5,
    accuracy=0.75,
    speed=1234.0,
    unit="words",
    seconds_left=65.0,
    best=0.25,
)
EPOCH = EpochDone(
    epoch=1,
    epochs=2,
    step=5,
    loss=0.5,
    accuracy=0.75,
    valid_loss=0.6,
    valid_accuracy=0.7,
    is_best=True,
)


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
    with view() as show:
        assert isinstance(show, LiveView)
        show(Note(text="[not] markup \x1b]0;x\x07"))
    assert "[not] markup \u241b]0;x\u2407" in capsys.readouterr().err


def test_nothing_is_shown_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = []
    with shown(0, events.append) as show:
        show(EPOCH)
    assert events == [EPOCH]
    assert capsys.readouterr() == ("", "")
    with shown(1, events.append) as show:
        show(EPOCH)
    assert events == [EPOCH, EPOCH]
    assert "epoch 1/2" in capsys.readouterr().err


def test_one_bar_shows_all_stages_and_never_goes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_UPDATE_SECONDS", 0.0)
    with LiveView() as show:
        for event in (
            Stage(name="a", done=0.2),
            STEP,
            Stage(name="b", done=0.1),
            Note(text="a line"),
        ):
            show(event)
    lines = capsys.readouterr().err.replace("\n", "\r").split("\r")
    shown = [line.rstrip() for line in lines if line.strip()]
    places = [re.search(r"(\d+)%  (.)", line) for line in shown]
    assert [each and each.groups() for each in places] == [
        ("20", "a"),
        ("58", "n"),
        ("58", "b"),
        None,
        ("58", "b"),
    ]
    # A line is written where the bar was, which is below it then, and at the end it is gone.
    assert shown[3] == "a line"
    assert lines[-2].strip() == lines[-1] == ""
    assert describe(Stage(name="linear models", done=0.2)) == "linear models …"


def test_the_bar_moves_where_each_epoch_is_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with LiveView() as show:
        for step in range(1, 11):
            now += 0.2
            show(replace(STEP, step=step))
            show(EPOCH)
    assert len(set(re.findall(r"(\d+)%", capsys.readouterr().err))) >= 5


def test_of_many_epochs_some_have_a_line() -> None:
    lines = [
        describe(EpochDone(epoch=i + 1, epochs=150, step=i, loss=0.5, accuracy=0.5))
        for i in range(150)
    ]
    assert 10 < len(list(filter(None, lines))) <= 20
    assert lines[-1]


def test_an_output_that_nobody_reads_stops_the_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
        with PlainView() as show:
            show(EPOCH)
        monkeypatch.undo()
        # What is left in the buffer cannot be written either.
        with pytest.raises(BrokenPipeError):
            closed.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), closed.fileno())


FIT = """
import multiprocessing
import foretell
from foretell.progress import _is_watched

texts = [f"{word} food, number {i}" for i in range(40) for word in ("good", "bad")]
clf = foretell.TextClassifier(units=8, embedding_size=8, length=8, folds=2, min_steps=4, epochs=1)
clf.fit(texts, ["pos", "neg"] * 40)
if _is_watched():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print("a child of many is watched:", pool.apply(_is_watched))
"""
OTHERS = re.compile("tensorflow|absl|oneDNN|cpu_feature|retracing|I0000|W0000|E0000", re.IGNORECASE)


def test_a_fit_in_a_terminal_shows_a_bar_and_nothing_of_tensorflows() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    child = subprocess.Popen(
        [sys.executable, "-c", FIT], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    # At its end the terminal of Linux gives an error, that of other systems nothing.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 1 << 16):
            shown += piece
    os.close(ours)
    assert child.wait() == 0
    lines = shown.decode().replace("loading TensorFlow", "")
    assert not OTHERS.search(lines)
    assert "linear models" in lines
    # A process of many, as of cross-validation on several processors, shows nothing.
    assert "a child of many is watched: False" in lines
