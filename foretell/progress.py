"""The progress of a training for people: a moving bar in terminals and notebooks, lines elsewhere.

Each view is a listener of training events and a context manager, and writes to stderr. A stderr
that nobody reads any more stops the lines, never the training.
"""

from __future__ import annotations

import math
import multiprocessing
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from foretell.readable import duration, percent, visible
from foretell.training.events import EpochDone, Event, Listener, Note, Progress, Stage, silent

MIN_SECONDS = 10.0
"""Between two lines about steps, where there is no terminal."""

_MAX_EPOCH_LINES = 20

_TRAINED = 0.96
"""The part of the whole training that is done when the network is trained."""

_UPDATE_SECONDS = 0.25
"""Between two updates of the bar by steps."""

_BAR = 24
"""Characters of the bar."""

_AT_ONCE = 512
"""Texts between two signs of progress."""


def write_stderr(text: str) -> None:
    """Write to stderr at once; an error, such as a closed pipe, is ignored."""
    # ValueError: the file object is closed.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


class PlainView:
    """A listener that writes lines to stderr: notes, the end of each epoch, every ten seconds the
    step.
    """

    def __init__(self) -> None:
        self._shown = time.monotonic()

    def __call__(self, event: Event) -> None:
        is_frequent = isinstance(event, Progress | Stage)
        if is_frequent and time.monotonic() - self._shown < MIN_SECONDS:
            return
        line = describe(event)
        if line:
            self._shown = time.monotonic()
            self._print(visible(line))

    def _print(self, line: str) -> None:
        write_stderr(f"{line}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


class LiveView(PlainView):
    """A listener that keeps one line with a bar at the bottom, in a terminal or a notebook, and
    writes lines above it.

    A carriage return goes back to the beginning of the line in both.
    """

    def __init__(self) -> None:
        super().__init__()
        self._done = self._before = self._moved = 0.0
        self._status = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stage):
            self._before = max(self._done, event.done)
            self._move(self._before, event.name)
        elif isinstance(event, Progress):
            done = self._before + (_TRAINED - self._before) * event.step / max(1, event.steps)
            if time.monotonic() - self._moved >= _UPDATE_SECONDS:
                self._move(done, f"network, epoch {event.epoch}/{event.epochs}  {_metrics(event)}")
        else:
            super().__call__(event)

    def _move(self, done: float, what: str) -> None:
        self._done = done
        self._moved = time.monotonic()
        full = round(done * _BAR)
        line = f"{'━' * full}{'╺' * (_BAR - full)} {done:4.0%}  {visible(what)}"
        self._write(line[: shutil.get_terminal_size().columns - 1])

    def _write(self, status: str) -> None:
        write_stderr(f"\r{status.ljust(len(self._status))}")
        self._status = status

    def _print(self, line: str) -> None:
        status = self._status
        self._write("")
        write_stderr(f"\r{line}\n")
        self._status = ""
        self._write(status)

    def __exit__(self, *_: object) -> None:
        self._write("")
        write_stderr("\r")


def view() -> PlainView:
    """Return the view for this process: a bar in a notebook or a terminal, plain lines
    elsewhere.
    """
    if _is_notebook() or sys.stderr.isatty():
        return LiveView()
    return PlainView()


@contextmanager
def shown(verbose: int | None, listener: Listener | None = None) -> Iterator[Listener]:
    """Yield a listener that shows events while the context is open, and passes them on to
    `listener`.

    Args:
        verbose: None shows a bar in terminals and notebooks; 0 shows nothing; 1 or more also writes
            lines elsewhere.
        listener: another listener, or None.
    """
    also = listener or silent
    if verbose is None:
        verbose = _is_watched()
    if verbose <= 0:
        yield also
        return
    with view() as show:

        def both(event: Event) -> None:
            show(event)
            also(event)

        yield both


def watched(texts: Sequence[str], what: str, listener: Listener) -> Iterator[Sequence[str]]:
    """Yield texts in parts, at least one, and show how many were yielded."""
    for start in range(0, max(1, len(texts)), _AT_ONCE):
        listener(Stage(what, start / max(1, len(texts))))
        yield texts[start : start + _AT_ONCE]


def describe(event: Event) -> str:
    """Return one line for an event; "" where there is nothing to show."""
    if isinstance(event, Note):
        return event.text
    if isinstance(event, Stage):
        return f"{event.name} …"
    if isinstance(event, Progress):
        step = f"step {event.step:,}/{event.steps:,}"
        return f"epoch {event.epoch}/{event.epochs}  {step}  {_metrics(event)}"
    if isinstance(event, EpochDone):
        # Of many epochs, a part has a line.
        is_shown = event.epoch % math.ceil(event.epochs / _MAX_EPOCH_LINES) == 0
        if is_shown or event.epoch == event.epochs:
            return _epoch(event)
    return ""


def _metrics(event: Progress) -> str:
    accuracy = f"accuracy {percent(event.accuracy)}"
    speed = f"{event.speed:,.0f} {event.unit}/s"
    parts = [f"training loss {event.loss:.3f}", accuracy, speed]
    if event.seconds_left is not None:
        parts.append(f"{duration(event.seconds_left)} left")
    if event.best is not None:
        parts.append(f"best {event.best:.3f}")
    return "  ".join(parts)


def _epoch(event: EpochDone) -> str:
    line = f"epoch {event.epoch}/{event.epochs}  step {event.step:,}"
    line += f"  training loss {event.loss:.3f}  accuracy {percent(event.accuracy)}"
    if event.valid_loss is not None:
        line += f"  validation: loss {event.valid_loss:.3f}"
    if event.valid_accuracy is not None:
        line += f"  accuracy {percent(event.valid_accuracy)}"
    if event.is_best:
        line += "  (best)"
    return line


def _is_watched() -> bool:
    """Whether somebody sees the progress: in a notebook or a terminal, and not in a process of
    many.
    """
    if multiprocessing.parent_process() is not None or sys.stderr is None:
        return False
    return _is_notebook() or sys.stderr.isatty()


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"
