"""Two Kneser–Ney models as one, where the text of the older one is gone.

Each model has, for a context that it has counted, discounted frequencies that sum to one with the weight of
the order below. The mean of two such distributions has the same property, so the merged model is normalised.
A context that one of the two has counted is taken from it; one that both have counted is their mean, weighted
by the numbers of tokens that they were counted on. This is linear interpolation, context by context (Jelinek
and Mercer 1980).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foretell.arrays import Float32s, Float64s, NgramKeys
from foretell.ngrams.kneser_ney import KneserNey, Level


def merged(old: KneserNey, new: KneserNey) -> KneserNey:
    """Return one model of two; the ids of `old` have the same meaning in `new`, which may have more."""
    share, levels = old.words / max(old.words + new.words, 1), list[Level]()
    # The number of each model's contexts among those of the merged model.
    of_old = of_new = np.zeros(1, np.int64)
    contexts = 1
    for order in range(max(old.order, new.order)):
        first, second = _part(old, order, of_old, new.size), _part(new, order, of_new, new.size)
        weights = _weights(first, second, contexts, share)
        keys = np.union1d(first.keys, second.keys)
        of_keys = weights[keys // new.size]
        probabilities = of_keys * _spread(first, keys) + (1 - of_keys) * _spread(second, keys)
        backoffs = weights * _backoffs(first, contexts) + (1 - weights) * _backoffs(second, contexts)
        levels.append(Level(keys, probabilities.astype(np.float32), backoffs.astype(np.float32)))
        of_old, of_new = keys.searchsorted(first.keys), keys.searchsorted(second.keys)
        contexts = len(keys)
    return KneserNey(tuple(levels), new.size, old.words + new.words)


class _Part(NamedTuple):
    """One order of one model, numbered as the merged one: two arrays of n-grams, two of contexts."""

    keys: NgramKeys
    probabilities: Float32s
    contexts: NgramKeys
    backoffs: Float32s


def _part(model: KneserNey, order: int, contexts: NgramKeys, size: int) -> _Part:
    if order >= model.order:
        nothing = np.zeros(0, np.float32)
        return _Part(np.zeros(0, np.int64), nothing, np.zeros(0, np.int64), nothing)
    level = model.levels[order]
    before, word = np.divmod(level.keys, model.size)
    # Both numberings ascend with the n-grams, so the keys stay in order.
    return _Part(contexts[before] * size + word, level.probabilities, contexts, level.backoffs)


def _weights(first: _Part, second: _Part, contexts: int, share: float) -> Float64s:
    """Return the weight of the first model for each context, float64 [context]."""
    has_first, has_second = (_backoffs(part, contexts) < 1 for part in (first, second))
    return np.where(has_first & has_second, share, np.where(has_first, 1.0, 0.0))


def _backoffs(part: _Part, contexts: int) -> Float64s:
    result = np.ones(contexts)
    result[part.contexts] = part.backoffs
    return result


def _spread(part: _Part, keys: NgramKeys) -> Float64s:
    """Return the probabilities of a part for all keys, 0 where it has none."""
    result = np.zeros(len(keys))
    result[np.searchsorted(keys, part.keys)] = part.probabilities
    return result
