"""What a linear model's scores mean, and what is good: one label for each text, or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float64s, Floats, Logits
from foretell.metrics import log_loss, mean_accuracy
from foretell.metrics.multi_label import DEFAULT_THRESHOLD, label_accuracy, mean_log_loss
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.labelwise import sigmoid
from foretell.training.labels.ensemble_fit import MIN_LOG_PROBABILITY, fit_pool
from foretell.training.labels.labelwise_fit import MAX_LOG_ODDS, fit_labelwise_pool

Targets = npt.NDArray[Any]


class Outputs(Protocol):
    """How linear models answer; `logs` are what `of_scores` returns, [text, label]."""

    def of_scores(self, scores: Floats) -> Logits:
        """Return what the scores [text, column] of a model say of each label."""

    def loss(self, targets: Targets, logs: Logits) -> float:
        """Return the loss by which a penalty is chosen."""

    def fit_pool(self, targets: Targets, members: Sequence[Logits]) -> Float64s:
        """Return the weight of each member."""

    def pooled(self, logs: Logits) -> Logits:
        """Return the answers of a weighted sum of members."""

    def figures(self, targets: Targets, logs: Logits) -> dict[str, float]:
        """Return accuracy and log loss."""


@dataclass(frozen=True)
class OneLabel:
    """Each text has one label: `logs` are log-probabilities, targets int32 [text]."""

    def of_scores(self, scores: Floats) -> Logits:
        """Return log-probabilities."""
        return linear_log_probabilities(scores)

    def loss(self, targets: Targets, logs: Logits) -> float:
        """Return the cross-entropy of clipped probabilities."""
        losses = -np.maximum(logs, MIN_LOG_PROBABILITY)[np.arange(len(targets)), targets]
        return float(losses.mean())

    def fit_pool(self, targets: Targets, members: Sequence[Logits]) -> Float64s:
        """Return the weights of a logarithmic opinion pool."""
        return fit_pool(targets, members)

    def pooled(self, logs: Logits) -> Logits:
        """Return log-probabilities again."""
        return linear_log_probabilities(logs)

    def figures(self, targets: Targets, logs: Logits) -> dict[str, float]:
        """Return accuracy and log loss."""
        return {"accuracy": mean_accuracy(targets, logs), "log_loss": log_loss(targets, np.exp(logs))}


@dataclass(frozen=True)
class SeveralLabels:
    """Each label is a decision of its own: `logs` are log-odds, targets [text, label], NaN unknown."""

    def of_scores(self, scores: Floats) -> Logits:
        """Return log-odds."""
        return scores.astype(np.float64)

    def loss(self, targets: Targets, logs: Logits) -> float:
        """Return the mean binary cross-entropy of clipped probabilities."""
        return mean_log_loss(targets, sigmoid(np.clip(logs, -MAX_LOG_ODDS, MAX_LOG_ODDS)))

    def fit_pool(self, targets: Targets, members: Sequence[Logits]) -> Float64s:
        """Return the weights of members, the same for every label."""
        return fit_labelwise_pool(targets, members)

    def pooled(self, logs: Logits) -> Logits:
        """Return the same: sums of log-odds are log-odds."""
        return logs

    def figures(self, targets: Targets, logs: Logits) -> dict[str, float]:
        """Return the share of right decisions at 0.5, and the log loss of a decision."""
        probabilities = sigmoid(logs)
        return {
            "label_accuracy": label_accuracy(targets, probabilities >= DEFAULT_THRESHOLD),
            "log_loss": mean_log_loss(targets, probabilities),
        }
