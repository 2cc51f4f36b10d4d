"""The progress of a training for people: a bar in terminals and notebooks, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from foretell.training.events import Checkpointed, EpochDone, Event, Listener, Progress, silent
from foretell.wording import duration, percent, visible

if TYPE_CHECKING:
    from rich.progress import TaskID

MIN_SECONDS = 10.0
"""Seconds between two lines about steps, where there is no terminal."""


@contextmanager
def shown(verbose: int, listener: Listener | None = None) -> Iterator[Listener]:
    """Yield a listener that shows events while the context is open, and passes them on to `listener`.

    Args:
        verbose: 0 shows nothing; 1 or more shows a progress bar in terminals and notebooks, and lines
            elsewhere.
        listener: another listener, or None.
    """
    also = listener or silent
    if verbose <= 0:
        yield also
        return
    with view() as show:

        def listen(event: Event) -> None:
            show(event)
            also(event)

        yield listen


class PlainView:
    """A listener that writes to stderr: notes, the end of each epoch, and every ten seconds the step."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress) and time.monotonic() - self._last < MIN_SECONDS:
            return
        line = describe(event)
        if line:
            self._last = time.monotonic()
            self._print(line)

    def _print(self, line: str) -> None:
        sys.stderr.write(visible(line) + "\n")
        sys.stderr.flush()

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class LiveView(PlainView):
    """A listener that keeps a progress bar at the bottom of a terminal or cell, the rest above it."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}"),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if not isinstance(event, Progress):
            super().__call__(event)
            return
        if self._task is None:
            self._task = self._bars.add_task("", total=event.steps, detail="")
        self._bars.update(
            self._task,
            total=event.steps,
            completed=event.step,
            description=f"epoch {event.epoch}/{event.epochs}",
            detail=_figures(event),
        )

    def _print(self, line: str) -> None:
        self._bars.console.print(visible(line), markup=False, soft_wrap=True)

    def __enter__(self) -> LiveView:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def view() -> PlainView:
    """Return the listener that fits this process: a bar on a terminal and in a notebook, lines elsewhere."""
    return LiveView() if sys.stderr.isatty() or _in_notebook() else PlainView()


def describe(event: Event) -> str:
    """Return one line for an event; "" where there is nothing to show."""
    if isinstance(event, Progress):
        return f"epoch {event.epoch}/{event.epochs}  step {event.step:,}/{event.steps:,}  {_figures(event)}"
    if isinstance(event, EpochDone):
        return _epoch(event)
    return "" if isinstance(event, Checkpointed) else event.text


def _in_notebook() -> bool:
    # A kernel's shell has this method's class; a plain Python process has imported no IPython.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _figures(event: Progress) -> str:
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
