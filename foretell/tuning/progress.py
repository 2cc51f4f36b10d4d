"""The progress of a search for people: a moving line on a terminal, lines elsewhere; both on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foretell.progress import MIN_SECONDS
from foretell.readable import duration, visible
from foretell.tuning.events import SearchEvent, Searching, SearchListener, SearchNote, TrialEnded, silent
from foretell.tuning.objective import Objective
from foretell.tuning.trials import TrialRecord


@contextmanager
def search_view(objective: Objective) -> Iterator[SearchListener]:
    """Show the trials of a search while the context is open."""
    if not sys.stderr.isatty():
        yield _Lines(objective)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("tuning", total=None, detail="")

        def show(event: SearchEvent) -> None:
            if isinstance(event, Searching):
                bars.update(
                    task, total=event.limit, completed=event.seconds, detail=_detail(event, objective)
                )
            else:
                console.print(visible(describe(event, objective)), markup=False, soft_wrap=True)

        yield show


@contextmanager
def shown(verbose: int, objective: Objective, listener: SearchListener | None) -> Iterator[SearchListener]:
    """Yield a listener that shows events where `verbose` is 1 or more, and passes them on to `listener`."""
    also = listener or silent
    if verbose <= 0:
        yield also
        return
    with search_view(objective) as show:

        def both(event: SearchEvent) -> None:
            show(event)
            also(event)

        yield both


class _Lines:
    """Writes a line for each trial, and every ten seconds one about those that run."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._shown = time.monotonic()

    def __call__(self, event: SearchEvent) -> None:
        if isinstance(event, Searching) and time.monotonic() - self._shown < MIN_SECONDS:
            return
        self._shown = time.monotonic()
        sys.stderr.write(f"{visible(describe(event, self._objective))}\n")
        sys.stderr.flush()


def describe(event: SearchEvent, objective: Objective) -> str:
    """Return one line for an event."""
    if isinstance(event, SearchNote):
        return event.text
    if isinstance(event, Searching):
        return f"{duration(event.seconds)} of {duration(event.limit)}  {_detail(event, objective)}"
    assert isinstance(event, TrialEnded)
    trial = event.trial
    line = (
        f"trial {trial.number}  {_outcome(trial, objective)}  {duration(trial.seconds)}  {trial.described()}"
    )
    return line + ("  (best)" if event.is_best else "")


def _outcome(trial: TrialRecord, objective: Objective) -> str:
    if trial.value is not None:
        return f"{objective.title} {objective.shown(trial.value)}"
    return f"failed: {trial.error}" if trial.state == "failed" else trial.state


def _detail(event: Searching, objective: Objective) -> str:
    parts = [f"{event.ended} trials"]
    if event.best is not None and event.best.value is not None:
        parts.append(f"best {objective.shown(event.best.value)} (trial {event.best.number})")
    if event.running:
        numbers = ", ".join(f"{number}{f' {done:.0%}' if done else ''}" for number, done in event.running)
        parts.append(f"running: {numbers}")
    return "  ".join(parts)
