"""Fit the ensemble of a classifier whose texts may have several labels, on texts that no member has seen.

First all labels share the weights of the members, which a prior keeps from moving far on few texts. Then each
label with enough predictions gets a temperature and an offset (Platt scaling) and a threshold of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float64s, Logits
from foretell.metrics.multi_label import (
    DEFAULT_THRESHOLD,
    MIN_POSITIVES,
    MIN_PREDICTIONS,
    best_thresholds,
)
from foretell.ngrams.labelwise import LabelwiseEnsemble, sigmoid
from foretell.training.labels.ensemble_fit import LINEAR, POOL_STRENGTH

Targets = npt.NDArray[Any]

MAX_LOG_ODDS = 7.0
"""What log-odds are clipped to before weights are fitted on them: about one in a thousand."""

_SCALING_STRENGTH = 5.0
"""How many texts the prior of no temperature and no offset is worth for each label."""


def fit_labelwise_pool(targets: Targets, members: Sequence[Logits]) -> Float64s:
    """Return the weights [member], none below 0, with the smallest binary cross-entropy of all labels.

    The prior is that every member has the same weight, and all together 1.

    Args:
        targets: float32 [text, label], 1, 0, or NaN where a label is unknown.
        members: log-odds [text, label] of texts that the member has not learned from.
    """
    means = np.full(len(members), 1 / len(members))
    if not len(targets) or np.isnan(targets).all():
        return means
    clipped = [np.clip(member, -MAX_LOG_ODDS, MAX_LOG_ODDS) for member in members]
    weights = _minimum(clipped, targets, means, np.full(len(members), POOL_STRENGTH))
    return weights if weights.sum() > 0 else means


def fit_labelwise_ensemble(
    targets: Targets, network: Logits | None, linear: Logits | None, n_labels: int
) -> LabelwiseEnsemble:
    """Return the ensemble of network and linear model.

    Args:
        targets: float32 [text, label]; without a text, weights and thresholds are those that need no data.
        network, linear: log-odds [text, label] of texts that neither has learned from; None: no such member.
        n_labels: number of labels.
    """
    present = [member for member in (network, linear) if member is not None]
    both = len(present) > 1
    weights = np.array([0.5, 0.5]) if both else np.ones(1)
    scales, offsets = np.ones(n_labels), np.zeros(n_labels)
    thresholds = (DEFAULT_THRESHOLD,) * n_labels
    if len(targets) and not np.isnan(targets).all():
        clipped = [np.clip(member, -MAX_LOG_ODDS, MAX_LOG_ODDS) for member in present]
        means = np.array(LINEAR.weights if both else [1.0])
        weights = _minimum(clipped, targets, means, np.array(LINEAR.strength if both else [1.0]))
        if weights.sum() <= 0:
            weights = means
        logits = np.tensordot(weights, present, 1)
        scales, offsets = _scaling(targets, np.clip(logits, -MAX_LOG_ODDS, MAX_LOG_ODDS))
        thresholds = best_thresholds(targets, sigmoid(scales * logits + offsets))
    by_member = iter((scales * weight).tolist() for weight in weights)
    parts = [() if member is None else tuple(next(by_member)) for member in (network, linear)]
    if both and not weights[0]:
        parts[0] = ()
    if both and not weights[1]:
        parts[1] = ()
    return LabelwiseEnsemble(
        network=parts[0], linear=parts[1], offsets=tuple(offsets.tolist()), thresholds=thresholds
    )


def _scaling(targets: Targets, logits: Logits) -> tuple[Float64s, Float64s]:
    """Return the temperature and the offset of each label, [label] each; 1 and 0 where texts are too few."""
    n_labels = targets.shape[1]
    scales, offsets = np.ones(n_labels), np.zeros(n_labels)
    for label in range(n_labels):
        known = ~np.isnan(targets[:, label])
        true = targets[known, label] == 1
        if len(true) < MIN_PREDICTIONS or min(true.sum(), (~true).sum()) < MIN_POSITIVES:
            continue
        columns = np.stack([logits[known, label], np.ones(known.sum())])[:, :, None]
        found = _minimum(
            columns, targets[known, label : label + 1], np.array([1.0, 0.0]), np.full(2, _SCALING_STRENGTH),
            free=1,
        )  # fmt: skip
        scales[label], offsets[label] = found
    return scales, offsets


class _Objective(NamedTuple):
    """Mean binary cross-entropy of a sum of members, plus the prior's penalty.

    Attributes:
        members: [member, known cell], log-odds.
        true: [known cell], 0 or 1.
        means, strength: [member], the prior.
        n_texts: number of texts, which the prior's strength counts in.
    """

    members: Float64s
    true: Float64s
    means: Float64s
    strength: Float64s
    n_texts: int

    def __call__(self, weights: Float64s) -> tuple[float, Float64s]:
        """Return the value and the gradient."""
        logits = weights @ self.members
        off = weights - self.means
        value = (np.logaddexp(0, logits) - self.true * logits).sum() + self.strength * off @ off
        error = 0.5 * (1 + np.tanh(0.5 * logits)) - self.true
        gradient = self.members @ error + 2 * self.strength * off
        return float(value) / self.n_texts, gradient / self.n_texts


def _minimum(
    members: Sequence[Logits] | Logits,
    targets: Targets,
    means: Float64s,
    strength: Float64s,
    *,
    free: int = 0,
) -> Float64s:
    """Return the weights with the smallest objective; all but the last `free` are not below 0."""
    from scipy.optimize import minimize

    known = ~np.isnan(targets)
    objective = _Objective(
        members=np.stack([member[known] for member in members]),
        true=(targets[known] == 1).astype(np.float64),
        means=means,
        strength=strength,
        n_texts=len(targets),
    )
    bounds = [(0.0, None)] * (len(means) - free) + [(None, None)] * free
    found: Float64s = minimize(objective, means, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
