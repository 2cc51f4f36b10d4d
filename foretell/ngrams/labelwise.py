"""The prediction of a classifier whose texts may have several labels: each label is a decision of its own.

For each label the log-odds of network and linear model are added, with weights of this label, and an offset:

    logit p(label) = network(label) · logit p_network(label) + linear(label) · score(label) + offset(label)

A weight other than 1 is a temperature of this label, and weights and offset together are its Platt scaling
(Platt, 1999, "Probabilistic Outputs for Support Vector Machines"). A label is given to a text where its
probability is at least its threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float64s, Floats, Logits, Probabilities
from foretell.ngrams.checked_arrays import checked_numbers

MIN_PROBABILITY = 1e-7
"""The network's probabilities are clipped to this and 1 less this: float32 has no more digits near 1."""

_NUMBERS = ("network", "linear", "offsets", "thresholds")


@dataclass(frozen=True, kw_only=True)
class LabelwiseEnsemble:
    """The ensemble weights, the calibration and the threshold of each label.

    Attributes:
        network: weights of the network's log-odds, [label]; empty: the network is not evaluated.
        linear: weights of the linear model's log-odds, [label]; empty: it is not evaluated.
        offsets: added to the log-odds, [label].
        thresholds: the probability from which a text gets the label, [label], above 0 and below 1.
    """

    network: tuple[float, ...] = ()
    linear: tuple[float, ...] = ()
    offsets: tuple[float, ...]
    thresholds: tuple[float, ...]

    def __call__(self, network: Probabilities | None, linear: Floats | None = None) -> Probabilities:
        """Return the probability of each label, [text, label]; arguments as for `logits`."""
        return sigmoid(self.logits(network, linear))

    def logits(self, network: Probabilities | None, linear: Floats | None = None) -> Logits:
        """Return the log-odds of each label, [text, label], in float64.

        Args:
            network: the network's probabilities, [text, label]; None where it has no weights.
            linear: the linear model's scores, [text, label]; None where it has no weights.
        """
        logits: Logits | Float64s = np.array(self.offsets)
        if self.network:
            assert network is not None
            logits = logits + np.array(self.network) * logit(network)
        if self.linear:
            assert linear is not None
            logits = logits + np.array(self.linear) * linear
        return np.atleast_2d(logits)

    @staticmethod
    def of_scores(scores: Floats) -> Logits:
        """Return what a call takes of a linear model with these scores [text, label]."""
        return scores.astype(np.float64)

    def decide(self, probabilities: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which labels each text gets, bool [text, label]."""
        decided: npt.NDArray[np.bool_] = probabilities >= np.array(self.thresholds, np.float32)
        return decided

    def to_dict(self) -> dict[str, list[float]]:
        """Return what `from_dict` reads, ready for JSON."""
        return {name: list(getattr(self, name)) for name in _NUMBERS}

    @classmethod
    def from_dict(cls, values: object) -> LabelwiseEnsemble:
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: numbers are missing, or out of their range.
        """
        return cls(
            network=checked_numbers(values, "network", 0),
            linear=checked_numbers(values, "linear", 0),
            offsets=checked_numbers(values, "offsets"),
            thresholds=checked_numbers(values, "thresholds", math.nextafter(0, 1), math.nextafter(1, 0)),
        )


def logit(probabilities: Probabilities) -> Float64s:
    """Return the log-odds of probabilities, in float64, clipped to about 16 on both sides."""
    clipped = np.clip(probabilities.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    odds: Float64s = np.log(clipped) - np.log1p(-clipped)
    return odds


def sigmoid(logits: Logits) -> Probabilities:
    """Return the probabilities of log-odds, in float32."""
    # exp(-x) overflows where x is far below 0; tanh does not.
    found: Probabilities = (0.5 * (1 + np.tanh(0.5 * logits))).astype(np.float32)
    return found
