"""How much of a language model's answer the n-gram model gives: found on held-out text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foretell.ngrams.interpolation import Interpolation

_ROUNDS = 100

# A share starts as that of all contexts together, as if so many predictions had been seen that say the same.
_AS_IF_SEEN = 20.0


def fit_interpolation(
    network: NDArray[np.floating], ngrams: NDArray[np.floating], lengths: NDArray[np.integer], longest: int
) -> Interpolation:
    """Return the shares under which held-out text is likeliest, by expectation-maximisation.

    Args:
        network: the network's log-probability of each word, [prediction].
        ngrams: the n-gram model's.
        lengths: words of the n-gram model's contexts, [prediction].
        longest: the longest context there can be.
    """
    odds = np.exp(np.clip(ngrams - network, -50, 50))
    of_all = _share(odds, 0.5, 2.0)
    return Interpolation(
        tuple(_share(odds[lengths == length], of_all, _AS_IF_SEEN) for length in range(longest + 1))
    )


def _share(odds: NDArray[np.floating], start: float, as_if_seen: float) -> float:
    share = start
    for _ in range(_ROUNDS):
        # The part of each word that the n-gram model has given.
        given = share * odds / (1 - share + share * odds)
        share = (float(given.sum()) + as_if_seen * start) / (len(odds) + as_if_seen)
    return share
