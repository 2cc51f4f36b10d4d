"""The Kneser–Ney model of a language model: word probabilities from counts of the n-grams before
them.

Interpolated modified Kneser-Ney smoothing: S. F. Chen and J. Goodman, "An Empirical Study of
Smoothing Techniques for Language Modeling", TR-10-98, Harvard University, 1998, section 3. For the
word w after the context h, the k - 1 words before it, where h' is h without its first word::

    p_k(w | h) = a_k(h w)  +  g(h) p_{k-1}(w | h')

a_k is the discounted relative frequency of w after h (0 where it was never counted there), and g(h)
the probability that the discounts took from h. Order 0 is the uniform distribution over all ids: so
no id has a probability of 0, and over all ids the probabilities sum to 1.
`training.words.kneser_ney_fit` counts.

A text is one row of ids, as the network reads it: an end of line is a word like any other, and
contexts reach over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from foretell.arrays import (
    Array,
    Float32s,
    Float64s,
    Integers,
    LogProbabilities,
    NgramKeys,
    TokenIds,
)
from foretell.ngrams.checked_arrays import Numbers, checked_array, checked_keys, in_range, wrong
from foretell.ngrams.keys import find


class Level(NamedTuple):
    """The n-grams of one order, numbered from 0 as their keys ascend.

    Attributes:
        keys: int64 [n-gram], ascending: the number of the context, an n-gram of the order below,
            times how many ids there are, plus the last word. At order 1 the context is the empty
            one, number 0.
        probabilities: float32 [n-gram], a(h w).
        backoffs: float32 [context], g(h), the weight of the order below; 1 where the context was
            not counted.
    """

    keys: NgramKeys
    probabilities: Float32s
    backoffs: Float32s


@dataclass(frozen=True)
class KneserNey:
    """A Kneser–Ney model.

    Attributes:
        levels: the n-grams of each order, from 1.
        size: number of ids, from 0.
        words: number of training tokens that were counted.
    """

    levels: tuple[Level, ...]
    size: int
    words: int

    def __len__(self) -> int:
        """Number of n-grams of all orders."""
        return sum(len(level.keys) for level in self.levels)

    @property
    def order(self) -> int:
        """Words of the longest n-grams."""
        return len(self.levels)

    def probabilities(self, ids: TokenIds) -> tuple[Float64s, Integers]:
        """Return the probability of each token of a text after the tokens before it.

        Args:
            ids: int [token], each from 0 to size - 1.

        Returns:
            float64 [token]; and int [token], words of the longest context that was counted, from 0
            to order - 1.
        """
        probabilities = np.full(len(ids), 1.0 / self.size)
        lengths = np.zeros(len(ids), np.int64)
        contexts = np.zeros(len(ids), np.int64)
        for length, level in enumerate(self.levels):
            here = np.flatnonzero(contexts >= 0)
            grams, discounted = _look_up(level, contexts[here] * self.size + ids[here])
            backoffs = level.backoffs[contexts[here]]
            probabilities[here] = discounted + backoffs * probabilities[here]
            lengths[here[backoffs < 1]] = length
            # An n-gram is the context, one order up, of the token after it.
            contexts[:] = -1
            before_end = here < len(ids) - 1
            contexts[here[before_end] + 1] = grams[before_end]
        return probabilities, lengths

    def distribution(self, before: TokenIds) -> tuple[Float32s, int]:
        """Return the probability of each id as the next one, float32 [id], and the length of the
        context.

        `before`, int [token], is the text so far; its last `order - 1` tokens are the context, or
        fewer.
        """
        probabilities = self._unigram_distribution.copy()
        longest = 0
        for length in range(1, min(self.order, len(before) + 1)):
            context = self._number(before[len(before) - length :])
            level = self.levels[length]
            if context is None or level.backoffs[context] >= 1:
                continue
            longest = length
            probabilities *= level.backoffs[context]
            first, last = np.searchsorted(
                level.keys, (context * self.size, (context + 1) * self.size)
            )
            probabilities[level.keys[first:last] - context * self.size] += level.probabilities[
                first:last
            ]
        return probabilities, longest

    @cached_property
    def _unigram_distribution(self) -> Float32s:
        """The probability of each id without a context, float32 [id]."""
        level = self.levels[0]
        probabilities = np.full(self.size, level.backoffs[0] / self.size, np.float32)
        probabilities[level.keys] += level.probabilities
        return probabilities

    def _number(self, gram: TokenIds) -> int | None:
        """Return the number of an n-gram, int [word], among those of its order; None: it was not
        counted.
        """
        number = 0
        for level, word in zip(self.levels, gram.tolist(), strict=False):
            key = number * self.size + word
            number = int(np.searchsorted(level.keys, key))
            if number == len(level.keys) or level.keys[number] != key:
                return None
        return number

    def to_arrays(self) -> dict[str, Array]:
        """Return the model as named arrays, ready for safetensors; `from_arrays` takes them
        back.
        """
        arrays = {"ngrams/size": np.array([self.size]), "ngrams/words": np.array([self.words])}
        for k, level in enumerate(self.levels, 1):
            arrays |= {f"ngrams/{k}/{name}": array for name, array in level._asdict().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> KneserNey:
        """Rebuild what `to_arrays` returned.

        Raises:
            ArtifactError: an array is missing, has another type or shape, or a number out of its
                range.
        """
        size, words = (
            int(checked_array(arrays, f"ngrams/{name}", np.int64, 1, 1)[0])
            for name in ("size", "words")
        )
        levels = list[Level]()
        contexts = 1
        while not levels or f"ngrams/{len(levels) + 1}/keys" in arrays:
            name = f"ngrams/{len(levels) + 1}"
            keys = checked_keys(arrays, f"{name}/keys", contexts * size)
            probabilities = checked_array(arrays, f"{name}/probabilities", np.float32, 1, len(keys))
            backoffs = checked_array(arrays, f"{name}/backoffs", np.float32, 1, contexts)
            for part, values in (("probabilities", probabilities), ("backoffs", backoffs)):
                if not ((values >= 0) & (values <= 1)).all():
                    raise wrong(f"{name}/{part}", "numbers from 0 to 1", "others")
            levels.append(Level(keys, probabilities, backoffs))
            contexts = len(keys)
        return cls(tuple(levels), size, words)


def _look_up(level: Level, keys: NgramKeys) -> tuple[Integers, Float64s]:
    """Return the number of each n-gram, int64, -1 where it was not counted, and its probability, 0
    there.
    """
    # In ascending order the search reads memory once from start to end; in random order it misses
    # the cache.
    order = np.argsort(keys)
    places = find(level.keys, keys[order])
    grams = np.empty(len(keys), np.int64)
    probabilities = np.empty(len(keys))
    grams[order] = places
    probabilities[order] = np.where(places >= 0, level.probabilities[places], 0.0)
    return grams, probabilities


@dataclass(frozen=True)
class Interpolation(Numbers):
    """The weight of the Kneser–Ney model where its probabilities are interpolated with those of the
    network.

    p(word) = (1 - w) · p_network(word) + w · p_kneser_ney(word)

    The weight w depends on the length of the context that the Kneser–Ney model has counted: it is
    larger after a phrase of the training text than after new words (Jelinek & Mercer, "Interpolated
    estimation of Markov source parameters from sparse data", 1980).

    Attributes:
        kneser_ney_weights: w for contexts of 0, 1, 2 … words, each from 0 to 1.
    """

    kneser_ney_weights: tuple[float, ...] = field(metadata=in_range(0, 1))

    def logs(
        self, network: LogProbabilities, kneser_ney: LogProbabilities, lengths: Integers
    ) -> LogProbabilities:
        """Return log-probabilities of both, by the lengths of the contexts; all [prediction]."""
        weights = np.array(self.kneser_ney_weights)[lengths]
        with np.errstate(divide="ignore"):  # a weight of 0 or 1 leaves one of the models out
            logs: LogProbabilities = np.logaddexp(
                np.log1p(-weights) + network, np.log(weights) + kneser_ney
            )
        return logs

    def distribution(self, network: Float32s, kneser_ney: Float32s, length: int) -> Float32s:
        """Return the probabilities [word] at one place, by the length of its context; overwrites
        both.
        """
        weight = np.float32(self.kneser_ney_weights[length])
        network *= 1 - weight
        kneser_ney *= weight
        network += kneser_ney
        return network


_MANY = 255
_CODES = 256
_VALUES = {"probabilities": "probability_values", "backoffs": "backoff_values"}


def compact(model: KneserNey, *, in_8_bits: bool) -> dict[str, Array]:
    """Return a model in few bytes, as arrays for an export; `expanded` takes them back.

    The n-grams of all orders stand one after another, in the order of their keys. An n-gram is its
    last word; of each context the number of n-grams is stored, so no key is needed. In 8 bits a
    probability is the place of the nearest value in a table, whose values have equal ratios: it
    changes by a few per cent at most.

    Returns:
        `levels` int64 [order], the n-grams of each order; of all n-grams their last `words` (16 or
        32 bits) and `probabilities`; of all but the longest `counts`, 8 bits, the number of n-grams
        that they are the context of, 255 for the next number of `many`; and the `backoffs` of the
        empty context, then of those with a count. In 8 bits also `probability_values` and
        `backoff_values`, float32 [256].
    """
    size = model.size
    levels = model.levels
    number = np.uint16 if size <= 1 << 16 else np.uint32
    counts_by_order = [
        np.bincount(level.keys // size, minlength=len(below.keys))
        for below, level in pairwise(levels)
    ]
    counts = np.concatenate([*counts_by_order, np.zeros(0, np.int64)])
    kept = [level.backoffs[of > 0] for level, of in zip(levels[1:], counts_by_order, strict=True)]
    arrays: dict[str, Array] = {
        "levels": np.array([len(level.keys) for level in levels]),
        "words": np.concatenate([level.keys % size for level in levels]).astype(number),
        "counts": np.minimum(counts, _MANY).astype(np.uint8),
        "many": counts[counts >= _MANY].astype(np.uint32),
        "probabilities": np.concatenate([level.probabilities for level in levels]),
        "backoffs": np.concatenate([levels[0].backoffs, *kept]),
    }
    if in_8_bits:
        for name, values in _VALUES.items():
            arrays[name], arrays[values] = _coded(arrays[name])
    return arrays


def expanded(arrays: Mapping[str, Array], size: int) -> KneserNey:
    """Rebuild the model, of `size` ids, that `compact` returned as arrays; in 8 bits as rounded."""
    probabilities, backoffs = (
        arrays[values][arrays[name]] if values in arrays else arrays[name]
        for name, values in _VALUES.items()
    )
    counts = arrays["counts"].astype(np.int64)
    counts[counts == _MANY] = arrays["many"]
    words = arrays["words"].astype(np.int64)
    ends = np.cumsum(arrays["levels"])[:-1]
    parts = (np.split(array, ends) for array in (words, probabilities, counts))
    levels = list[Level]()
    contexts = np.zeros(arrays["levels"][0], np.int64)
    before, left = np.split(backoffs, [1])
    for last, discounted, following in zip(*parts, strict=True):
        levels.append(Level(contexts * size + last, discounted, before))
        contexts = np.repeat(np.arange(len(following)), following)
        before = np.ones(len(last), np.float32)
        counted = np.flatnonzero(following)
        before[counted], left = np.split(left, [len(counted)])
    return KneserNey(tuple(levels), size, 0)


def _coded(values: Float32s) -> tuple[Array, Float32s]:
    """Return a code for each value, uint8, and the value of each code; code 0 is 0."""
    logs = np.log(values[values > 0])
    low = logs.min(initial=0)
    high = logs.max(initial=-1)
    table = np.zeros(_CODES, np.float32)
    table[1:] = np.exp(np.linspace(low, high, _CODES - 1))
    codes = np.zeros(len(values), np.uint8)
    step = (high - low) / (_CODES - 2) or 1
    codes[values > 0] = 1 + np.round((logs - low) / step).astype(np.uint8)
    return codes, table
