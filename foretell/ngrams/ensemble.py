"""The final prediction of a classifier: the network and the linear model, mixed in the open.

Both give probabilities; the answer is their weighted geometric mean with an offset for each label (a
logarithmic opinion pool: Genest & Zidek 1986, section 3.3):

    log p(label) = network · log p_network(label) + linear · log p_linear(label) + offset(label) - log Z

With a network alone this is temperature scaling (Guo et al. 2017, section 4.2), `network` being 1 / T, and
vector scaling where the offsets are not zero. A weight of 0 leaves a part out altogether.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
LogProbabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """What each part of a classifier weighs.

    Attributes:
        network: weight of the network's log-probabilities, at least 0.
        linear: weight of the linear model's, at least 0.
        offsets: added to the log-probability of each label, [label]; empty: none.
    """

    network: float = 1.0
    linear: float = 0.0
    offsets: tuple[float, ...] = ()

    def __call__(
        self, network: Probabilities | None, linear: LogProbabilities | None = None
    ) -> Probabilities:
        """Mix probabilities of the network [text, label] and log-probabilities of the linear model.

        A part that weighs nothing may be None.
        """
        logits: LogProbabilities | float = np.array(self.offsets) if self.offsets else 0.0
        if self.network:
            assert network is not None
            logits = logits + self.network * log_of(network)
        if self.linear:
            assert linear is not None
            logits = logits + self.linear * linear
        return softmax(np.asarray(logits))

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, ready for JSON."""
        return {"network": self.network, "linear": self.linear, "offsets": list(self.offsets)}

    @classmethod
    def from_dict(cls, values: Any, n_labels: int) -> Ensemble:
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: these are not the weights of such a ensemble.
        """
        network, linear = float(values["network"]), float(values["linear"])
        offsets = tuple(float(offset) for offset in values["offsets"])
        finite = all(math.isfinite(value) for value in (network, linear, *offsets))
        if not finite or min(network, linear) < 0 or network + linear <= 0:
            raise ValueError(f"the weights {network} and {linear}")
        if len(offsets) not in (0, n_labels):
            raise ValueError(f"{len(offsets)} offsets for {n_labels} labels")
        return cls(network=network, linear=linear, offsets=offsets)


NETWORK_ALONE = Ensemble()
"""The network alone, as it is."""


def log_of(probabilities: Probabilities) -> LogProbabilities:
    """Return the logarithms in float64; 0, which a float32 can round to, counts as the smallest number."""
    smallest = np.finfo(np.float32).tiny
    logs: LogProbabilities = np.log(np.maximum(probabilities.astype(np.float64), smallest))
    return logs


def linear_log_probabilities(scores: npt.NDArray[np.floating]) -> LogProbabilities:
    """Turn a linear model's scores into log-probabilities [text, label].

    Args:
        scores: [text, 1], the log-odds of the second of two labels, or [text, label], the logits of a
            softmax.
    """
    logits: LogProbabilities = scores.astype(np.float64)
    if scores.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logs: LogProbabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logs


def softmax(logits: npt.NDArray[np.floating]) -> Probabilities:
    """Return probabilities over the last axis."""
    scaled = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    probabilities: Probabilities = scaled.astype(np.float32, copy=False)
    return probabilities
