"""Two Kneser–Ney models as one, where the text of the older one is gone.

Each model has, for a context that it has counted, discounted frequencies that sum to one with the
weight of the order below. The mean of two such distributions has the same property, so the merged
model is normalised. A context that one of the two has counted is taken from it; one that both have
counted is their mean, weighted by the numbers of tokens that they were counted on; a token of the
newer text may count several times. This is linear interpolation, context by context (Jelinek and
Mercer 1980).
"""

from __future__ import annotations

import numpy as np

from foretell.arrays import Float32s, Float64s, NgramKeys
from foretell.ngrams.kneser_ney import KneserNey, Level


def merged(old: KneserNey, new: KneserNey, weight: float = 1.0) -> KneserNey:
    """Return one model of two; the ids of `old` have the same meaning in `new`, which may have
    more.

    `weight` is how often each token of `new` counts.
    """
    share = old.words / max(old.words + weight * new.words, 1)
    levels = list[Level]()
    # The number of each model's contexts among those of the merged model.
    of_old = of_new = np.zeros(1, np.int64)
    contexts = 1
    for order in range(max(old.order, new.order)):
        keys_of_old, old_probabilities, old_backoffs = _renumbered(
            old, order, of_old, contexts, new.size
        )
        keys_of_new, new_probabilities, new_backoffs = _renumbered(
            new, order, of_new, contexts, new.size
        )
        keys = np.union1d(keys_of_old, keys_of_new)
        of_old = keys.searchsorted(keys_of_old)
        of_new = keys.searchsorted(keys_of_new)
        # The weight of the old model in each context.
        counted = old_backoffs < 1
        weights = np.where(counted & (new_backoffs < 1), share, counted.astype(np.float64))
        of_keys = weights[keys // new.size]
        probabilities = np.zeros(len(keys))
        probabilities[of_old] += of_keys[of_old] * old_probabilities
        probabilities[of_new] += (1 - of_keys[of_new]) * new_probabilities
        backoffs = weights * old_backoffs + (1 - weights) * new_backoffs
        levels.append(Level(keys, probabilities.astype(np.float32), backoffs.astype(np.float32)))
        contexts = len(keys)
    return KneserNey(tuple(levels), new.size, old.words + new.words)


def _renumbered(
    model: KneserNey, order: int, of_model: NgramKeys, contexts: int, size: int
) -> tuple[NgramKeys, Float32s, Float64s]:
    """Return keys and probabilities of an order, [n-gram], and the backoffs of all merged
    `contexts`.

    `of_model` are the numbers of the model's contexts among those.
    """
    backoffs = np.ones(contexts)
    if order >= model.order:
        return np.zeros(0, np.int64), np.zeros(0, np.float32), backoffs
    level = model.levels[order]
    backoffs[of_model] = level.backoffs
    before, word = np.divmod(level.keys, model.size)
    # Both numberings ascend with the n-grams, so the keys stay in order.
    return of_model[before] * size + word, level.probabilities, backoffs
