"""A training that ends in time: how many steps there will be, as the clock tells while it goes on.

Nothing is predicted from sizes: the pace of the last steps says how many more fit before the deadline. A
machine that slows down midway gets fewer steps, and the learning rate, a function of step and steps, still
reaches its end. While all planned steps fit, the clock has no say, and the same seed gives the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS_TO_WRITE = 3.0
"""What writing a model takes at most: its ONNX graph is run and compared."""

_UNTYPICAL = 2
"""First steps of a process, which compile what the others only run."""

_SMOOTHING = 0.05
"""Weight of the newest step in the pace, so that it follows the last twenty."""


class Budget:
    """The time that a training may take.

    Args:
        minutes: for the whole command; 0: without limit.
        began: when the command began, by `clock`; None: now.
        clock: monotonic seconds.
    """

    def __init__(
        self, minutes: float, began: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.began = clock() if began is None else began
        self.deadline = self.began + 60 * minutes if minutes else None
        self._reserve, self._pace, self._seen = 0.0, 0.0, 0
        self._last: float | None = None

    def keep(self, seconds: float) -> None:
        """Keep so many seconds for what comes after the steps: measuring, mixing, writing."""
        self._reserve = seconds

    def seconds(self) -> float:
        """Return the seconds since the command began."""
        return self._clock() - self.began

    def left(self) -> float:
        """Return the seconds that are left for steps; infinite without a limit, never below 0."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, self.deadline - self._reserve - self._clock())

    def step_done(self) -> None:
        """Learn the pace; call after each step."""
        now = self._clock()
        if self._last is not None and self._seen >= _UNTYPICAL:
            took = now - self._last
            first = self._seen == _UNTYPICAL
            self._pace = took if first else (1 - _SMOOTHING) * self._pace + _SMOOTHING * took
        self._last, self._seen = now, self._seen + 1

    def pause(self) -> None:
        """Leave what happens until the next step (a held-out part, a checkpoint) out of the pace."""
        self._last = None

    def steps(self, done: int, planned: int) -> int:
        """Return how many steps there will be in all, `done` of them done: `planned`, or what fits."""
        if self.deadline is None:
            return planned
        if self.left() <= 0:
            return max(1, done)
        if self._pace <= 0:
            return planned
        return min(planned, done + max(1, int(self.left() / self._pace)))
