"""The progress of a run on a cluster: a moving line on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foretell.cli.output import note
from foretell.progress import MIN_SECONDS

if TYPE_CHECKING:
    from foretell.cluster.files import Listener
    from foretell.cluster.output import Done

_WORKERS_SHOWN = 4


@contextmanager
def cluster_view(what: str) -> Iterator[Listener]:
    """Show finished shards, rows/s and the rate of each worker on stderr while the context is open.

    Args:
        what: the work, such as "classifying".
    """
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left  {task.fields[detail]}", markup=False),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task(what, total=None, detail="")

        def advance(_: Done, shards: tuple[int, int], rates: dict[str, float]) -> None:
            bars.update(task, completed=shards[0], total=shards[1], detail=rates_text(rates))

        yield advance


class _Lines:
    """Writes a line every ten seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = time.monotonic()

    def __call__(self, _: Done, shards: tuple[int, int], rates: dict[str, float]) -> None:
        if time.monotonic() - self._shown >= MIN_SECONDS:
            self._shown = time.monotonic()
            note(f"{self._what}  shard {shards[0]:,}/{shards[1]:,}  {rates_text(rates)}")


def rates_text(rates: dict[str, float]) -> str:
    """Return the rows/s of all workers together, and of each while they are few."""
    together = f"{sum(rates.values()):,.0f} rows/s"
    if not 1 < len(rates) <= _WORKERS_SHOWN:
        return together if len(rates) < 2 else f"{together} by {len(rates)} workers"
    each = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    return f"{together} ({each})"
