"""What the scores of members mean, and how members are combined: one label for each text, or
several.

The weights of an ensemble are fitted to texts that no member has learned from. A Gaussian prior,
worth some texts, keeps few texts from moving them far. Of one label a text, members are combined in
a logarithmic opinion pool, whose weights and offsets are its calibration. Of several labels,
log-odds are added, and each label with enough predictions gets a temperature and an offset (Platt
scaling) and a threshold of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foretell.arrays import (
    Array,
    Float64s,
    Floats,
    Logits,
    LogProbabilities,
    Mask,
    Probabilities,
    one_hot,
)
from foretell.metrics import log_loss, mean_accuracy
from foretell.metrics.multi_label import (
    DEFAULT_THRESHOLD,
    MIN_POSITIVES,
    MIN_PREDICTIONS,
    best_thresholds,
    label_accuracy,
    mean_log_loss,
)
from foretell.ngrams.ensemble import (
    Ensemble,
    LabelwiseEnsemble,
    linear_log_probabilities,
    log_of,
    logit,
    sigmoid,
)
from foretell.training.labels.balance import Balance

Targets = Array
AnyEnsemble = Ensemble | LabelwiseEnsemble


class Prior(NamedTuple):
    """A Gaussian prior on the weights of two members: its means, and how many texts each is
    worth.
    """

    weights: tuple[float, float]
    strength: tuple[float, float]


EQUAL = Prior(weights=(0.5, 0.5), strength=(1.0, 1.0))
"""The prior where nothing is known of the two."""

LINEAR = Prior(weights=(0.0, 1.0), strength=(20.0, 1.0))
"""The prior favours the linear model: with few texts the network learns far less than it, and the
validation texts, which have chosen the network's best epoch, overestimate the network. The linear
model's own weight, its temperature, is soon clear, so its prior is weak."""

UNFITTED = Ensemble(network=0.5, linear=0.5)

POOL_STRENGTH = 5.0
"""How many texts the prior of equal weights is worth for each member of a pool."""

MAX_LOGIT = 7.0
"""What log-odds are clipped to before weights are fitted, and log-probabilities of two labels: one
in a thousand. One text that a member is sure about and wrong would decide its weight alone."""

_MIN_TEXTS_PER_OFFSET = 50
_OFFSET_STRENGTH = 1.0
"""Texts that each label must have before labels get offsets, and how many texts their mean of 0 is
worth.
"""

_NEXT_TO_NOTHING = 1e-6

_SCALING_STRENGTH = 5.0
"""How many texts the prior of no temperature and no offset is worth for each of several labels."""


@dataclass(frozen=True)
class OneLabel:
    """Each text has one label: logits [text, label] are log-probabilities, targets int32 [text].

    With a `balance`, the class weights that the members were fitted with and corrected for, labels
    have offsets along the correction, as much as it was too large or too small. A network alone
    that is not to be calibrated stays as it is.
    """

    n_labels: int
    balance: Balance | None = None
    is_calibrated: bool = True

    def of_scores(self, scores: Floats) -> LogProbabilities:
        """Return the log-probabilities of scores [text, column], or of a weighted sum of
        members.
        """
        return linear_log_probabilities(scores)

    def clipped(self, logits: LogProbabilities) -> LogProbabilities:
        """Return log-probabilities of at least a five-hundredth of an even share: with thousands of
        labels an even share is less than one in a thousand itself.
        """
        found: LogProbabilities = np.maximum(logits, -MAX_LOGIT - np.log(self.n_labels / 2))
        return found

    def loss(self, targets: Targets, logits: Logits) -> float:
        """Return the cross-entropy of clipped probabilities, by which a penalty is chosen."""
        return float(self.losses(targets, logits).mean())

    def losses(self, targets: Targets, logits: Logits) -> Floats:
        """Return the cross-entropy of the clipped probabilities of each text, [text]."""
        each: Floats = -self.clipped(logits)[np.arange(len(targets)), targets]
        return each

    def fit_pool(self, targets: Targets, members: Logits) -> Float64s:
        """Return the weights [member] of a logarithmic opinion pool of logits [member, text,
        label].
        """
        return _pool_weights(self.clipped(members), one_hot(targets, self.n_labels))

    def fit_ensemble(
        self, targets: Targets, network: Probabilities | None, linear: Logits | None
    ) -> Ensemble:
        """Return the pool of network and linear model, with offsets where each label has enough
        texts.
        """
        if not len(targets) or not self.is_calibrated:
            alone = Ensemble(network=float(linear is None), linear=float(linear is not None))
            return alone if network is None or linear is None else UNFITTED
        logs = None if network is None else self.clipped(log_of(network))
        return fit_ensemble(targets, [logs, linear], LINEAR, balance=self.balance)

    def decide(self, _: AnyEnsemble, probabilities: Probabilities) -> Mask:
        """Return which labels each text gets, bool [text, label]: the most probable one."""
        return one_hot(probabilities.argmax(axis=1), self.n_labels) > 0

    def metrics(self, targets: Targets, logits: Logits) -> dict[str, float]:
        """Return accuracy and log loss of one member."""
        return {
            "accuracy": mean_accuracy(targets, logits),
            "log_loss": log_loss(targets, np.exp(logits)),
        }


