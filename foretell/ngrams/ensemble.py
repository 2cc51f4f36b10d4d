"""The prediction of a classifier: an ensemble of the network and the linear model.

The combination is a logarithmic opinion pool (Genest & Zidek 1986, section 3.3): the weighted geometric mean
of both probabilities, with an offset for each label:

    log p(label) = network · log p_network(label) + linear · log p_linear(label) + offset(label) - log Z

With a network alone this is temperature scaling (Guo et al. 2017, section 4.2) with `network` = 1 / T, and
vector scaling where the offsets are not zero. A classifier with weight 0 is not evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.arrays import Floats, Logits, LogProbabilities, Probabilities
from foretell.ngrams.checked_arrays import checked_numbers


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """The ensemble weights of a classifier.

    Attributes:
        network: weight of the network's log-probabilities, at least 0.
        linear: weight of the linear model's log-probabilities, at least 0.
        offsets: added to the log-probability of each label, [label]; empty: none.
    """

    network: float = 1.0
    linear: float = 0.0
    offsets: tuple[float, ...] = ()

    def __call__(
        self, network: Probabilities | None, linear: LogProbabilities | None = None
    ) -> Probabilities:
        """Return the ensemble's probabilities, [text, label].

        Args:
            network: the network's probabilities, [text, label]; may be None where its weight is 0.
            linear: the linear model's log-probabilities, [text, label]; may be None where its weight is 0.
        """
        logits: Logits | float = np.array(self.offsets) if self.offsets else 0.0
        if self.network:
            assert network is not None
            logits = logits + self.network * log_of(network)
        if self.linear:
            assert linear is not None
            logits = logits + self.linear * linear
        return softmax(np.asarray(logits))

    @staticmethod
    def of_scores(scores: Floats) -> LogProbabilities:
        """Return what a call takes of a linear model with these scores [text, column]."""
        return linear_log_probabilities(scores)

    def to_dict(self) -> dict[str, float | list[float]]:
        """Return what `from_dict` reads, ready for JSON."""
        return {"network": self.network, "linear": self.linear, "offsets": list(self.offsets)}

    @classmethod
    def from_dict(cls, values: object) -> Ensemble:
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: a weight or the offsets are missing, or a number out of its range.
        """
        (network,), (linear,) = (
            checked_numbers(values, name, 0, single=True) for name in ("network", "linear")
        )
        if network + linear == 0:
            raise ValueError("no weight above 0")
        return cls(network=network, linear=linear, offsets=checked_numbers(values, "offsets"))


NETWORK_ALONE = Ensemble()
"""The network's probabilities, unchanged."""


def log_of(probabilities: Probabilities) -> LogProbabilities:
    """Return the logarithms in float64. 0, to which a float32 can round, counts as the smallest float32."""
    smallest = np.finfo(np.float32).tiny
    logs: LogProbabilities = np.log(np.maximum(probabilities.astype(np.float64), smallest))
    return logs


def linear_log_probabilities(scores: Floats) -> LogProbabilities:
    """Return the log-probabilities [text, label] of a linear model's scores, in float64.

    Args:
        scores: [text, 1], the log-odds of the second of two labels, or [text, label], the logits of a
            softmax.
    """
    logits: Logits = scores.astype(np.float64)
    if scores.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logs: LogProbabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logs


def softmax(logits: Logits) -> Probabilities:
    """Return probabilities over the last axis."""
    scaled = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    probabilities: Probabilities = scaled.astype(np.float32, copy=False)
    return probabilities
