"""Fit generative linear models of TF-IDF values: complement naive Bayes, and the centroids of the labels.

Neither has weights to search for: both follow from sums over the texts of each label. With few labels such
models are near their best sooner than logistic regression (Ng and Jordan, 2001, "On Discriminative vs.
Generative Classifiers"), and they err on other texts.

They have the features of the TF-IDF model, so in a trained classifier they are a part of its weights.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from foretell.arrays import Float64s
from foretell.training.labels.logistic import Check, Fitted, ignore
from foretell.training.labels.tfidf_fit import ValuesFit


class _GenerativeFit(ValuesFit):
    """A model that follows from sums over the texts of each label, which are the same for every strength."""

    @cached_property
    def _label_sums(self) -> Float64s:
        """The values of each label's texts together, [label, feature]."""
        sums: Float64s = self.values.T.dot(self.weights[:, None] * self.targets).T.astype(np.float64)
        return sums


class ComplementFit(_GenerativeFit):
    """Complement naive Bayes: how unlike the texts of all other labels is it?

    The weight of a feature is minus the log of its share in the values of the other labels' texts, smoothed
    by 1 / strength for each feature (Rennie et al., 2003, "Tackling the Poor Assumptions of Naive Bayes Text
    Classifiers", without the last step).
    """

    def fit(self, strength: float, start: Fitted | None = None, check: Check = ignore) -> Fitted:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        sums = self._label_sums
        others = sums.sum(axis=0) - sums + 1 / strength
        return _fitted(np.log(others.sum(axis=1, keepdims=True)) - np.log(others), np.zeros(len(sums)))


class CentroidFit(_GenerativeFit):
    """The centroids of the labels: how near is it to the mean text of each?

    The score of a label is the cosine of its centroid and the text, times the strength, plus the log of its
    share (Rocchio, 1971). The mean of all centroids is subtracted before.
    """

    def fit(self, strength: float, start: Fitted | None = None, check: Check = ignore) -> Fitted:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        mass = (self.weights[:, None] * self.targets).sum(axis=0, keepdims=True).T
        centroids = self._label_sums / np.maximum(mass, 1e-9)
        centroids -= centroids.mean(axis=0)
        lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
        centroids *= strength / np.maximum(lengths, 1e-9)
        return _fitted(centroids, np.log((mass[:, 0] + 0.5) / (mass.sum() + 0.5 * len(mass))))


def _fitted(weights: Float64s, bias: Float64s) -> Fitted:
    """Return a model of weights [label, feature] and biases [label]; of two labels it has one column."""
    if len(bias) == 2:
        weights, bias = weights[1:] - weights[:1], bias[1:] - bias[:1]
    else:
        # Only the differences count.
        weights, bias = weights - weights.mean(axis=0), bias - bias.mean()
    return Fitted(np.ascontiguousarray(weights.T, np.float32), bias.astype(np.float32))
