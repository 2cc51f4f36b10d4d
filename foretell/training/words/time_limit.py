"""The time limit: what the steps of a training, and its Kneser–Ney model, leave to what follows
them.
"""

from __future__ import annotations

from collections.abc import Callable

from foretell.training.budget import SECONDS_TO_WRITE, Budget
from foretell.training.words.data import MIN_VALID
from foretell.training.words.kneser_ney_fit import MAX_WORDS, count, log_probabilities
from foretell.training.words.token_file import TokenFile

EVALUATION_SHARE = 1 / 10
HIDDEN_SHARE = 1 / 3
DISTANCES_SHARE = 1 / 20
EPOCHS_SHARE = 1 / 40
"""The parts of the time left that the final metrics, the hidden values for the cache, comparing a
continued model with the old one, and measuring all epochs may take.
"""
MIN_COMPARED = 10_000
"""Tokens that each epoch is compared on in any case."""

_CACHE_SHARE = 1 / 20
_MAX_CACHE_SECONDS = 5.0
_WRITING_SHARE = 1 / 20
_MAX_WRITING_SECONDS = 10.0
"""The part of the time left, and the most seconds, that are kept for the cache, and for writing."""

_MARGIN = 1.25
"""Safety factor on measuring; fitting the interpolation weights takes less than a tenth of it."""

_PROBE_SECONDS = 0.2
_PROBE_FACTOR = 4
"""The evaluation is timed on so much text that it takes at least so long, or on all."""

_STEPS_OF_PACE = 20
"""The pace is known after so many steps."""

_COUNTING_SHARE = 1 / 4
"""The part of the time left that the Kneser–Ney model may take."""

_PROBE_WORDS = 100_000
_PROBE_MEASURED = 10_000
"""Tokens that are counted, and validation tokens that are measured, to see how long it takes."""

_COUNTING_MARGIN = 1.5
"""A text ten times as long takes longer to sort than ten times as long; and pruning takes time
too.
"""

_MEASUREMENTS = 2
"""The validation text is measured by the whole model, and by the pruned one."""


class LoopTime:
    """What measuring and writing take after the last step.

    Where a step takes longer than when these were measured, the machine has become slower, and more
    is kept. Fewer than `min_tokens` are never measured; the shape of a window is the same with
    more.

    Attributes:
        at_end: how many tokens are measured after the steps.
    """

    def __init__(self, budget: Budget, min_tokens: int) -> None:
        self._budget = budget
        self.min_tokens = max(MIN_VALID, min_tokens)
        self._a_token = 0.0
        self._cache = 0.0
        self._pace_then = 0.0
        self.at_end = 0
        self._writing = max(
            SECONDS_TO_WRITE, min(_MAX_WRITING_SECONDS, budget.share(_WRITING_SHARE))
        )

    def probe(self, predict: Callable[[int], object], tokens: int) -> None:
        """Time how long `predict` takes for the first so many of the tokens that are measured."""
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
        self._cache = min(_MAX_CACHE_SECONDS, self._budget.share(_CACHE_SHARE))

    def tokens_in(self, share: float, tokens: int, low: int = 0) -> int:
        """Return how many of some tokens can be measured in a part of the time left, at least
        `low`.
        """
        seconds = self._budget.share(share)
        if self._a_token * tokens <= seconds:
            return tokens
        return min(tokens, max(low, int(seconds / self._a_token)))

    def evaluated(self, seconds: float, tokens: int) -> None:
        """Note how long an epoch took to measure."""
        self._a_token = seconds / tokens
        self._pace_then = 0.0

    def seconds_after_steps(self) -> float:
        """Return the seconds to reserve for what follows the steps."""
        if not self._pace_then and self._budget.seen >= _STEPS_OF_PACE:
            self._pace_then = self._budget.pace
        needed = self._writing + _MARGIN * self._a_token * self.at_end
        return self._slowdown() * needed + self._cache

    def ended(self) -> None:
        """Reserve the time for writing only: the last epoch is measured."""
        self._budget.keep(self._writing * self._slowdown())

    def _slowdown(self) -> float:
        if not self._pace_then:
            return 1.0
        return max(1.0, self._budget.pace / self._pace_then)


def words_in_time(train: TokenFile, valid: TokenFile, size: int, budget: Budget) -> int:
    """Return how many training tokens can be counted: MAX_WORDS, or those in a quarter of the time
    left.

    0: there is no time for any useful number.
    """
    if budget.deadline is None:
        return MAX_WORDS
    seconds = budget.share(_COUNTING_SHARE)
    words = min(len(train), _PROBE_WORDS)
    measured = min(len(valid), _PROBE_MEASURED)
    began = budget.seconds()
    model = count(train.read(0, words), size).model
    counted = budget.seconds()
    log_probabilities(model, valid.read(0, measured))
    of_valid = (budget.seconds() - counted) * _MEASUREMENTS * len(valid) / measured
    for_counting = seconds - (budget.seconds() - began) - of_valid
    a_word = _COUNTING_MARGIN * (counted - began) / words
    fitting = int(min(MAX_WORDS, for_counting / max(a_word, 1e-12)))
    return 0 if fitting < words else fitting
