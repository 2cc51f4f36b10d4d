"""The prediction of a language model: linear interpolation of the network and the Kneser–Ney model.

    p(word) = (1 - w) · p_network(word) + w · p_kneser_ney(word)

The weight w depends on the length of the context that the Kneser–Ney model has counted: it is larger after a
phrase of the training text than after new words (Jelinek & Mercer, "Interpolated estimation of Markov source
parameters from sparse data", 1980).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float32s, Integers, LogProbabilities
from foretell.ngrams.checked_arrays import checked_numbers


@dataclass(frozen=True)
class Interpolation:
    """The weight of the Kneser–Ney model.

    Attributes:
        weights: w for contexts of 0, 1, 2 … words, each from 0 to 1.
    """

    weights: tuple[float, ...]

    def logs(
        self, network: LogProbabilities, kneser_ney: LogProbabilities, lengths: Integers
    ) -> LogProbabilities:
        """Return log-probabilities of both, by the lengths of the contexts; all [prediction]."""
        weights = np.array(self.weights)[lengths]
        with np.errstate(divide="ignore"):  # a weight of 0 or 1 leaves one of the models out
            logs: LogProbabilities = np.logaddexp(np.log1p(-weights) + network, np.log(weights) + kneser_ney)
        return logs

    def distribution(self, network: Float32s, kneser_ney: Float32s, length: int) -> Float32s:
        """Return the probabilities [word] at one place, by the length of its context; overwrites both."""
        weight = np.float32(self.weights[length])
        network *= 1 - weight
        kneser_ney *= weight
        network += kneser_ney
        return network

    def to_dict(self) -> dict[str, list[float]]:
        """Return what `from_dict` reads, ready for JSON."""
        return {"kneser_ney_weights": list(self.weights)}

    @classmethod
    def from_dict(cls, values: object) -> Interpolation:
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: no list of weights from 0 to 1.
        """
        return cls(checked_numbers(values, "kneser_ney_weights", 0, 1))
