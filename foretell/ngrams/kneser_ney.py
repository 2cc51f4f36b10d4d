"""The n-gram model of a language model: how often which word followed which few, smoothed by Kneser and Ney.

Interpolated modified Kneser-Ney smoothing: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing
Techniques for Language Modeling", TR-10-98, Harvard University, 1998, section 3. For the word w after the
context h, the k - 1 words before it, where h' is h without its first word::

    p_k(w | h) = a_k(h w)  +  g(h) p_{k-1}(w | h')

a_k is the discounted relative frequency of w after h, 0 where it was never seen there, and g(h) the share
that the discounts took from h. Below order 1 stands the uniform distribution over all ids: so no id has a
probability of 0, and over all ids the probabilities sum to 1. `training.words.kneser_ney_fit` counts.

A text is one row of ids, as the network reads it: an end of line is a word like any other, and contexts reach
over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from foretell.errors import ArtifactError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Level:
    """The n-grams of one order, numbered from 0 as their keys ascend.

    Attributes:
        keys: int64 [n-gram], ascending: the number of the context, an n-gram of the order below, times how
            many ids there are, plus the last word. At order 1 the context is the empty one, number 0.
        probabilities: float32 [n-gram], a(h w).
        backoffs: float32 [context], g(h), the weight of the order below; 1 where the context tells nothing.
    """

    keys: Array
    probabilities: Array
    backoffs: Array


@dataclass(frozen=True)
class KneserNey:
    """An n-gram model.

    Attributes:
        levels: one for each order, from 1.
        size: how many ids there are, from 0.
        words: how many training tokens were counted.
    """

    levels: tuple[Level, ...]
    size: int
    words: int

    def __len__(self) -> int:
        """How many n-grams it holds."""
        return sum(len(level.keys) for level in self.levels)

    @property
    def order(self) -> int:
        """The longest n-gram, in words."""
        return len(self.levels)

    def probabilities(self, ids: Array) -> tuple[Array, Array]:
        """Return how likely each token of a text is after those before it.

        Args:
            ids: int [token], each from 0 to size - 1.

        Returns:
            float64 [token]; and int [token], how many words the longest context has that tells something,
            from 0 to order - 1.
        """
        found = np.full(len(ids), 1.0 / self.size)
        lengths = np.zeros(len(ids), np.int64)
        contexts = np.zeros(len(ids), np.int64)
        for length, level in enumerate(self.levels):
            here = np.flatnonzero(contexts >= 0)
            grams, probabilities = _look_up(level, contexts[here] * self.size + ids[here])
            backoffs = level.backoffs[contexts[here]]
            found[here] = probabilities + backoffs * found[here]
            lengths[here[backoffs < 1]] = length
            # An n-gram is the context, one order up, of the token after it.
            contexts[:] = -1
            before_end = here < len(ids) - 1
            contexts[here[before_end] + 1] = grams[before_end]
        return found, lengths

    def distribution(self, before: Array) -> tuple[Array, int]:
        """Return how likely each id is as the next one, float32 [id], and the length of its context.

        Args:
            before: int [token], the text so far, of which the last `order - 1` tokens count; may be empty.
        """
        found, longest = self._of_single_words.copy(), 0
        for length in range(1, min(self.order, len(before) + 1)):
            context = self._number(before[len(before) - length :])
            level = self.levels[length]
            if context is None or level.backoffs[context] >= 1:
                continue
            longest = length
            found *= level.backoffs[context]
            first, last = np.searchsorted(level.keys, (context * self.size, (context + 1) * self.size))
            found[level.keys[first:last] - context * self.size] += level.probabilities[first:last]
        return found, longest

    @cached_property
    def _of_single_words(self) -> Array:
        """What order 1 gives each id, float32 [id]."""
        level = self.levels[0]
        found = np.full(self.size, level.backoffs[0] / self.size, np.float32)
        found[level.keys] += level.probabilities
        return found

    def _number(self, gram: Array) -> int | None:
        """Return the number of an n-gram, int [word], among those of its order; None: it is not there."""
        number = 0
        for level, word in zip(self.levels, gram.tolist(), strict=False):
            key = number * self.size + word
            number = int(np.searchsorted(level.keys, key))
            if number == len(level.keys) or level.keys[number] != key:
                return None
        return number

    def to_arrays(self) -> dict[str, Array]:
        """Return the model as named arrays, ready for safetensors; `from_arrays` takes them back."""
        arrays = {"ngrams/size": np.array([self.size]), "ngrams/words": np.array([self.words])}
        for k, level in enumerate(self.levels, 1):
            for name in _PARTS:
                arrays[f"ngrams/{k}/{name}"] = getattr(level, name)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> KneserNey:
        """Rebuild what `to_arrays` gave.

        Raises:
            ArtifactError: an array is missing, has another type or shape, or numbers that cannot be.
        """
        size, words = (int(_array(arrays, f"ngrams/{name}", np.int64, 1)[0]) for name in ("size", "words"))
        levels: list[Level] = []
        contexts = 1
        while not levels or f"ngrams/{len(levels) + 1}/keys" in arrays:
            levels.append(_level(arrays, f"ngrams/{len(levels) + 1}", contexts, size))
            contexts = len(levels[-1].keys)
        return cls(tuple(levels), size, words)


_PARTS = ("keys", "probabilities", "backoffs")


def _level(arrays: Mapping[str, Array], name: str, contexts: int, size: int) -> Level:
    keys = _array(arrays, f"{name}/keys", np.int64, None)
    probabilities = _array(arrays, f"{name}/probabilities", np.float32, len(keys))
    backoffs = _array(arrays, f"{name}/backoffs", np.float32, contexts)
    ascending = bool((keys[1:] > keys[:-1]).all())
    if not ascending or (len(keys) and not 0 <= keys[0] <= keys[-1] < contexts * size):
        raise _wrong(f"{name}/keys", "keys of n-grams, ascending", "others")
    for part, values in (("probabilities", probabilities), ("backoffs", backoffs)):
        # Written so that NaN fails too.
        if not bool(((values >= 0) & (values <= 1)).all()):
            raise _wrong(f"{name}/{part}", "numbers from 0 to 1", "others")
    return Level(keys, probabilities, backoffs)


def _array(arrays: Mapping[str, Array], name: str, kind: type[np.generic], length: int | None) -> Array:
    array = arrays.get(name)
    if array is None:
        raise _wrong(name, "an array", "none")
    if array.dtype != kind or array.ndim != 1 or length not in (None, len(array)):
        expected = f"{kind.__name__} [{'n-gram' if length is None else length}]"
        raise _wrong(name, expected, f"{array.dtype} {list(array.shape)}")
    return array


def _wrong(where: str, expected: str, found: str) -> ArtifactError:
    return ArtifactError(expected=expected, found=found, where=where, fix="train the model again")


def _look_up(level: Level, keys: Array) -> tuple[Array, Array]:
    """Return the number of each n-gram, int64, -1 where it is not there, and its probability, 0 there."""
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
