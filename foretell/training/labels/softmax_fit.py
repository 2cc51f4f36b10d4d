"""Softmax regression on sparse features by AdaGrad, one text a step.

For many labels and many texts: a pass takes time in proportion to the features of the texts and
the labels, and eight passes are enough, where Newton's method solves a system for every step. Each
feature has a learning rate of its own, which falls with the gradients that it has seen (Duchi,
Hazan and Singer, 2011, "Adaptive Subgradient Methods"); the rate of all falls linearly to zero.
Targets are smoothed (Szegedy et al., 2016, "Rethinking the Inception Architecture"), which is the
only regularisation. Where texts may have several labels, each has a sigmoid of its own.

The features count as much as they tell about the labels: the square root of the Kullback–Leibler
divergence of the labels of texts that have the feature from those of all texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from foretell.arrays import Float32s
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.rows import Rows

F = np.float32

# Chosen on training texts of arXiv and of seven small sets (docs/experiments.md).
PASSES = 8
LEARNING_RATE = 2.0
SMOOTHING = 0.1
_SAMPLED = 10_000_000
_BLOCK = 10_000
_FIRST_SUM = 0.1
"""The sum of squared gradients with which each feature begins."""

_PRIOR = 2.0
"""Texts with the labels of all texts that each feature is counted with."""

MAX_KEPT = 2_000_000
"""Weights that are kept, those that change the scores most. More did not lower the loss of texts
that nothing was learned from, of 120,000 with 167 labels (docs/experiments.md).
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseSoftmax:
    """A fitted model: the weights that are kept [feature, column], and the bias [column]."""

    weights: Float32s | SparseWeights
    bias: Float32s

    def scores(self, features: sparse.csr_array) -> Float32s:
        """Return the scores [text, column] of features [text, feature]."""
        weights = self.weights
        if isinstance(weights, SparseWeights):
            entries = (weights.values, weights.columns, weights.starts)
            weights = sparse.csr_array(entries, shape=(len(weights), weights.n_columns))
            return (features @ weights).toarray() + self.bias
        return features @ weights + self.bias


def informativeness(features: sparse.csr_array, rows: Rows) -> Float32s:
    """Return how much each feature tells about the labels of the texts, float32 [feature].

    It is √(KL divergence / its mean), with `_PRIOR` texts more for each feature.
    """
    has = features.copy()
    has.data = np.ones(len(has.data), np.float32)
    counts = (rows.mass.astype(np.float32) @ has).tocoo()
    shares = np.asarray(rows.mass.sum(axis=1), np.float64)
    shares = (shares + 1e-9) / (shares + 1e-9).sum()
    label, feature = counts.coords
    n_features = features.shape[1]
    total = np.bincount(feature, counts.data, n_features) + _PRIOR
    share = (counts.data + _PRIOR * shares[label]) / total[feature]
    found = np.bincount(feature, share * np.log(share / shares[label]), n_features)
    # All labels that no text with the feature has differ from their share by the same factor.
    absent = np.maximum(1 - np.bincount(feature, shares[label], n_features), 0)
    found += absent * _PRIOR / total * np.log(_PRIOR / total)
    found = np.maximum(found, 0)
    return np.sqrt(found / max(float(found.mean()), 1e-12)).astype(np.float32)


