"""The prediction of a classifier: an ensemble of the network and the linear model.

Where a text has one label, the combination is a logarithmic opinion pool (Genest & Zidek 1986,
section 3.3): the weighted geometric mean of both probabilities, with an offset for each label:

    log p(label) = network · log p_network(label) + linear · log p_linear(label) + offset(label) -
    log Z

With a network alone this is temperature scaling (Guo et al. 2017, section 4.2) with `network` = 1 /
T, and vector scaling where the offsets are not zero.

Where it may have several, each label is a decision of its own. Log-odds are added, with weights of
the label:

    logit p(label) = network(label) · logit p_network(label) + linear(label) · score(label) +
    offset(label)

A weight other than 1 is a temperature of this label, and weights and offset together are its Platt
scaling (Platt, 1999, "Probabilistic Outputs for Support Vector Machines"). A label is given to a
text where its probability is at least its threshold.

A classifier with weight 0 is not evaluated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from foretell.arrays import Float64s, Floats, Logits, LogProbabilities, Mask, Probabilities
from foretell.ngrams.checked_arrays import Numbers, in_range

MIN_PROBABILITY = 1e-7
"""For log-odds the network's probabilities are clipped to this and 1 less this: float32 has no more
digits near 1."""


def log_of(probabilities: Probabilities) -> Float64s:
    """Return the logarithms in float64. 0, to which a float32 can round, counts as the smallest
    float32.
    """
    smallest = np.finfo(np.float32).tiny
    return np.log(np.maximum(probabilities.astype(np.float64), smallest))


def linear_log_probabilities(scores: Floats) -> LogProbabilities:
    """Return the log-probabilities [text, label] of a linear model's scores, in float64.

    Args:
        scores: [text, 1], the log-odds of the second of two labels, or [text, label], the logits of
            a softmax.
    """
    logits: Logits = scores.astype(np.float64)
    if scores.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def softmax(logits: Logits) -> Probabilities:
    """Return probabilities over the last axis."""
    scaled = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    probabilities: Probabilities = scaled.astype(np.float32, copy=False)
    return probabilities


def logit(probabilities: Probabilities) -> Float64s:
    """Return the log-odds of probabilities, in float64, clipped to about 16 on both sides."""
    clipped = np.clip(probabilities.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.log(clipped) - np.log1p(-clipped)


def sigmoid(logits: Logits) -> Probabilities:
    """Return the probabilities of log-odds, in float32."""
    # exp(-x) overflows where x is far below 0; tanh does not.
    found: Probabilities = (0.5 * (1 + np.tanh(0.5 * logits))).astype(np.float32)
    return found


class _Combination(Numbers):
    """A network and a linear model: `network` and `linear` are their weights, falsy: not
    evaluated.
    """

    network: float | tuple[float, ...]
    linear: float | tuple[float, ...]
    offsets: tuple[float, ...]
    _log: ClassVar[staticmethod[[Probabilities], Float64s]]
    _answer: ClassVar[staticmethod[[Logits], Probabilities]]

    def __call__(
        self, network: Probabilities | None, linear: Floats | None = None
    ) -> Probabilities:
        """Return the ensemble's probabilities, [text, label].

        Args:
            network: the network's probabilities, [text, label]; may be None where it has no weight.
            linear: what `of_scores` gives of the linear model, [text, label]; may be None where it
                has none.
        """
        logits: Logits = np.array(self.offsets or 0.0)
        if self.network:
            assert network is not None
            logits = logits + np.array(self.network) * self._log(network)
        if self.linear:
            assert linear is not None
            logits = logits + np.array(self.linear) * linear
        return self._answer(np.atleast_2d(logits))


@dataclass(frozen=True, kw_only=True)
class Ensemble(_Combination):
    """The ensemble weights of a classifier whose texts have one label.

    Attributes:
        network: weight of the network's log-probabilities, at least 0.
        linear: weight of the linear model's log-probabilities, at least 0.
        offsets: added to the log-probability of each label, [label]; empty: none.
    """

    network: float = field(default=1.0, metadata=in_range(0))
    linear: float = field(default=0.0, metadata=in_range(0))
    offsets: tuple[float, ...] = ()
    _log = staticmethod(log_of)
    _answer = staticmethod(softmax)
    of_scores = staticmethod(linear_log_probabilities)


NETWORK_ALONE = Ensemble()
"""The network's probabilities, unchanged."""


@dataclass(frozen=True, kw_only=True)
class LabelwiseEnsemble(_Combination):
    """The ensemble weights, the calibration and the threshold of each label, where texts may have
    several.

    Attributes:
        network: weights of the network's log-odds, [label]; empty: the network is not evaluated.
        linear: weights of the linear model's log-odds, [label]; empty: it is not evaluated.
        offsets: added to the log-odds, [label].
        thresholds: the probability from which a text gets the label, [label], above 0 and below 1.
    """

    network: tuple[float, ...] = field(default=(), metadata=in_range(0))
    linear: tuple[float, ...] = field(default=(), metadata=in_range(0))
    offsets: tuple[float, ...]
    thresholds: tuple[float, ...] = field(
        metadata=in_range(math.nextafter(0, 1), math.nextafter(1, 0))
    )
    _log = staticmethod(logit)
    _answer = staticmethod(sigmoid)

    @staticmethod
    def of_scores(scores: Floats) -> Logits:
        """Return what a call takes of a linear model with these scores [text, label]: the same in
        float64.
        """
        return scores.astype(np.float64)

    def decide(self, probabilities: Probabilities) -> Mask:
        """Return which labels each text gets, bool [text, label]."""
        return probabilities >= np.array(self.thresholds, np.float32)
