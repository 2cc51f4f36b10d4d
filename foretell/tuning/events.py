"""The events of a search, which the command line and notebooks show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foretell.tuning.trials import TrialRecord


@dataclass(frozen=True, kw_only=True)
class TrialEnded:
    """A trial has ended.

    Attributes:
        trial: the trial.
        best: the best complete trial so far, or None.
        is_best: whether `trial` is that one.
    """

    trial: TrialRecord
    best: TrialRecord | None
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Searching:
    """The search goes on; sent twice a second.

    Attributes:
        seconds: since the command began.
        limit: seconds after which the command ends.
        ended: trials that have ended, those of earlier commands included.
        running: for each running trial its number and how much of it is done, from 0 to 1.
        best: the best complete trial so far, or None.
    """

    seconds: float
    limit: float
    ended: int
    running: tuple[tuple[int, float], ...]
    best: TrialRecord | None


@dataclass(frozen=True, kw_only=True)
class SearchNote:
    """One line about the data, the workers or a decision."""

    text: str


SearchEvent = TrialEnded | Searching | SearchNote
SearchListener = Callable[[SearchEvent], None]


def silent(event: SearchEvent) -> None:
    """A listener that shows nothing."""
