"""The final prediction of a language model: the network and the n-gram model, interpolated in the open.

    p(word) = (1 - s) · p_network(word) + s · p_ngrams(word)

s, the n-gram model's share, depends on how many words before this one the n-gram model knows as a context:
after a phrase that it has seen it is worth more than after one that it has not (Jelinek & Mercer,
"Interpolated estimation of Markov source parameters from sparse data", 1980).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Interpolation:
    """What the n-gram model's probability weighs.

    Attributes:
        shares: s for contexts of 0, 1, 2 … words, each from 0 to 1.
    """

    shares: tuple[float, ...]

    def logs(self, network: Floats, ngrams: Floats, lengths: Integers) -> Floats:
        """Mix log-probabilities that both give the same words; each is an array [prediction].

        Args:
            network: the network's.
            ngrams: the n-gram model's.
            lengths: words of the n-gram model's contexts.
        """
        of_ngrams = np.array(self.shares)[lengths]
        with np.errstate(divide="ignore"):  # a share of 0 or 1 leaves one of them out
            logs: Floats = np.logaddexp(np.log1p(-of_ngrams) + network, np.log(of_ngrams) + ngrams)
        return logs

    def distribution(self, network: Floats, ngrams: Floats, length: int) -> Floats:
        """Mix the probabilities [word] of one place, which may be written over; see `logs`."""
        of_ngrams = np.float32(self.shares[length])
        network *= 1 - of_ngrams
        ngrams *= of_ngrams
        network += ngrams
        return network

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, ready for JSON."""
        return {"ngram_shares": list(self.shares)}

    @classmethod
    def from_dict(cls, values: Any, lengths: int) -> Interpolation:
        """Rebuild what `to_dict` gave.

        Args:
            values: that.
            lengths: how many lengths of contexts the n-gram model has.

        Raises:
            ValueError: these are not the shares of such a model.
        """
        shares = tuple(float(share) for share in values["ngram_shares"])
        if len(shares) != lengths or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"the shares {shares} of contexts of 0 to {lengths - 1} words")
        return cls(shares)
