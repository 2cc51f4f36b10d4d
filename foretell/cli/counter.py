"""Progress with the time remaining, for the commands that read much data: a moving line on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_SECONDS = 0.1
"""Between two changes of the line."""

Item = TypeVar("Item")
Advance = Callable[[int], None]


@contextmanager
def counter(what: str, total: int | None, *, streams: bool = False) -> Iterator[Advance | None]:
    """Show how far a command is on stderr while the context is open, where stderr is a terminal.

    Args:
        what: the work, such as "classifying".
        total: how much there is to do; None: unknown, so that no time remaining is shown.
        streams: whether stdout is written meanwhile; on a terminal it shows by itself how far the command is.

    Yields:
        A function that takes how much was done since it was last called; None where nothing is shown, so that
        callers need not even count.
    """
    if not sys.stderr.isatty() or (streams and sys.stdout.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    known = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    unknown = (BarColumn(bar_width=24), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), *(unknown if total is None else known))
    # The answers are on their way to stdout meanwhile: they are no part of what is shown.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task(what, total=total)
        waiting, shown = 0, time.monotonic()

        def advance(done: int) -> None:
            nonlocal waiting, shown
            waiting += done
            if time.monotonic() - shown >= _SECONDS:
                bars.advance(task, waiting)
                waiting, shown = 0, time.monotonic()

        yield advance


def counted(items: Iterable[Item], advance: Advance | None, size: Callable[[Item], int]) -> Iterable[Item]:
    """Return the items, each counted with its size when the next one is asked for."""
    return items if advance is None else _counted(items, advance, size)


def _counted(items: Iterable[Item], advance: Advance, size: Callable[[Item], int]) -> Iterator[Item]:
    for item in items:
        yield item
        advance(size(item))
