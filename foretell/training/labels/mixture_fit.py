"""Fit what the network and the linear model weigh in the final prediction, on texts neither has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.mixture import LogProbabilities, Mixture, softmax

Targets = npt.NDArray[np.int32]

_PRIOR = 1.0
"""Texts' worth of belief in the start: few held-out texts cannot throw the weights anywhere."""

_TEXTS_AN_OFFSET = 50
"""Each label must have as many held-out texts before it gets an offset of its own."""


def fit_mixture(targets: Targets, parts: Sequence[LogProbabilities | None]) -> Mixture:
    """Return the mixture of the network and the linear model with the least cross-entropy.

    The weights start from an equal share of 1 for each part and are drawn towards it as by one text (a
    Gaussian prior), so a dozen held-out texts still give a sensible mixture.

    Args:
        targets: the true label's place, int32 [text].
        parts: log-probabilities [text, label] of the network and of the linear model, of texts that neither
            learned from; None for a part that there is not.
    """
    from scipy.optimize import minimize

    there = [part for part in parts if part is not None]
    n_labels = there[0].shape[1]
    share = 1.0 / len(there)
    each = np.bincount(targets, minlength=n_labels)
    n_offsets = n_labels if each.min() >= _TEXTS_AN_OFFSET else 0
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
        off = np.concatenate([weights - share, offsets])
        value = (log_z - (logits * true).sum(axis=1)).mean() + _PRIOR * (off @ off) / n
        error = (softmax(logits).astype(np.float64) - true) / n
        slopes = [(error * part).sum() for part in stacked]
        gradient = np.concatenate([slopes, error.sum(axis=0)[:n_offsets]]) + 2 * _PRIOR * off / n
        return float(value), gradient

    start = np.concatenate([np.full(len(there), share), np.zeros(n_offsets)])
    bounds = [(0.0, None)] * len(there) + [(None, None)] * n_offsets
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = iter(found[: len(there)].tolist())
    network, linear = (0.0 if part is None else next(weights) for part in parts)
    if network + linear <= 0:
        # Nothing that either says helps: say as little as may be said.
        network, linear = (0.0 if part is None else 1e-6 for part in parts)
    offsets = tuple(float(value) for value in found[len(there) :])
    return Mixture(network=network, linear=linear, offsets=offsets)
