"""The time of a search: what trials may take, and what is kept for the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

_RESERVED_SHARE, _MAX_RESERVED = 0.15, 15.0
"""Kept of the whole time for latencies, the model and the report: a share, and at most so many seconds."""

_SAFETY = 1.2
"""Factor on the median duration of a trial: a trial is not started that would probably not end in time."""

_GRACE_SHARE = 0.3
"""Of the reserved time: a trial that is writing its model may take so much longer than its limit."""


class Clock:
    """The time limit of a search.

    Args:
        minutes: for the whole command.
        started: when it began, by `now`.
        now: monotonic seconds.

    Attributes:
        limit: seconds of the whole command.
    """

    def __init__(self, minutes: float, started: float, now: Callable[[], float] = time.monotonic) -> None:
        self.limit = 60 * minutes
        self._now, self._started = now, started
        reserved = min(_RESERVED_SHARE * self.limit, _MAX_RESERVED)
        self._trials_end = started + self.limit - reserved
        self._grace = _GRACE_SHARE * reserved

    def seconds(self) -> float:
        """Return the seconds since the command began."""
        return self._now() - self._started

    def left(self) -> float:
        """Return the seconds that trials may still take, at least 0."""
        return max(0.0, self._trials_end - self._now())

    def is_over(self) -> bool:
        """Whether trials that still run must be stopped."""
        return self._now() > self._trials_end + self._grace

    def allows_another(self, durations: Sequence[float]) -> bool:
        """Whether another trial would probably end in time, by the seconds of those that are complete."""
        return self.left() > (_SAFETY * median(durations) if durations else 0.0)

    def left_in_all(self) -> float:
        """Return the seconds until the command has to end, at least 0."""
        return max(0.0, self._started + self.limit - self._now())
