"""The progress of a training for people: a moving bar in terminals and notebooks, lines elsewhere.

Each view is a listener of training events and a context manager. Terminals and plain lines use stderr; a
notebook has one output that is updated in place. A stderr that nobody reads any more stops the lines, never
the training.
"""

from __future__ import annotations

import io
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Self, TextIO

from foretell.readable import duration, percent, visible
from foretell.training.events import EpochDone, Event, Listener, Note, Progress, Stage, silent

MIN_SECONDS = 10.0
"""Between two lines about steps, where there is no terminal."""

_MAX_EPOCH_LINES = 20

_TRAINED = 0.96
"""The part of the whole training that is done when the network is trained."""

_UPDATE_SECONDS = 0.25
"""Between two updates of a notebook's output by steps."""


def write_stderr(text: str) -> None:
    """Write to stderr at once; an error, such as a closed pipe, is ignored."""
    # ValueError: the file object is closed.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


class PlainView:
    """A listener that writes lines to stderr: notes, the end of each epoch, every ten seconds the step."""

    def __init__(self) -> None:
        self._shown = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Show one event."""
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


class _Terminal(io.TextIOWrapper):
    """The terminal of stderr, by a descriptor of its own; errors, such as a closed window, are ignored.

    TensorFlow's own messages are dropped by closing descriptor 2 for a while (`training/quiet.py`).
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _terminal() -> TextIO:
    # A stand-in for stderr has no descriptor.
    with suppress(OSError, ValueError):
        file = os.fdopen(os.dup(sys.stderr.fileno()), "wb")
        return _Terminal(file, encoding=sys.stderr.encoding, errors="replace")
    return sys.stderr


class LiveView(PlainView):
    """A listener that keeps one bar for all stages at the bottom of a terminal and writes lines above it."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bars

        self._file = file or _terminal()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}"),
            console=Console(file=self._file, highlight=False),
            transient=True,
        )
        self._task = self._bars.add_task("starting", total=1.0, detail="")
        self._done, self._before = 0.0, 0.0

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Stage):
            self._before = max(self._done, event.done)
            self._move(self._before, event.name, "")
        elif isinstance(event, Progress):
            done = self._before + (_TRAINED - self._before) * event.step / max(1, event.steps)
            self._move(done, f"network, epoch {event.epoch}/{event.epochs}", _metrics(event))
        else:
            super().__call__(event)

    def _move(self, done: float, what: str, detail: str) -> None:
        self._done = done
        self._bars.update(self._task, completed=done, description=what, detail=detail)

    def _print(self, line: str) -> None:
        self._bars.console.print(line, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        if self._file is not sys.stderr:
            self._file.close()


class NotebookView(LiveView):
    """A listener that shows the lines, and below them the bar, in one output of a notebook, updated in place.

    rich renders it; its own live display would need the package ipywidgets.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._lines: list[str] = []
        self._updated = 0.0

    def __call__(self, event: Event) -> None:
        """Show one event."""
        super().__call__(event)
        if not isinstance(event, Progress) or time.monotonic() - self._updated >= _UPDATE_SECONDS:
            self._update()

    def _print(self, line: str) -> None:
        self._lines.append(line)

    def __enter__(self) -> Self:
        # Imported by name: IPython is there in a notebook only.
        self._handle = import_module("IPython.display").display(self._bars, display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.remove_task(self._task)
        self._update()

    def _update(self) -> None:
        from rich.table import Table
        from rich.text import Text

        shown = Table.grid()
        for line in self._lines:
            shown.add_row(Text(line))
        shown.add_row(self._bars.get_renderable())
        self._handle.update(shown)
        self._updated = time.monotonic()


def view() -> PlainView:
    """Return the view for this process: that of a notebook, of a terminal, or plain lines."""
    if _is_notebook():
        return NotebookView()
    return LiveView() if sys.stderr.isatty() else PlainView()


@contextmanager
def shown(verbose: int | None, listener: Listener | None = None) -> Iterator[Listener]:
    """Yield a listener that shows events while the context is open, and passes them on to `listener`.

    Args:
        verbose: None shows a bar in terminals and notebooks; 0 shows nothing; 1 or more also writes lines
            elsewhere.
        listener: another listener, or None.
    """
    also = listener or silent
    if not (_is_watched() if verbose is None else verbose > 0):
        yield also
        return
    with view() as show:

        def both(event: Event) -> None:
            show(event)
            also(event)

        yield both


def describe(event: Event) -> str:
    """Return one line for an event; "" where there is nothing to show."""
    if isinstance(event, Note):
        return event.text
    if isinstance(event, Stage):
        return f"{event.name} …"
    if isinstance(event, Progress):
        return f"epoch {event.epoch}/{event.epochs}  step {event.step:,}/{event.steps:,}  {_metrics(event)}"
    if isinstance(event, EpochDone):
        # Of many epochs, a part has a line.
        is_shown = event.epoch % math.ceil(event.epochs / _MAX_EPOCH_LINES) == 0
        return _epoch(event) if is_shown or event.epoch == event.epochs else ""
    return ""


def _metrics(event: Progress) -> str:
    parts = [f"loss {event.loss:.3f}", percent(event.accuracy), f"{event.speed:,.0f} {event.unit}/s"]
    if event.seconds_left is not None:
        parts.append(f"{duration(event.seconds_left)} left")
    if event.best is not None:
        parts.append(f"best {event.best:.3f}")
    return "  ".join(parts)


def _epoch(event: EpochDone) -> str:
    line = f"epoch {event.epoch}/{event.epochs}  step {event.step:,}  loss {event.loss:.3f}"
    line += f"  {percent(event.accuracy)}"
    if event.valid_loss is not None:
        line += f"  validation: loss {event.valid_loss:.3f}"
    if event.valid_accuracy is not None:
        line += f"  {percent(event.valid_accuracy)}"
    return line + ("  (best)" if event.is_best else "")


def _is_watched() -> bool:
    """Whether somebody sees the progress: in a notebook or a terminal, and not in a process of many."""
    if multiprocessing.parent_process() is not None or sys.stderr is None:
        return False
    return _is_notebook() or sys.stderr.isatty()


def _is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"
