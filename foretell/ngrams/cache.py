"""The continuous cache of a language model: words used a short time ago become more probable.

Grave, Joulin and Usunier, "Improving Neural Language Models with a Continuous Cache", ICLR 2017.
The network has a hidden value h_t after each word x_t of a text. The cache holds the last N pairs
of a hidden value and the word that followed it. A word is as probable as the hidden values before
it are similar to the present one (their equation 2)::

    p_cache(w) ∝ Σ_{i < t, x_{i+1} = w} exp(θ h_t · h_i)
    p(w) = (1 - λ_n) · p_model(w) + λ_n · p_cache(w)        λ_n = λ · n / (n + 64)

p_model is the model without the cache: the network, interpolated with a Kneser–Ney model where
there is one. The weight λ_n grows with the number n of pairs in the cache, 0 where there are none:
a cache of ten words is rarely right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from foretell.arrays import Float32s, Float64s, Floats, Integers, LogProbabilities, TokenIds
from foretell.ngrams.checked_arrays import Numbers, in_range

MAX_SIZE = 10_000
"""Pairs that a cache may hold: 10 MB with 256 hidden values."""

HALF = 64
"""Pairs with which a cache has half its weight."""

NONE = -2
PENDING = -1
"""In the place of the word after a hidden value: no such pair, and a word that is not yet known."""

_ROWS = 256
"""Places that `probabilities` compares at a time."""


@dataclass(frozen=True)
class ContinuousCache(Numbers):
    """The parameters of a cache. The defaults are those of a model of the Penn Treebank.

    Attributes:
        theta: θ, at least 0: 0 counts all words alike, larger values prefer words after similar
            contexts.
        weight: λ, the weight of a large cache, from 0 to below 1.
    """

    theta: float = field(default=0.5, metadata=in_range(0))
    weight: float = field(default=0.14, metadata=in_range(0, math.nextafter(1, 0)))

    def add(self, logp: LogProbabilities, products: Floats, words: TokenIds) -> LogProbabilities:
        """Return the log-probabilities [word] of model and cache together.

        `products` are h_t · h_i of the hidden value at this place and each in the cache, [pair],
        `words` the word after each; `NONE` or `PENDING`: an empty place.
        """
        is_pair = words >= 0
        if not is_pair.any() or self.weight == 0:
            return logp
        words = words[is_pair]
        similar = np.exp(_shifted(self.theta * products[is_pair]))
        cached = np.bincount(words, similar, len(logp)) / similar.sum(dtype=np.float64)
        weight = float(self.weight * fill(np.array(len(words))))
        both = logp + logp.dtype.type(math.log1p(-weight))
        known = np.flatnonzero(cached)
        both[known] = np.logaddexp(both[known], math.log(weight) + np.log(cached[known]))
        return both

    def logs(self, model: LogProbabilities, cached: Floats, pairs: Integers) -> LogProbabilities:
        """Return log-probabilities [prediction] of model and cache, with the results of
        `probabilities`.
        """
        weights = self.weight * fill(pairs)
        with np.errstate(divide="ignore"):  # the cache gives most words no probability
            logs: LogProbabilities = np.logaddexp(
                model + np.log1p(-weights), np.log(weights * cached)
            )
        return logs


def fill(pairs: Integers | Floats) -> Float64s:
    """Return the part of its weight that a cache of so many pairs has, 0 to 1."""
    return pairs / (pairs + HALF)


def probabilities(
    theta: float, hidden: Floats, words: TokenIds, size: int, *, first: int
) -> tuple[Float64s, Integers]:
    """Return the probability that a cache gives the word after each place of a text.

    Args:
        theta: θ.
        hidden: the hidden value of each place, [place, embedding].
        words: the word after each, [place]; `NONE`: the place never becomes a pair.
        size: pairs in the cache, at most.
        first: leave out the places before this one; they only become pairs.

    Returns:
        float64 [place - first]; and int [place - first], the number of pairs in the cache.
    """
    cached = np.zeros(len(words))
    for places, earlier, similar, sums in _similarities(theta, hidden, words, size, first):
        is_word = words[None, earlier] == words[places, None]
        cached[places] = np.where(is_word, similar, 0).sum(1, dtype=np.float64) / sums
    return cached[first:], _pairs(words, size)[first:]


def distributions(
    theta: float, hidden: Floats, words: TokenIds, size: int, *, first: int, n_words: int
) -> tuple[Float32s, Integers]:
    """Return the probability that a cache gives each of `n_words` words, where `probabilities`
    gives one.

    Returns:
        float32 [place - first, word], zeros where the cache is empty; and int [place - first].
    """
    cached = np.zeros((len(words) - first, n_words), np.float32)
    for places, earlier, similar, sums in _similarities(theta, hidden, words, size, first):
        rows, pairs = np.nonzero(similar)
        cells = rows * n_words + words[earlier][pairs]
        sums_of_cells = np.bincount(cells, similar[rows, pairs], len(similar) * n_words)
        cached[places.start - first : places.stop - first] = (
            sums_of_cells.reshape(-1, n_words) / sums[:, None]
        )
    return cached, _pairs(words, size)[first:]


def _pairs(words: TokenIds, size: int) -> Integers:
    """Return the number of pairs in the cache at each place, [place]."""
    before = np.concatenate([[0], np.cumsum(words >= 0)])
    places = np.arange(len(words))
    pairs: Integers = before[places] - before[np.maximum(places - size, 0)]
    return pairs


def _similarities(
    theta: float, hidden: Floats, words: TokenIds, size: int, first: int
) -> Iterator[tuple[slice, slice, Floats, Float64s]]:
    """Yield blocks of places, and the earlier places of the pairs of their caches.

    The third value is exp(θ h · h) up to a factor, [place, pair], 0 for a pair that is not in the
    cache of this place; the fourth its sum over the pairs, [place], or a tiny number where there is
    none.
    """
    for start in range(first, len(words), _ROWS):
        stop = min(start + _ROWS, len(words))
        low = max(0, start - size)
        places = np.arange(start, stop)[:, None]
        earlier = np.arange(low, stop)[None]
        is_pair = (earlier < places) & (earlier >= places - size) & (words[None, low:stop] >= 0)
        # The similarities of all places of the block at once, those that are in no cache included.
        scores = np.where(is_pair, theta * (hidden[start:stop] @ hidden[low:stop].T), -np.inf)
        similar = np.exp(_shifted(scores))
        sums = np.maximum(similar.sum(1, dtype=np.float64), np.finfo(np.float32).tiny)
        yield slice(start, stop), slice(low, stop), similar, sums


def _shifted(scores: Floats) -> Floats:
    """Return the scores minus the largest of each row, which is finite where there is any."""
    largest = scores.max(axis=-1, keepdims=True)
    return scores - np.where(np.isfinite(largest), largest, scores.dtype.type(0))
