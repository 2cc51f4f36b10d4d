"""Fit what the network and the linear model weigh in the final prediction, on texts neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.ngrams.ensemble import Ensemble, LogProbabilities, softmax

Targets = npt.NDArray[np.int32]


class Prior(NamedTuple):
    """What the weights are drawn towards: few held-out texts cannot throw them anywhere.

    Attributes:
        weights: of the network and of the linear model.
        texts: how many texts' worth of belief there is in each of them.
    """

    weights: tuple[float, float]
    texts: tuple[float, float]


EQUAL = Prior(weights=(0.5, 0.5), texts=(1.0, 1.0))
"""Nothing is known of the two."""

LINEAR = Prior(weights=(0.0, 1.0), texts=(20.0, 1.0))
"""The network has to show what it adds: of few texts it learns far less than the linear model, and the
held-out texts, which have chosen its best epoch, flatter it. How sure the linear model may be is soon told.
"""

_TEXTS_AN_OFFSET = 50
"""Each label must have as many held-out texts before it gets an offset of its own."""

_TEXTS_FOR_NO_OFFSET = 1.0
"""How many texts' worth of belief there is in offsets of 0, whatever is believed of the weights."""


def fit_ensemble(
    targets: Targets, parts: Sequence[LogProbabilities | None], prior: Prior = EQUAL
) -> Ensemble:
    """Return the ensemble of the network and the linear model with the least cross-entropy.

    The weights start from the prior's and are drawn towards them (a Gaussian prior), offsets towards 0, so a
    dozen held-out texts still give a sensible ensemble.

    Args:
        targets: the true label's place, int32 [text].
        parts: log-probabilities [text, label] of the network and of the linear model, of texts that neither
            learned from; None for a part that there is not, which leaves the other a prior weight of 1.
        prior: what is believed before any text is seen.
    """
    from scipy.optimize import minimize

    there = [part for part in parts if part is not None]
    n_labels = there[0].shape[1]
    each = np.bincount(targets, minlength=n_labels)
    n_offsets = n_labels if each.min() >= _TEXTS_AN_OFFSET else 0
    beliefs = [texts for texts, part in zip(prior.texts, parts, strict=True) if part is not None]
    belief = np.concatenate([beliefs, np.full(n_offsets, _TEXTS_FOR_NO_OFFSET)])
    believed = np.concatenate([prior.weights if len(there) == 2 else [1.0], np.zeros(n_offsets)])
    stacked = np.stack(there)  # [part, text, label]
    true = np.eye(n_labels)[targets]
    n = len(targets)

    def loss(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights, offsets = values[: len(there)], values[len(there) :]
        logits = np.tensordot(weights, stacked, 1)
        if n_offsets:
            logits = logits + offsets
        highest = logits.max(axis=1, keepdims=True)
        log_z = highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))
        off = values - believed
        value = (log_z - (logits * true).sum(axis=1)).mean() + belief * off @ off / n
        error = (softmax(logits).astype(np.float64) - true) / n
        slopes = [(error * part).sum() for part in stacked]
        gradient = np.concatenate([slopes, error.sum(axis=0)[:n_offsets]]) + 2 * belief * off / n
        return float(value), gradient

    bounds = [(0.0, None)] * len(there) + [(None, None)] * n_offsets
    found = minimize(loss, believed, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = iter(found[: len(there)].tolist())
    network, linear = (0.0 if part is None else next(weights) for part in parts)
    if network + linear <= 0:
        # Nothing that either says helps: say as little as may be said.
        network, linear = (0.0 if part is None else 1e-6 for part in parts)
    offsets = tuple(float(value) for value in found[len(there) :])
    return Ensemble(network=network, linear=linear, offsets=offsets)