@dataclass(frozen=True)
class SeveralLabels:
    """Each label is a decision of its own: logits are log-odds, targets [text, label], NaN
    unknown.
    """

    n_labels: int

    def of_scores(self, scores: Floats) -> Logits:
        """Return log-odds, which scores and sums of members are."""
        return scores.astype(np.float64)

    def loss(self, targets: Targets, logits: Logits) -> float:
        """Return the mean binary cross-entropy of clipped probabilities."""
        return mean_log_loss(targets, sigmoid(_clipped(logits)))

    def fit_pool(self, targets: Targets, members: Logits) -> Float64s:
        """Return the weights of members, the same for every label."""
        return _pool_weights(*_cells(targets, members))

    def fit_ensemble(
        self, targets: Targets, network: Probabilities | None, linear: Logits | None
    ) -> LabelwiseEnsemble:
        """Return weights that all labels share, and then the calibration and threshold of each
        label.
        """
        members = [None if network is None else logit(network), linear]
        is_there = [each is not None for each in members]
        present = [each for each in members if each is not None]
        both = len(present) > 1
        weights = np.full(len(present), 1 / len(present))
        if not np.isnan(targets).all():
            means, strength = (np.array(each if both else [1.0]) for each in LINEAR)
            weights = fit_weights(*_cells(targets, present), means, strength)
        logits = np.tensordot(weights, present, 1)
        scales, offsets = _scaling(targets, _clipped(logits))
        thresholds = best_thresholds(targets, sigmoid(scales * logits + offsets))
        shares = np.zeros(2)
        shares[is_there] = weights
        by_label = [tuple((scales * share).tolist()) if share else () for share in shares]
        return LabelwiseEnsemble(
            network=by_label[0],
            linear=by_label[1],
            offsets=tuple(offsets.tolist()),
            thresholds=thresholds,
        )

    def decide(self, ensemble: AnyEnsemble, probabilities: Probabilities) -> Mask:
        """Return the labels whose probability is at least their threshold."""
        assert isinstance(ensemble, LabelwiseEnsemble)
        return ensemble.decide(probabilities)

    def metrics(self, targets: Targets, logits: Logits) -> dict[str, float]:
        """Return the share of right decisions at 0.5, and their log loss."""
        probabilities = sigmoid(logits)
        return {
            "label_accuracy": label_accuracy(targets, probabilities >= DEFAULT_THRESHOLD),
            "log_loss": mean_log_loss(targets, probabilities),
        }


Outputs = OneLabel | SeveralLabels
"""How members answer; both kinds have the same methods."""


def fit_ensemble(
    targets: Targets,
    members: Sequence[LogProbabilities | None],
    prior: Prior = EQUAL,
    *,
    balance: Balance | None = None,
) -> Ensemble:
    """Return the ensemble of network and linear model with the smallest cross-entropy.

    Of two log-probabilities [text, label] one may be None; the other one then has the prior mean 1.
    """
    is_there = [member is not None for member in members]
    present = np.stack([member for member in members if member is not None])
    n_labels = present.shape[2]
    smallest = np.bincount(targets, minlength=n_labels).min()
    basis = np.eye(n_labels, n_labels if smallest >= _MIN_TEXTS_PER_OFFSET else 0)
    if balance is not None:
        # The correction is exact only for models that fit perfectly.
        basis = np.column_stack([basis, balance.direction])
    means = np.array(prior.weights if len(present) == 2 else [1.0])
    found = fit_weights(
        present,
        one_hot(targets, n_labels),
        means,
        np.array(prior.strength)[is_there],
        basis,
        _OFFSET_STRENGTH,
    )
    shares = np.zeros(2)
    shares[is_there] = found[: len(present)]
    network, linear = shares.tolist()
    offsets = tuple((basis @ found[len(present) :]).tolist()) if basis.shape[1] else ()
    return Ensemble(network=network, linear=linear, offsets=offsets)


