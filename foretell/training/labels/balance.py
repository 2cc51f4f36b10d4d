"""Class weights for `--balance`, and the correction of probabilities to the true shares of the
labels.

Each text counts in inverse proportion to the frequency of its label, so that all labels together
count the same: the weights of scikit-learn's `class_weight="balanced"`. A model that is fitted to
such weights answers as if all labels were equally frequent. By Bayes' rule its probabilities for
the true shares are proportional to its own, each divided by the weight of its label (Saerens,
Latinne and Decaestecker, 2002, "Adjusting the Outputs of a Classifier to New a Priori
Probabilities"). In log-odds that is a constant, which is added to the biases of the network and of
each linear model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from foretell.arrays import Float32s, Float64s, Integers, Probabilities
from foretell.ngrams.ensemble import log_of, softmax
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.logistic import LinearWeights
from foretell.training.labels.rows import Rows

AnyLinear = TypeVar("AnyLinear", bound=LinearModel | TfidfModel | LinearWeights)


@dataclass(frozen=True, eq=False)
class Balance:
    """The class weights: how much a text of each label counts, float64 [label]."""

    weights: Float64s

    @classmethod
    def of(cls, targets: Integers, weights: Float64s | None, n_labels: int) -> Balance:
        """Return the weights with which all labels count the same, and the texts as much as before
        together.

        The texts have labels at the places `targets` [text], and count `weights` [text] (None: 1
        each).
        """
        mass = np.bincount(targets, weights, n_labels)
        occurs = mass > 0
        balanced = np.ones(n_labels)
        balanced[occurs] = mass.sum() / (occurs.sum() * mass[occurs])
        return cls(balanced)

    @property
    def direction(self) -> Float64s:
        """What undoes the correction where it is added to log-probabilities, [label]; its mean is
        0.
        """
        logs = np.log(self.weights)
        centred: Float64s = logs - logs.mean()
        return centred

    def of_rows(self, rows: Rows) -> Rows:
        """Return rows whose texts have the class weights: the mean of those of a soft label."""
        mass = rows.target * self.weights[rows.label]
        total = np.bincount(rows.text, mass)[rows.text]
        return replace(rows, target=(mass / total).astype(np.float32), weight=rows.weight * total)

    def bias(self, n_columns: int) -> Float32s:
        """Return what is added to scores, [column]: the log-odds of two labels, else one column for
        each.
        """
        logs = -np.log(self.weights)
        return (logs[1:] - logs[:1] if n_columns == 1 else logs - logs.mean()).astype(np.float32)

    def corrected(self, probabilities: Probabilities) -> Probabilities:
        """Return the probabilities [text, label] of a weighted model for the true shares of the
        labels.
        """
        return softmax(log_of(probabilities) - np.log(self.weights))

    def corrected_model(self, model: AnyLinear) -> AnyLinear:
        """Return a linear model that was fitted with the weights, for the true shares of the
        labels.
        """
        return replace(model, bias=model.bias + self.bias(len(model.bias)))
