"""The progress of a training for people: a moving bar in terminals and notebooks, lines elsewhere.

Each view is a listener of training events and a context manager. Terminals and plain lines use stderr; a
notebook has one output that is updated in place.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

from foretell.readable import duration, percent, visible
from foretell.training.events import Checkpointed, EpochDone, Event, Listener, Note, Progress, silent

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.progress import TaskID

MIN_SECONDS = 10.0
"""Between two lines about steps, where there is no terminal."""


class PlainView:
    """A listener that writes lines to stderr: notes, the end of each epoch, every ten seconds the step."""

    def __init__(self) -> None:
        self._shown = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress) and time.monotonic() - self._shown < MIN_SECONDS:
            return
        line = describe(event)
        if line:
            self._shown = time.monotonic()
            self._print(visible(line))

    def _print(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class LiveView(PlainView):
    """A listener that keeps one moving line at the bottom of a terminal and writes the rest above it."""

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
        self._bars.console.print(line, markup=False, soft_wrap=True)

    def __enter__(self) -> LiveView:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


class NotebookView(LiveView):
    """A listener that shows the lines and below them the bar in one output of a notebook, updated in place.

    rich renders it. Its own live display would need the package ipywidgets; IPython's display handle does
    not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._handle: Any = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        super().__call__(event)
        if not isinstance(event, Checkpointed):
            self._handle.update(self)

    def _print(self, line: str) -> None:
        self._lines.append(line)

    def __enter__(self) -> NotebookView:
        # Imported by name: IPython is there in a notebook only.
        self._handle = import_module("IPython.display").display(self, display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._handle.update(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, then the bar; see rich's console protocol."""
        from rich.text import Text

        yield from (Text(line) for line in self._lines)
        yield self._bars

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        from rich.jupyter import JupyterMixin

        bundle: dict[str, str] = JupyterMixin._repr_mimebundle_(
            self,
            options.get("include") or (),
            options.get("exclude") or (),
        )
        return bundle


def view() -> PlainView:
    """Return the view for this process: that of a notebook, of a terminal, or plain lines."""
    if _in_notebook():
        return NotebookView()
    return LiveView() if sys.stderr.isatty() else PlainView()


@contextmanager
def shown(verbose: int, listener: Listener | None = None) -> Iterator[Listener]:
    """Yield a listener that shows events while the context is open, and passes them on to `listener`.

    >>> with shown(verbose=1) as show:
    ...     train_words(corpus, settings, TrainOptions(out=out, listener=show))

    Args:
        verbose: 0 shows nothing; 1 or more shows a bar in terminals and notebooks, and lines elsewhere.
        listener: another listener, or None.
    """
    also = listener or silent
    if verbose <= 0:
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
    if isinstance(event, Progress):
        return f"epoch {event.epoch}/{event.epochs}  step {event.step:,}/{event.steps:,}  {_figures(event)}"
    if isinstance(event, EpochDone):
        return _epoch(event)
    assert isinstance(event, Checkpointed)
    return ""


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


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"
