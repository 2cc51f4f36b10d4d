"""The time limit of a training, which adjusts the number of steps as it runs, and the learning rate
by step.

Stages before the steps and after them ask for their share of the time that is left, measure on a
small part how long they would take, and are shortened or left out.

Nothing is predicted from sizes: the pace of the last steps decides how many more fit before the
deadline. A machine that slows down midway does fewer steps, and the learning rate, a function of
step and steps, still reaches its end. While all planned steps fit, the clock has no effect, and the
same seed gives the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

SECONDS_TO_WRITE = 3.0
"""The time reserved for writing a model."""

STAGES = {
    "teacher": 0.25,
    "members": 0.33,
    "pseudo-labels": 0.4,
    "text vectors": 0.33,
    "embeddings": 0.33,
}
"""The part of the time left that each stage before the training of a classifier's network may
take.
"""

_FOR_NETWORK = 0.25
"""The part of the time limit that no stage before the network's training may take."""

_UNTYPICAL = 2
"""The first steps of a process compile functions; they do not count for the pace."""

_SMOOTHING = 0.05
_PACE_SECONDS = 20
"""The pace is an exponential mean over about the last twenty steps, or, where they are short, over
the steps of so many seconds: a second in which another process has a core is many short steps.
"""

_MAX_SLOWDOWN = 4
"""A step counts for the pace as at most so many times the pace before it: one that had to wait says
nothing of those after it.
"""

_MIN_CHARACTERS = 1 << 20
"""Characters that every stage reads, whatever the time: about a tenth of a second."""

WARM_UP = 0.05
"""Fraction of all steps in which the rate rises to its peak: at first Adam's second moments are
noise.
"""

FLOOR = 0.02
"""The last rate, as a fraction of the peak."""

AVERAGED_FLOOR = 0.4
"""The same where weights are averaged: an average has something to gain only while they still
move.
"""


class Budget:
    """The time that a training may take.

    Args:
        minutes: for the whole command; 0: without limit.
        started: when the command began, by `clock`; None: now.
        clock: monotonic seconds.
        spent: seconds that earlier commands took for the same training, which is resumed; 0 by
            default.

    Attributes:
        deadline: when the command has to end, by `clock`; None: without limit.
        pace: seconds of a step, an exponential mean of the last ones; 0: not known yet.
        seen: steps of this process.
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
        self._reserve = 0.0
        self.pace = 0.0
        self.seen = 0
        self._timed = 0
        self._last: float | None = None

    def keep(self, seconds: float) -> None:
        """Reserve so many seconds for what follows the steps: measuring, combining models,
        writing.
        """
        self._reserve = seconds

    def seconds(self) -> float:
        """Return the seconds of the training: of this command, and of those that it resumes."""
        return self._clock() - self._started

    def left(self) -> float:
        """Return the seconds that are left for steps; infinite without a limit, never below 0."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, self.deadline - self._reserve - self._clock())

    def share(self, part: float) -> float:
        """Return a part of the seconds that are left; infinite without a limit."""
        return part * self.left()

    def for_stage(self, stage: str) -> float:
        """Return the seconds that a stage of `STAGES` may take; infinite without a limit."""
        if self.deadline is None:
            return float("inf")
        free = self.left() - _FOR_NETWORK * (self.deadline - self._started)
        return max(0.0, min(self.share(STAGES[stage]), free))

    def step_done(self, steps: int = 1) -> None:
        """Measure the pace; call after each step, or after some."""
        now = self._clock()
        if self._last is not None and self.seen >= _UNTYPICAL:
            took = (now - self._last) / steps
            if self.pace:
                took = min(took, _MAX_SLOWDOWN * self.pace)
            self._timed += steps
            newest = min(_SMOOTHING, self.pace / _PACE_SECONDS)
            # The first ones count the same.
            share = max(steps / self._timed, 1 - (1 - newest) ** steps)
            self.pace += share * (took - self.pace)
        self._last = now
        self.seen = self.seen + steps

    def pause(self) -> None:
        """Leave the time until the next step (validation, a checkpoint) out of the pace."""
        self._last = None

    def steps(self, done: int, planned: int) -> int:
        """Return how many steps there will be in all, `done` of them done: `planned`, or what fits.

        A process does one step at least, also where a resumed training has no time left: what
        follows the last step, such as measuring the epoch, then follows here too.
        """
        if self.deadline is None:
            return planned
        if self.left() <= 0:
            return max(1, done) if self.seen else min(planned, done + 1)
        if self.pace <= 0:
            return planned
        return min(planned, done + max(1, int(self.left() / self.pace)))


@dataclass
class InTime:
    """The texts of an iterable until some seconds have passed.

    Texts of a million characters are given in any case, so that there is something to learn from.

    Args:
        texts: the texts; they may be read several times, each time within `seconds`.
        budget: its clock is read.
        seconds: infinite: all texts are given, without a look at the clock.

    Attributes:
        is_cut: whether the last reading ended before the last text.
        count: the number of texts that it gave.
    """

    texts: Iterable[str]
    budget: Budget
    seconds: float
    is_cut: bool = False
    count: int = 0

    def __iter__(self) -> Iterator[str]:
        self.is_cut = False
        self.count = 0
        stop = self.budget.seconds() + self.seconds
        characters = 0
        for text in self.texts:
            if characters >= _MIN_CHARACTERS and self.budget.seconds() >= stop:
                self.is_cut = True
                return
            characters += len(text)
            self.count += 1
            yield text


def learning_rate(step: int, steps: int, peak: float, floor: float = FLOOR) -> float:
    """Return the rate of a step: a linear warm-up, then a half cosine (Loshchilov & Hutter 2017,
    eq. 5).

    Args:
        step: 0 for the first step; beyond the last step the last rate stays.
        steps: all training steps of the run, at least 1.
        peak: the highest rate.
        floor: the last rate, as a fraction of the peak.
    """
    warm = max(1, round(steps * WARM_UP))
    if step < warm:
        return peak * (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))
