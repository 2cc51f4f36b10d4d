"""The time that must be left after the steps of the `lstm` language model, where there is a time limit."""

from __future__ import annotations

from collections.abc import Callable

from foretell.training.budget import SECONDS_TO_WRITE, Budget
from foretell.training.words.data import MIN_VALID

_EVALUATION_SHARE, _HIDDEN_SHARE = 1 / 10, 1 / 3
"""The parts of the time left that the final figures, and the hidden values for the cache, may take."""

_EPOCHS_SHARE, _MIN_COMPARED = 1 / 40, 10_000
"""The part of the time left that measuring all epochs may take; and, for each, so many tokens in any case."""

_CACHE_SHARE, _MAX_CACHE_SECONDS = 1 / 20, 5.0
"""The part of the time left, and the most seconds, that are reserved for the cache."""

_WRITING_SHARE, _MAX_WRITING_SECONDS = 1 / 20, 10.0
"""The part of the time left, and the most seconds, that are kept for writing; SECONDS_TO_WRITE at least."""

_MARGIN = 1.25
"""Safety factor on measuring; fitting the interpolation weights takes less than a tenth of it."""

_PROBE_SECONDS, _PROBE_FACTOR = 0.2, 4
"""The evaluation is timed on so much text that it takes at least so long, or on all."""

_BYTES_PER_SECOND = 50e6
"""Of a checkpoint, hashing and syncing included; measured once there is one."""

_STEPS_OF_PACE = 20
"""The pace is known after so many steps."""


class LoopTime:
    """What measuring, saving and writing take, kept free in the budget.

    Where a step takes longer than when these were measured, the machine has become slower, and more is kept.

    Args:
        budget: the time limit.
        min_tokens: fewer are never measured; the shape of a window is the same with more.
    """

    def __init__(self, budget: Budget, min_tokens: int) -> None:
        self._budget = budget
        self.min_tokens = max(MIN_VALID, min_tokens)
        self._a_token = self._save = self._cache = 0.0
        self._at_end = 0
        self._steps, self._pace_then = 0, 0.0
        self._writing = max(SECONDS_TO_WRITE, min(_MAX_WRITING_SECONDS, budget.share(_WRITING_SHARE)))

    def probe(self, predict: Callable[[int], None], tokens: int, checkpoint_bytes: int) -> None:
        """Time how long a measurement takes.

        Args:
            predict: predicts the first so many tokens of the text that is measured.
            tokens: of this text.
            checkpoint_bytes: of the arrays of a checkpoint.
        """
        count = min(tokens, self.min_tokens)
        predict(count)  # compiles
        while True:
            began = self._budget.seconds()
            predict(count)
            took = self._budget.seconds() - began
            if took >= _PROBE_SECONDS or count == tokens:
                break
            count = min(tokens, count * _PROBE_FACTOR)
        self._a_token = took / count
        self._save = checkpoint_bytes / _BYTES_PER_SECOND
        self._cache = min(_MAX_CACHE_SECONDS, self._budget.share(_CACHE_SHARE))

    def tokens_in_time(self, tokens: int) -> int:
        """Return how many of the tokens there is time to measure for the final figures."""
        return self._tokens_in(self._budget.share(_EVALUATION_SHARE), tokens, self.min_tokens)

    def tokens_of_epochs(self, tokens: int, epochs: int) -> int:
        """Return how many tokens each epoch is compared on, of those that the final figures are of."""
        low = max(self.min_tokens, _MIN_COMPARED)
        return self._tokens_in(self._budget.share(_EPOCHS_SHARE) / epochs, tokens, low)

    def _tokens_in(self, seconds: float, tokens: int, low: int) -> int:
        if self._a_token * tokens <= seconds:
            return tokens
        return min(tokens, max(low, int(seconds / self._a_token)))

    def hidden_in_time(self, tokens: int) -> int:
        """Return for how many tokens there is time to compute the hidden values."""
        allowed = self._budget.share(_HIDDEN_SHARE)
        return tokens if self._a_token * tokens <= allowed else int(allowed / self._a_token)

    def keep(self, tokens: int) -> None:
        """Reserve the time for what follows the steps, in which so many tokens are measured."""
        self._at_end = tokens
        self._reserve()

    def step_done(self, steps: int = 1) -> None:
        """Measure the pace; call after each step, or after some."""
        self._budget.step_done(steps)
        self._steps += steps
        if self._budget.deadline is None:
            return
        if self._steps - steps < _STEPS_OF_PACE <= self._steps:
            self._pace_then = self._budget.pace
        self._reserve()

    def pace_changes(self) -> None:
        """Measure the pace anew: steps take longer from now on, but the machine has not become slower."""
        self._steps, self._pace_then = 0, 0.0

    def evaluated(self, seconds: float, tokens: int) -> None:
        """Note how long an epoch took to measure."""
        self._a_token = seconds / tokens
        if self._steps >= _STEPS_OF_PACE:
            self._pace_then = self._budget.pace
        if self._budget.deadline is not None:
            self._reserve()

    def saved(self, seconds: float) -> None:
        """Note how long a checkpoint took."""
        self._save = seconds

    def ended(self) -> None:
        """Reserve the time for writing only: the last epoch is measured."""
        if self._budget.deadline is not None:
            self._budget.keep(self._writing * self._slowdown())

    def _reserve(self) -> None:
        needed = self._writing + self._save + _MARGIN * self._a_token * self._at_end
        self._budget.keep(self._slowdown() * needed + self._cache)

    def _slowdown(self) -> float:
        return max(1.0, self._budget.pace / self._pace_then) if self._pace_then else 1.0
