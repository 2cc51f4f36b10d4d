"""Counting n-grams: the Kneser–Ney model of a text, whole or pruned to a number of n-grams.

It is the baseline of an LSTM language model and can be a part of it (`foretell.ngrams.kneser_ney`
has the formulas and the paper). There are three discounts for each order, for counts of 1, of 2 and
of 3 or more. The count of an n-gram at the highest order is how often it occurs; at a lower order,
how many different words precede it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foretell.arrays import Float32s, Float64s, Int32s, Int64s, Integers, TokenIds
from foretell.config import WordsSettings
from foretell.metrics import perplexity_of
from foretell.ngrams.kneser_ney import KneserNey, Level
from foretell.ngrams.merging import merged
from foretell.ngrams.pruning import pruned
from foretell.training.events import Listener, Note
from foretell.training.words.token_file import TokenFile

ORDER = 5
"""Words of the longest n-grams. Order 6 would lower the test perplexity on the Penn Treebank by 0.3
%.
"""

MAX_WORDS = 10_000_000
"""Training tokens that are counted at most: some 0.7 GB of memory at the peak and 15 seconds of one
core. An interrupted fit is repeated."""

# For texts that are too small or too regular to estimate discounts: those of KenLM's
# --discount_fallback.
_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)

NEW_WEIGHTS = (1.0, 4.0, 12.0)
"""How often a token of the new text may count where an old model is continued: one speaker's text
is small, and the likest to what is to be predicted.
"""

_MAX_NGRAMS = 1_000_000
_MAX_LARGE = 2_000_000
"""N-grams that a model keeps, and beside a network of more than 256 units."""

# N-grams that are processed at a time.
_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class KneserNeyFit:
    """A Kneser–Ney model of the training text and its predictions of the validation text.

    Attributes:
        model: with `settings.kneser_ney` pruned, else whole.
        logs: its log-probability of every validation token but the first, float64 [token - 1].
        lengths: number of context words it used for each, int64 [token - 1].
        perplexity: validation perplexity of the whole model.
    """

    model: KneserNey
    logs: Float64s
    lengths: Integers
    perplexity: float


def fit_kneser_ney(
    train: TokenFile,
    valid: TokenFile,
    size: int,
    settings: WordsSettings,
    listener: Listener,
    max_words: int = MAX_WORDS,
    old: KneserNey | None = None,
) -> list[KneserNeyFit]:
    """Count the first `max_words` tokens of the training text and measure the model on the
    validation text.

    `old` is the model of an older text. The result is then one model for each of `NEW_WEIGHTS`, in
    which both are merged; else it is one model.
    """
    counted = count(train.read(0, min(len(train), max_words)), size)
    model = counted.model
    ids = valid.read(0, len(valid))
    logs, lengths = log_probabilities(model, ids)
    whole = perplexity_of(logs)
    text = f"Kneser–Ney model of {model.order}-grams: validation perplexity {whole:,.1f}"
    if model.words < len(train):
        text = f"{text}, from the first {model.words:,} words"
    listener(Note(text))
    if not settings.kneser_ney:
        return [KneserNeyFit(model, logs, lengths, whole)]
    model = counted.pruned(_MAX_LARGE if settings.units > 256 else _MAX_NGRAMS)
    models = [model]
    if old is not None:
        models = [merged(old, model, weight) for weight in NEW_WEIGHTS]
    return [KneserNeyFit(model, *log_probabilities(model, ids), whole) for model in models]


class Counted(NamedTuple):
    """The n-grams of a text.

    Attributes:
        model: all of them, smoothed.
        occurrences: for each order, int32 [n-gram], how often each occurs.
    """

    model: KneserNey
    occurrences: tuple[Int32s, ...]

    def pruned(self, max_ngrams: int) -> KneserNey:
        """Return a model of at most `max_ngrams` n-grams of two or more words; single words are
        always kept.

        Those are kept without which the log-likelihood of the text would decrease most. The
        decrease is the occurrences times log(p_k / (g p_{k-1})), the weighted difference of Seymore
        and Rosenfeld ("Scalable Backoff Language Models", ICSLP 1996, section 3.2). An n-gram with
        which a kept n-gram begins is kept too. The probabilities still sum to 1.
        """
        return pruned(self.model, max_ngrams, lambda model: _gains(model, self.occurrences))


def count(ids: Integers, size: int, order: int = ORDER) -> Counted:
    """Count the n-grams of a text, int [token], of at least one token, with ids from 0 to `size` -
    1.
    """
    levels: list[Level] = []
    occurrences: list[Int32s] = []
    n = len(ids) + 1
    contexts = 1
    # The n-gram of no words starts at every place and after the last.
    every = (np.zeros(n, np.int32), np.arange(n, dtype=np.int32))
    grams = _Grams(np.zeros(1, np.int64), np.array([n], np.int32), *every)
    del every
    for k in range(1, min(order, len(ids)) + 1):
        keys = grams.keys
        counts = grams.counts
        grams, continuations = _lengthen(grams, ids[k - 1 :], size)
        if k > 1:
            # The counts of the shorter n-grams are numbers of words before them: they need the
            # longer ones.
            levels.append(_smooth(keys, continuations, contexts, size))
            occurrences.append(counts)
            contexts = len(keys)
    keys = grams.keys
    counts = grams.counts
    del grams  # frees two integers for each word before the step that needs most memory
    levels.append(_smooth(keys, counts, contexts, size))
    return Counted(KneserNey(tuple(levels), size, len(ids)), (*occurrences, counts))


def log_probabilities(model: KneserNey, ids: TokenIds) -> tuple[Float64s, Integers]:
    """Return the log-probability of every token but the first, which is context only, float64
    [token - 1].

    And the number of context words that each depends on (`KneserNey.probabilities`), int64 [token -
    1].
    """
    probabilities, lengths = model.probabilities(ids)
    return np.log(probabilities[1:]), lengths[1:]


def _gains(model: KneserNey, occurrences: tuple[Int32s, ...]) -> list[Float32s]:
    """Return the gain of each n-gram of each order (`Counted.pruned`), float32 [n-gram]; 0 at order
    1.
    """
    levels = model.levels
    size = model.size
    below = levels[0].probabilities + levels[0].backoffs[0] / np.float32(size)
    gains = [np.zeros(len(below), np.float32)]
    # The number, one order below, of each n-gram without its first word. All exist: nothing is
    # pruned yet.
    tails = np.zeros(len(below), np.int32)
    for shorter, level, n in zip(levels, levels[1:], occurrences[1:], strict=False):
        here = np.empty(len(level.keys), np.int32)
        gain = np.empty(len(here), np.float32)
        probabilities = np.empty(len(here), np.float32)
        # In chunks: the intermediate arrays of a whole order would take more memory than the model.
        for start in range(0, len(here), _CHUNK):
            part = slice(start, start + _CHUNK)
            contexts, words = np.divmod(level.keys[part], size)
            here[part] = np.searchsorted(
                shorter.keys, tails[contexts].astype(np.int64) * size + words
            )
            lower = level.backoffs[contexts] * below[here[part]]
            probabilities[part] = level.probabilities[part] + lower
            gain[part] = n[part] * np.log(probabilities[part] / lower)
        gains.append(gain)
        tails = here
        below = probabilities
    return gains


class _Grams(NamedTuple):
    """The different n-grams of one order in a text.

    Attributes:
        keys: int64 [n-gram], as in `Level`.
        counts: int32 [n-gram], how often each occurs.
        numbers: int32 [place], the number of the n-gram that starts there.
        places: int32 [place], the places in the order of their n-grams.
    """

    keys: Int64s
    counts: Int32s
    numbers: Int32s
    places: Int32s


def _lengthen(grams: _Grams, last: Integers, size: int) -> tuple[_Grams, Int32s]:
    """Return the n-grams that are one word longer, and how many different words precede each of
    `grams`.

    `last` is the last word of the longer n-gram that starts at a place, int [place]; one place
    fewer.
    """
    places = grams.places[grams.places < len(last)]
    keys = grams.numbers[places].astype(np.int64)
    keys *= size
    keys += last[places]
    # They are already in the order of their contexts, which a stable sort (Timsort) makes use of:
    # several times as fast as on another order. Ids of single words are mostly below 65,536:
    # NumPy's radix sort.
    small = np.uint16 if int(keys.max()) < 1 << 16 else np.int64
    order = np.argsort(keys.astype(small, copy=False), kind="stable")
    keys = keys[order]
    places = places[order]
    del order
    is_first = np.empty(len(keys), bool)
    is_first[0] = True
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    firsts = np.flatnonzero(is_first)
    counts = np.diff(firsts, append=len(keys)).astype(np.int32)
    keys = keys[firsts]
    endings = grams.numbers[places[firsts] + 1]
    continuations = np.bincount(endings, minlength=len(grams.keys)).astype(np.int32)
    numbers = np.empty(len(places), np.int32)
    numbers[places] = np.cumsum(is_first, dtype=np.int32) - np.int32(1)
    return _Grams(keys, counts, numbers, places), continuations


def _smooth(keys: Int64s, counts: Int32s, contexts: int, size: int) -> Level:
    """Return the level of n-grams with their counts, after so many different contexts."""
    taken = np.array([0.0, *_discounts(counts)], np.float32)[np.minimum(counts, 3)]
    context = (keys // size).astype(np.int32)
    totals = np.bincount(context, counts, contexts).astype(np.float32)
    backoffs = np.bincount(context, taken, contexts).astype(np.float32)
    # The last context of the text has no word after it, the first n-gram none before it.
    backoffs[totals == 0] = 1.0
    totals[totals == 0] = 1.0
    backoffs /= totals
    probabilities = counts.astype(np.float32)
    probabilities -= taken
    probabilities /= totals[context]
    return Level(keys, probabilities, backoffs)


def _discounts(counts: Int32s) -> list[float]:
    """Return the discounts for counts of 1, 2 and 3 or more (Chen & Goodman 1998, section 3).

    With n_i, the number of `counts` that are i, and Y = n_1 / (n_1 + 2 n_2): D_i = i - (i + 1) Y
    n_{i+1} / n_i. One that is undefined, leaves no probability for unseen words (D_i <= 0) or
    exceeds the count (D_i > i) is replaced by its fallback.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    discounts = list(_FALLBACK_DISCOUNTS)
    for i in (1, 2, 3):
        if n[1] > 0 and n[i] > 0 and n[i + 1] > 0:
            discount = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[i + 1] / n[i]
            if 0 < discount <= i:
                discounts[i - 1] = float(discount)
    return discounts