def fit_softmax(
    features: sparse.csr_array, rows: Rows, seed: int = 0, check: Check = ignore
) -> SparseSoftmax:
    """Fit the model.

    Args:
        features: float32 [text, feature], each row of length 1.
        rows: what is learned of the same texts.
        seed: of the order of the texts.
        check: is called after each pass; may raise to stop the fit, True ends it.
    """
    n_texts, n_features = features.shape
    first = np.searchsorted(rows.text, np.append(rows.texts, rows.texts[-1:] + 1))
    importance = rows.weights / rows.weights.mean()
    weights = np.zeros((n_features, rows.n_labels), np.float32)
    bias = np.zeros(rows.n_labels, np.float32)
    sums = np.full(n_features, _FIRST_SUM, np.float32)
    bias_sums = np.ones(rows.n_labels, np.float32)
    rng = np.random.default_rng(seed)
    for done in range(PASSES):
        _learn(
            (features.indptr, features.indices, features.data),
            (first, rows.label, rows.target, importance.astype(np.float32)),
            (weights, sums, bias, bias_sums),
            rng.permutation(n_texts),
            F(LEARNING_RATE * (1 - done / PASSES)),
            F(LEARNING_RATE / PASSES),
            F(0 if rows.has_several else SMOOTHING),
            rows.has_several,
        )
        if check():
            break
    if rows.n_labels == 2 and not rows.has_several:
        return SparseSoftmax(weights=weights[:, 1:] - weights[:, :1], bias=bias[1:] - bias[:1])
    if not rows.has_several:
        # Only the differences count.
        weights -= weights.mean(axis=1, keepdims=True)
        bias -= bias.mean()
    return SparseSoftmax(weights=_kept(weights, features), bias=bias)


def _kept(weights: Float32s, features: sparse.csr_array) -> Float32s | SparseWeights:
    """Return about `MAX_KEPT` weights, those that change the scores of the texts most, sparse."""
    if weights.size <= MAX_KEPT:
        return weights
    squares = np.bincount(features.indices, features.data**2, len(weights))
    often = np.sqrt(squares).astype(np.float32)[:, None]
    # Of some features: an exact order would take as much memory again.
    sample = slice(None, None, -(-weights.size // _SAMPLED))
    influence = np.abs(weights[sample]) * often[sample]
    cut = np.quantile(influence, 1 - MAX_KEPT / weights.size)
    blocks = []
    for begin in range(0, len(weights), _BLOCK):
        block = weights[begin : begin + _BLOCK]
        is_kept = np.abs(block) * often[begin : begin + _BLOCK] > cut
        blocks.append(SparseWeights.of(np.where(is_kept, block, 0)))
    return SparseWeights.stacked(blocks)


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _learn(features, rows, model, order, rate, fall, smoothing, is_independent):  # type: ignore[no-untyped-def]
    """Learn from each text once, in the order [place]; the arrays of `model` are changed.

    The learning rate begins at `rate` and falls by `fall`.
    """
    starts, held, values = features
    first, label, target, importance = rows
    weights, sums, bias, bias_sums = model
    n_labels = weights.shape[1]
    error = np.empty(n_labels, np.float32)
    even = smoothing / F(n_labels)
    for step in range(len(order)):
        text = order[step]
        now = rate - fall * F(step) / F(len(order))
        for k in range(n_labels):
            error[k] = bias[k]
        for entry in range(starts[text], starts[text + 1]):
            row = weights[held[entry]]
            value = values[entry]
            for k in range(n_labels):
                error[k] += value * row[k]
        if is_independent:
            # Of an unknown label nothing is learned.
            for at in range(first[text], first[text + 1]):
                k = label[at]
                error[k] = F(1) / (F(1) + np.exp(-error[k])) - target[at]
            place = first[text]
            for k in range(n_labels):
                if place < first[text + 1] and label[place] == k:
                    place += 1
                else:
                    error[k] = F(0)
        else:
            highest = error[0]
            for k in range(n_labels):
                highest = max(highest, error[k])
            total = F(0)
            for k in range(n_labels):
                error[k] = np.exp(error[k] - highest)
                total += error[k]
            for k in range(n_labels):
                error[k] = error[k] / total - even
            for at in range(first[text], first[text + 1]):
                error[label[at]] -= (F(1) - smoothing) * target[at]
        square = F(0)
        for k in range(n_labels):
            error[k] *= importance[text]
            square += error[k] * error[k]
        for entry in range(starts[text], starts[text + 1]):
            feature = held[entry]
            value = values[entry]
            sums[feature] += value * value * square
            move = now * value / np.sqrt(sums[feature])
            row = weights[feature]
            for k in range(n_labels):
                row[k] -= move * error[k]
        for k in range(n_labels):
            bias_sums[k] += error[k] * error[k]
            bias[k] -= now * error[k] / np.sqrt(bias_sums[k])
