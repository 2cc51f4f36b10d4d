"""Fit the ensemble weights of the network and the linear model, on texts that neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.arrays import LogProbabilities
from foretell.ngrams.ensemble import Ensemble, softmax
from foretell.training.labels.balance import Balance
from foretell.training.labels.tokens import Targets, one_hot


class Prior(NamedTuple):
    """A Gaussian prior on the two weights, so that few validation texts cannot move them far.

    Attributes:
        weights: the means, of the network and of the linear model.
        strength: how many texts each mean is worth.
    """

    weights: tuple[float, float]
    strength: tuple[float, float]


EQUAL = Prior(weights=(0.5, 0.5), strength=(1.0, 1.0))
"""The prior where nothing is known of the two."""

LINEAR = Prior(weights=(0.0, 1.0), strength=(20.0, 1.0))
"""The prior favours the linear model: with few texts the network learns far less than it, and the validation
texts, which have chosen the network's best epoch, overestimate the network. The linear model's own weight,
its temperature, is soon clear, so its prior is weak."""

_MIN_TEXTS_PER_OFFSET = 50
"""Validation texts that each label must have before labels get offsets."""

_OFFSET_STRENGTH = 1.0
"""How many texts the prior mean of 0 is worth for each offset."""


MIN_LOG_PROBABILITY = -7.0
"""What a log-probability is clipped to before weights are fitted on it: one in a thousand."""


def fit_ensemble(
    targets: Targets,
    members: Sequence[LogProbabilities | None],
    prior: Prior = EQUAL,
    *,
    balance: Balance | None = None,
) -> Ensemble:
    """Return the ensemble of the network and the linear model with the smallest cross-entropy.

    The prior pulls the weights to its means and the offsets to 0, so a dozen texts still give a sensible
    ensemble.

    Args:
        targets: the true label's place, int32 [text].
        members: log-probabilities [text, label] of the network and of the linear model, of texts that neither
            has learned from. None for a missing member; the other one then has the prior mean 1.
        prior: of the two weights.
        balance: the class weights that the members were fitted with, and corrected for. Labels then have
            offsets along the correction, as much as it was too large or too small; None: there are none.
    """
    from scipy.optimize import minimize

    present = [member for member in members if member is not None]
    n_labels = present[0].shape[1]
    smallest = np.bincount(targets, minlength=n_labels).min()
    n_offsets = n_labels if smallest >= _MIN_TEXTS_PER_OFFSET else 0
    strengths = [texts for texts, member in zip(prior.strength, members, strict=True) if member is not None]
    basis = None
    if balance is not None:
        # The correction is exact only for models that fit perfectly.
        basis = np.column_stack([np.eye(n_labels, n_offsets), balance.direction])
        n_offsets += 1
    means = np.concatenate([prior.weights if len(present) == 2 else [1.0], np.zeros(n_offsets)])
    objective = _Objective(
        members=np.stack(present),
        true=one_hot(targets, n_labels).astype(np.float64),
        means=means,
        strength=np.concatenate([strengths, np.full(n_offsets, _OFFSET_STRENGTH)]),
        basis=basis,
    )
    bounds = [(0.0, None)] * len(present) + [(None, None)] * n_offsets
    best = minimize(objective, means, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = iter(best[: len(present)].tolist())
    network, linear = (0.0 if member is None else next(weights) for member in members)
    if network + linear <= 0:
        # No member helps: give probabilities that are nearly equal.
        network, linear = (0.0 if member is None else 1e-6 for member in members)
    fitted = best[len(present) :] if basis is None else basis @ best[len(present) :]
    offsets = tuple(float(value) for value in fitted)
    return Ensemble(network=network, linear=linear, offsets=offsets)


POOL_STRENGTH = 5.0
"""How many texts the prior of equal weights is worth for each member of a pool."""


def fit_pool(targets: Targets, members: Sequence[LogProbabilities]) -> npt.NDArray[np.float64]:
    """Return the weights [member], none below 0, of the pool with the smallest cross-entropy.

    The prior is that every member has the same weight, and all together 1.

    Args:
        targets: the true label's place, int32 [text].
        members: log-probabilities [text, label] of texts that the member has not learned from. They are
            clipped: one text that a member is sure about and wrong would decide its weight alone.
    """
    from scipy.optimize import minimize

    means = np.full(len(members), 1 / len(members))
    if not len(targets):
        return means
    objective = _Objective(
        members=np.maximum(np.stack(members), MIN_LOG_PROBABILITY),
        true=one_hot(targets, members[0].shape[1]).astype(np.float64),
        means=means,
        strength=np.full(len(members), POOL_STRENGTH),
    )
    bounds = [(0.0, None)] * len(members)
    weights: npt.NDArray[np.float64] = minimize(
        objective, means, jac=True, method="L-BFGS-B", bounds=bounds
    ).x
    return weights if weights.sum() > 0 else means


class _Objective(NamedTuple):
    """Mean cross-entropy of the ensemble plus the prior's penalty.

    Attributes:
        members: [member, text, label], log-probabilities.
        true: [text, label], one-hot.
        means, strength: [weight and offset], the prior.
        basis: [label, offset], what each offset adds to the labels; None: one offset for each label.
    """

    members: npt.NDArray[np.float64]
    true: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    strength: npt.NDArray[np.float64]
    basis: npt.NDArray[np.float64] | None = None

    def __call__(self, values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """Return the value and the gradient at `values`: the weights, then the offsets."""
        n_members, n_texts = self.members.shape[:2]
        weights, offsets = values[:n_members], values[n_members:]
        logits = np.tensordot(weights, self.members, 1)
        if len(offsets):
            logits = logits + (offsets if self.basis is None else self.basis @ offsets)
        highest = logits.max(axis=1, keepdims=True)
        log_z = highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))
        off = values - self.means
        value = (log_z - (logits * self.true).sum(axis=1)).mean() + self.strength * off @ off / n_texts
        error = (softmax(logits).astype(np.float64) - self.true) / n_texts
        slopes = [(error * member).sum() for member in self.members]
        by_label = error.sum(axis=0)
        of_offsets = by_label[: len(offsets)] if self.basis is None else self.basis.T @ by_label
        gradient = np.concatenate([slopes, of_offsets])
        return float(value), gradient + 2 * self.strength * off / n_texts
