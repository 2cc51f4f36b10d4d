"""How many words the Kneser–Ney model is counted from where there is a time limit."""

from __future__ import annotations

from foretell.training.budget import Budget
from foretell.training.words.kneser_ney_fit import MAX_WORDS, Tokens, count, log_probabilities

_TIME_SHARE = 1 / 4
"""The part of the time left that the Kneser–Ney model may take."""

_PROBE_WORDS, _PROBE_MEASURED = 100_000, 10_000
"""Tokens that are counted, and validation tokens that are measured, to see how long it takes."""

_MARGIN = 1.5
"""A text ten times as long takes longer to sort than ten times as long; and pruning takes time too."""

_MEASUREMENTS = 3
"""The validation text is measured by the whole model, by the pruned one, and by single words."""


def words_in_time(train: Tokens, valid: Tokens, size: int, budget: Budget) -> int:
    """Return how many training tokens can be counted: those of the limit on memory, or those in time.

    Args:
        train: the training text.
        valid: the text to measure on.
        size: number of ids.
        budget: a quarter of the time that is left may be taken.

    Returns:
        At most MAX_WORDS; 0 where there is no time for any useful number.
    """
    if budget.deadline is None:
        return MAX_WORDS
    seconds = budget.share(_TIME_SHARE)
    words, measured = min(len(train), _PROBE_WORDS), min(len(valid), _PROBE_MEASURED)
    began = budget.seconds()
    model = count(train, size, max_words=words).model
    counted = budget.seconds()
    log_probabilities(model, valid.read(0, measured))
    of_valid = (budget.seconds() - counted) * _MEASUREMENTS * len(valid) / measured
    for_counting = seconds - (budget.seconds() - began) - of_valid
    a_word = _MARGIN * (counted - began) / words
    fitting = MAX_WORDS if a_word <= 0 < for_counting else int(for_counting / max(a_word, 1e-12))
    return 0 if fitting < words else min(MAX_WORDS, fitting)