def _pool_weights(members: Logits, true: Floats) -> Float64s:
    means = np.full(len(members), 1 / len(members))
    if not len(true):
        return means
    return fit_weights(members, true, means, np.full(len(members), POOL_STRENGTH))


def _scaling(targets: Targets, logits: Logits) -> tuple[Float64s, Float64s]:
    """Return the temperature and the offset of each label, [label] each; 1 and 0 where texts are
    too few.
    """
    n_labels = targets.shape[1]
    offset = np.array([[0.0], [1.0]])
    scales = np.ones(n_labels)
    offsets = np.zeros(n_labels)
    for label in range(n_labels):
        column = targets[:, label : label + 1]
        true = column[~np.isnan(column)] == 1
        if len(true) < MIN_PREDICTIONS or min(true.sum(), (~true).sum()) < MIN_POSITIVES:
            continue
        members = _cells(column, [logits[:, label : label + 1]])
        strength = np.array([_SCALING_STRENGTH])
        scales[label], offsets[label] = fit_weights(
            *members, np.ones(1), strength, offset, _SCALING_STRENGTH
        )
    return scales, offsets


def _cells(targets: Targets, members: Sequence[Logits] | Logits) -> tuple[Float64s, Float64s]:
    """Return each known label as two exclusive ones: logits [member, cell, 2], and one-hot [cell,
    2].
    """
    known = ~np.isnan(targets)
    logits = np.stack([_clipped(member)[known] for member in members])
    true = targets[known] == 1
    return np.stack([np.zeros_like(logits), logits], axis=2), np.stack(
        [~true, true], axis=1
    ).astype(float)


def _clipped(logits: Logits) -> Logits:
    return np.clip(logits, -MAX_LOGIT, MAX_LOGIT)


def fit_weights(
    members: Logits,
    true: Floats,
    means: Float64s,
    strength: Float64s,
    basis: Float64s | None = None,
    offset_strength: float = 0.0,
) -> Float64s:
    """Return the weights [member], none below 0, and offsets [offset] with the smallest
    cross-entropy.

    Members are logits [member, text, label], and `true` is one-hot [text, label]. `basis` [label,
    offset] is what each offset adds to the logits; its mean of 0 is worth `offset_strength` texts.
    """
    from scipy.optimize import minimize

    basis = np.zeros((true.shape[1], 0)) if basis is None else basis
    n_offsets = basis.shape[1]
    n_members = len(members)
    n_texts = len(true)
    centre = np.concatenate([means, np.zeros(n_offsets)])
    weight = np.concatenate([strength, np.full(n_offsets, offset_strength)])

    def objective(values: Float64s) -> tuple[float, Float64s]:
        logits = np.tensordot(values[:n_members], members, 1) + basis @ values[n_members:]
        off = values - centre
        # Half of the time of `logaddexp.reduce` and a softmax.
        highest = logits.max(axis=1, keepdims=True)
        log_z = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
        error = np.exp(logits - log_z) - true
        slopes = [(error * member).sum() for member in members]
        value = log_z.sum() - (logits * true).sum() + weight * off @ off
        gradient = np.concatenate([slopes, basis.T @ error.sum(axis=0)]) + 2 * weight * off
        return value / n_texts, gradient / n_texts

    bounds = [(0.0, None)] * n_members + [(None, None)] * n_offsets
    found: Float64s = minimize(objective, centre, jac=True, method="L-BFGS-B", bounds=bounds).x
    if not found[:n_members].any():
        # No member helps: the probabilities are nearly equal.
        found[:n_members] = _NEXT_TO_NOTHING * means
    return found
