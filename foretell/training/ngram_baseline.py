"""What counting words gives: the perplexities of a Kneser-Ney n-gram model, the figure for an LSTM to beat.

Interpolated modified Kneser-Ney smoothing: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing
Techniques for Language Modeling", TR-10-98, Harvard University, 1998, section 3. For the word w after the
context h, the k - 1 words before it, where h' is h without its first word::

    p_k(w | h) = (c(h w) - D_k(c(h w))) / sum_v c(h v)  +  g(h) p_{k-1}(w | h')

c is how often the k-gram occurs at the highest order, and at a lower one how many different words precede it;
D_k is one of three discounts, for counts of 1, of 2 and of 3 or more; g(h) is the share that the discounts
took from h. Below order 1 stands the uniform distribution over all ids: so no id has a probability of 0, and
over all ids the probabilities sum to 1.

A corpus is one row of tokens, as the network reads it: an end of line is a word like any other, and contexts
reach over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from foretell.errors import DataError, SettingsError

Array = np.ndarray[Any, Any]

ORDER = 5
"""The longest n-gram, in words. A sixth takes 0.3 % off the test perplexity of the Penn Treebank."""

MOST_WORDS = 20_000_000
"""Training tokens that are counted at most: some 1.4 GB of memory at the peak, for English."""

# Where a text is too small or too regular to estimate them: those of KenLM's --discount_fallback.
_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)

# Held-out tokens that are looked up at a time.
_CHUNK = 1 << 20


class Tokens(Protocol):
    """What is read of a token file (`words_data.TokenFile`)."""

    def __len__(self) -> int:
        """Return how many tokens there are."""

    def read(self, start: int, count: int) -> Array:
        """Return `count` ids from `start`."""


@dataclass(frozen=True)
class Level:
    """The n-grams of one order, numbered from 0 as their keys ascend.

    Attributes:
        keys: int64 [n-gram], ascending: the number of the context, an n-gram of the order below, times how
            many ids there are, plus the last word. At order 1 the context is the empty one, number 0.
        probabilities: float32 [n-gram], the discounted relative frequency after its context.
        backoffs: float32 [context], g(h), the weight of the order below; 1 where the context tells nothing.
        discounts: those of counts 1, 2 and 3 or more.
    """

    keys: Array
    probabilities: Array
    backoffs: Array
    discounts: tuple[float, float, float]


@dataclass(frozen=True)
class NgramModel:
    """An n-gram model that `kneser_ney` made.

    Attributes:
        levels: one for each order, from 1.
        size: how many ids there are, from 0.
        words: how many training tokens were counted.
    """

    levels: tuple[Level, ...]
    size: int
    words: int

    @property
    def order(self) -> int:
        """The longest n-gram, in words."""
        return len(self.levels)

    def probabilities(self, ids: Array) -> Array:
        """Return how likely each token is after those before it, of which the last `order - 1` count.

        Args:
            ids: int [token], each from 0 to size - 1.

        Returns:
            float64 [token].
        """
        found = np.full(len(ids), 1.0 / self.size)
        contexts = np.zeros(len(ids), np.int64)
        for level in self.levels:
            here = np.flatnonzero(contexts >= 0)
            grams, probabilities = _look_up(level, contexts[here] * self.size + ids[here])
            found[here] = probabilities + level.backoffs[contexts[here]] * found[here]
            # An n-gram is the context, one order up, of the token after it.
            contexts[:] = -1
            before_end = here < len(ids) - 1
            contexts[here[before_end] + 1] = grams[before_end]
        return found


@dataclass(frozen=True)
class Baselines:
    """What counting gives on a held-out text.

    Attributes:
        unigram: perplexity per token of the words' frequencies alone (the same smoothing, at order 1).
        kneser_ney: perplexity per token of the n-grams.
        order: the longest n-gram, in words.
        words: how many training tokens were counted.
    """

    unigram: float
    kneser_ney: float
    order: int
    words: int


def baseline_perplexities(
    train: Array | Tokens,
    held_out: Array | Tokens,
    size: int,
    *,
    order: int = ORDER,
    most_words: int = MOST_WORDS,
) -> Baselines:
    """Return the perplexities of the unigrams and the n-grams of `train` on `held_out`.

    Args:
        train: int [token], or a token file.
        held_out: the same; every token but the first is predicted, as by `words_loop.Loop.evaluate`.
        size: how many ids there are, from 0, those that never occur included.
        order: the longest n-gram, in words; the whole text where that is shorter.
        most_words: of a longer text, only so many tokens from its start are counted.

    Raises:
        DataError: no token to count, fewer than two to measure on, or an id out of range.
        SettingsError: `order` or `most_words` is below 1.
    """
    unigram = perplexity(kneser_ney(train, size, order=1, most_words=most_words), held_out)
    model = kneser_ney(train, size, order=order, most_words=most_words)
    return Baselines(unigram, perplexity(model, held_out), model.order, model.words)


def kneser_ney(
    train: Array | Tokens, size: int, *, order: int = ORDER, most_words: int = MOST_WORDS
) -> NgramModel:
    """Count the n-grams of `train` and smooth them. Arguments and errors: `baseline_perplexities`."""
    for name, value in (("order", order), ("most_words", most_words)):
        if value < 1:
            raise SettingsError(
                expected="at least 1", found=str(value), where=f"the n-gram baseline's {name}"
            )
    if len(train) == 0:
        raise DataError(expected="words to count", found="none", where="the n-gram baseline's training text")
    ids = _read(train, 0, min(len(train), most_words), size)
    return NgramModel(tuple(_levels(ids, size, min(order, len(ids)))), size, len(ids))


def perplexity(model: NgramModel, held_out: Array | Tokens) -> float:
    """Return the perplexity per token: e to the mean negative log-probability, in nats.

    Every token but the first is predicted, from those before it in `held_out`; the first is context only.

    Raises:
        DataError: fewer than two tokens, or an id that is not below the model's size.
    """
    count = len(held_out)
    if count < 2:
        raise DataError(
            expected="at least two words to measure on",
            found=str(count),
            where="the n-gram baseline's held-out text",
        )
    total = 0.0
    for start in range(1, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        before = min(start, max(1, model.order - 1))
        ids = _read(held_out, start - before, stop - start + before, model.size)
        total -= float(np.log(model.probabilities(ids)[before:]).sum())
    return math.exp(total / (count - 1))


def _levels(ids: Array, size: int, order: int) -> list[Level]:
    """Return the levels of orders 1 to `order`, which is at most the number of tokens."""
    levels: list[Level] = []
    grams = _empty_grams(len(ids))
    contexts = 1
    for k in range(1, order + 1):
        keys = grams.keys
        grams, continuations = _lengthen(grams, ids[k - 1 :], size)
        if k > 1:
            # Only the longer n-grams tell after how many words the shorter ones were seen.
            levels.append(_smooth(keys, continuations, contexts, size))
            contexts = len(keys)
    keys, counts = grams.keys, grams.counts
    del grams  # a number and a place for each word: the last step needs that room
    levels.append(_smooth(keys, counts, contexts, size))
    return levels


@dataclass(frozen=True)
class _Grams:
    """The different n-grams of one order in a text.

    Attributes:
        keys: int64 [n-gram], as in `Level`.
        counts: int32 [n-gram], how often each occurs.
        numbers: int32 [place], the number of the n-gram that starts there.
        places: int32 [place], the places in the order of their n-grams.
    """

    keys: Array
    counts: Array
    numbers: Array
    places: Array


def _empty_grams(words: int) -> _Grams:
    """Return the n-gram of no words, which starts at every place and after the last."""
    everywhere = np.arange(words + 1, dtype=np.int32)
    return _Grams(
        np.zeros(1, np.int64), np.array([words + 1], np.int32), np.zeros_like(everywhere), everywhere
    )


def _lengthen(grams: _Grams, last: Array, size: int) -> tuple[_Grams, Array]:
    """Return the n-grams that are one word longer, and how many of those end in each of `grams`.

    Args:
        grams: those of the order below.
        last: int [place], the last word of the longer n-gram that starts there; one place fewer than before.
        size: how many ids there are.

    Returns:
        the longer n-grams; int32 [n-gram of `grams`], which is how many different words precede it.
    """
    places = grams.places[grams.places < len(last)]
    keys = grams.numbers[places].astype(np.int64)
    keys *= size
    keys += last[places]
    # They lie in the order of their contexts already, which a stable sort (Timsort) makes use of: several
    # times as fast as sorting them as they come. Words alone are mostly below 65,536: NumPy's radix sort.
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


def _smooth(keys: Array, counts: Array, contexts: int, size: int) -> Level:
    """Return the level of some n-grams.

    Args:
        keys: int64 [n-gram], as in `Level`.
        counts: int32 [n-gram], how often each occurs (highest order) or how many different words precede it.
        contexts: how many n-grams the order below has.
        size: how many ids there are.
    """
    discounts = _discounts(counts)
    taken = np.array([0.0, *discounts], np.float32)[np.minimum(counts, 3)]
    context = (keys // size).astype(np.int32)
    totals = np.bincount(context, counts, contexts).astype(np.float32)
    backoffs = np.bincount(context, taken, contexts).astype(np.float32)
    # At the end of the text a context has no word after it, at the start an n-gram none before it.
    backoffs[totals == 0] = 1.0
    totals[totals == 0] = 1.0
    backoffs /= totals
    probabilities = counts.astype(np.float32)
    probabilities -= taken
    probabilities /= totals[context]
    return Level(keys, probabilities, backoffs, discounts)


def _discounts(counts: Array) -> tuple[float, float, float]:
    """Return the discounts for counts of 1, 2 and 3 or more (Chen & Goodman 1998, section 3).

    With n_i for how many of `counts` are i, and Y = n_1 / (n_1 + 2 n_2): D_i = i - (i + 1) Y n_{i+1} / n_i.
    One that is undefined, would leave unseen words nothing (D_i <= 0) or takes more than there is (D_i > i)
    falls back.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    found = list(_FALLBACK_DISCOUNTS)
    for i in (1, 2, 3):
        if n[1] > 0 and n[i] > 0 and n[i + 1] > 0:
            discount = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[i + 1] / n[i]
            if 0 < discount <= i:
                found[i - 1] = float(discount)
    return found[0], found[1], found[2]


def _look_up(level: Level, keys: Array) -> tuple[Array, Array]:
    """Return the number of each n-gram, int64, -1 where it was never seen, and its probability, 0 there."""
    # In ascending order the search walks through memory once; at random it would wait for memory each time.
    order = np.argsort(keys)
    ascending = keys[order]
    at = np.minimum(np.searchsorted(level.keys, ascending), len(level.keys) - 1)
    is_known = level.keys[at] == ascending
    grams = np.empty(len(keys), np.int64)
    grams[order] = np.where(is_known, at, -1)
    probabilities = np.empty(len(keys))
    probabilities[order] = np.where(is_known, level.probabilities[at], 0.0)
    return grams, probabilities


def _read(tokens: Array | Tokens, start: int, count: int, size: int) -> Array:
    """Return `count` ids from `start`, checked: an id out of range would be taken for another n-gram."""
    ids = tokens[start : start + count] if isinstance(tokens, np.ndarray) else tokens.read(start, count)
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= size):
        raise DataError(
            expected=f"ids from 0 to {size - 1:,}",
            found=f"{int(ids.min())} to {int(ids.max()):,}",
            where="the n-gram baseline",
        )
    return ids
