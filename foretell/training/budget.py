"""The time limit of a training: the number of steps is adjusted while the training runs.

Nothing is predicted from sizes: the pace of the last steps decides how many more fit before the deadline. A
machine that slows down midway does fewer steps, and the learning rate, a function of step and steps, still
reaches its end. While all planned steps fit, the clock has no effect, and the same seed gives the same
weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS_TO_WRITE = 3.0
"""The time reserved for writing a model: its ONNX graph is run and compared."""

_UNTYPICAL = 2
"""The first steps of a process compile functions; they do not count for the pace."""

_SMOOTHING = 0.05
"""Weight of the newest step in the pace, an exponential mean over about the last twenty steps."""


class Budget:
    """The time that a training may take.

    Args:
        minutes: for the whole command; 0: without limit.
        started: when the command began, by `clock`; None: now.
        clock: monotonic seconds.
        spent: seconds that earlier commands took for the same training, which is resumed; 0 by default.

    Attributes:
        deadline: when the command has to end, by `clock`; None: without limit.
    """

    def __init__(
        self,
        minutes: float,
        started: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        spent: float = 0.0,
    ) -> None:
        self._clock = clock
        # As if the whole training had been one command.
        self._started = (clock() if started is None else started) - spent
        self.deadline = self._started + 60 * minutes if minutes else None
        self._reserve, self._pace, self._seen = 0.0, 0.0, 0
        self._last: float | None = None

    def keep(self, seconds: float) -> None:
        """Reserve so many seconds for what follows the steps: measuring, combining models, writing."""
        self._reserve = seconds

    def seconds(self) -> float:
        """Return the seconds of the training: of this command, and of those that it resumes."""
        return self._clock() - self._started

    def left(self) -> float:
        """Return the seconds that are left for steps; infinite without a limit, never below 0."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, self.deadline - self._reserve - self._clock())

    def step_done(self) -> None:
        """Measure the pace; call after each step."""
        now = self._clock()
        if self._last is not None and self._seen >= _UNTYPICAL:
            took = now - self._last
            first = self._seen == _UNTYPICAL
            self._pace = took if first else (1 - _SMOOTHING) * self._pace + _SMOOTHING * took
        self._last, self._seen = now, self._seen + 1

    def pause(self) -> None:
        """Leave the time until the next step (validation, a checkpoint) out of the pace."""
        self._last = None

    def steps(self, done: int, planned: int) -> int:
        """Return how many steps there will be in all, `done` of them done: `planned`, or what fits.

        A process does one step at least, also where a resumed training has no time left: what follows the
        last step, such as measuring the epoch, then follows here too.
        """
        if self.deadline is None:
            return planned
        if self.left() <= 0:
            return max(1, done) if self._seen else min(planned, done + 1)
        if self._pace <= 0:
            return planned
        return min(planned, done + max(1, int(self.left() / self._pace)))
