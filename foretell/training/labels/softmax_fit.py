"""The member `words`: softmax regression on words and pairs of words by AdaGrad, one text a step.

For many labels and many texts: a pass takes time in proportion to the features of the texts and
the labels, and a few are enough, where Newton's method solves a system for every step. Each
feature has a learning rate of its own, which falls with the gradients that it has seen (Duchi,
Hazan and Singer, 2011, "Adaptive Subgradient Methods"); the rate of all falls linearly to zero.
Targets are smoothed (Szegedy et al., 2016, "Rethinking the Inception Architecture"), which is the
only regularisation. Where texts may have several labels, each has a sigmoid of its own.

The features count as much as they tell about the labels: the square root of the Kullback–Leibler
divergence of the labels of texts that have the feature from those of all texts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit
from scipy import sparse

from foretell.arrays import Float32s, Floats, Integers, Mask
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.dense_fit import unit_rows
from foretell.training.labels.logistic import Check, ManyWeights, ignore
from foretell.training.labels.rows import Rows
from foretell.training.labels.tfidf_fit import CountedFeatures

F = np.float32

# Chosen on training texts of arXiv and of seven small sets (docs/experiments.md).
LEARNING_RATE = 2.0
SMOOTHING = 0.1
_SAMPLED = 10_000_000
_BLOCK = 10_000
_TEXTS_AT_ONCE = 20_000
_FIRST_SUM = 0.1
"""The sum of squared gradients with which each feature begins."""

_PRIOR = 2.0
"""Texts with the labels of all texts that each feature is counted with."""

MAX_KEPT = 2_000_000
"""Weights that are kept, those that change the scores most. More did not lower the loss of texts
that nothing was learned from, of 120,000 with 167 labels (docs/experiments.md).
"""


def label_counts(features: sparse.csr_array, rows: Rows) -> tuple[sparse.csr_array, Integers]:
    """Return how much the texts of each label that have a feature count, [label, feature]; and how
    many texts have it, [feature].

    Args:
        features: [text, feature] of all texts; what is not zero counts as one.
        rows: of some of the texts.
    """
    in_texts = np.zeros(features.shape[1], np.int64)
    mass = rows.mass.astype(np.float32).tocsc()
    counts = sparse.csr_array((rows.n_labels, features.shape[1]), dtype=np.float32)
    # In blocks: the features of all texts are not copied.
    for begin in range(0, len(rows.texts), _TEXTS_AT_ONCE):
        block = slice(begin, begin + _TEXTS_AT_ONCE)
        has = features[rows.texts[block]]
        has.data = np.ones(len(has.data), np.float32)
        counts = counts + mass[:, block].tocsr() @ has
        in_texts += np.bincount(has.indices, minlength=len(in_texts))
    return counts, in_texts


def informativeness(counts: sparse.csr_array, mass: Floats) -> Float32s:
    """Return how much each feature tells about the labels, float32 [feature].

    It is √(KL divergence / its mean) of the labels of the texts with the feature from those of all
    texts, where each feature has `_PRIOR` texts more.

    Args:
        counts: [label, feature], how much the texts with each count.
        mass: [label], how much all texts count.
    """
    shares = (mass + 1e-9) / (mass + 1e-9).sum()
    cells = counts.tocoo()
    label, feature = cells.coords
    n_features = cells.shape[1]
    total = np.bincount(feature, cells.data, n_features) + _PRIOR
    share = (cells.data + _PRIOR * shares[label]) / total[feature]
    found = np.bincount(feature, share * np.log(share / shares[label]), n_features)
    # The share of every label that no text with the feature has changes by the same factor.
    absent = np.maximum(1 - np.bincount(feature, shares[label], n_features), 0)
    found += absent * _PRIOR / total * np.log(_PRIOR / total)
    found = np.maximum(found, 0)
    return np.sqrt(found / max(float(found.mean()), 1e-12)).astype(np.float32)


def fit_softmax(
    features: sparse.csr_array,
    factors: Float32s,
    rows: Rows,
    passes: int,
    check: Check = ignore,
) -> ManyWeights:
    """Fit the model.

    Args:
        features: float32 [text, feature] of all texts. The values of a text are these times the
            factors, divided by their length.
        factors: float32 [feature].
        rows: what is learned of some of the texts.
        passes: over the texts.
        check: is called after each pass; may raise to stop the fit, True ends it.
    """
    texts = rows.texts
    first = np.searchsorted(rows.text, np.append(texts, texts[-1:] + 1))
    importance = (rows.weights / rows.weights.mean()).astype(np.float32)
    weights = np.zeros((features.shape[1], rows.n_labels), np.float32)
    bias = np.zeros(rows.n_labels, np.float32)
    sums = np.full(len(weights), _FIRST_SUM, np.float32)
    bias_sums = np.ones(rows.n_labels, np.float32)
    often = np.zeros(len(weights), np.float32)
    rng = np.random.default_rng(0)
    for done in range(passes):
        _learn(
            (features.indptr, features.indices, features.data, factors),
            (texts, first, rows.label, rows.target, importance),
            (weights, sums, bias, bias_sums),
            often,
            rng.permutation(len(texts)),
            F(LEARNING_RATE * (1 - done / passes)),
            F(LEARNING_RATE / passes),
            F(0 if rows.has_several else SMOOTHING),
            rows.has_several,
        )
        if check():
            break
    if rows.n_labels == 2 and not rows.has_several:
        return ManyWeights(weights=weights[:, 1:] - weights[:, :1], bias=bias[1:] - bias[:1])
    if not rows.has_several:
        # Only the differences count.
        weights -= weights.mean(axis=1, keepdims=True)
        bias -= bias.mean()
    return ManyWeights(weights=_kept(weights, np.sqrt(often)), bias=bias)


def _kept(weights: Float32s, size: Float32s) -> Float32s | SparseWeights:
    """Return about `MAX_KEPT` weights, those that change the scores of the texts most, sparse.

    `size`, [feature], is in proportion to the root mean square of the feature's values.
    """
    if weights.size <= MAX_KEPT:
        return weights
    often = size[:, None]
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


class WordFit:
    """Softmax regression on words and pairs of words, each as much as it tells about the labels.

    The values of a text are its TF-IDF values times `informativeness`, divided by their length.
    """

    def __init__(self, counted: CountedFeatures, rows: Rows, inside: Mask) -> None:
        self._counted = counted
        self._rows = rows
        counts, in_texts = label_counts(counted.matrix, rows)
        idf = np.log((1 + len(rows.texts)) / (1 + in_texts)) + 1
        # The factor of a feature that no text of these rows has is 0.
        factors = idf * informativeness(counts, rows.mass.sum(axis=1))
        self._factors = np.where(counted.chosen_by(inside), factors, 0).astype(np.float32)

    def fit(
        self, strength: float, start: ManyWeights | None = None, check: Check = ignore
    ) -> ManyWeights:
        """Fit the model in as many passes as `strength` says."""
        del start
        matrix = self._counted.matrix
        return fit_softmax(matrix, self._factors, self._rows, int(strength), check)

    def scores(self, parameters: ManyWeights, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the texts at some places."""
        return parameters.scores(self._values(texts))

    def model(self, parameters: ManyWeights) -> TfidfModel:
        """Return the model for predictions."""
        features = self._counted.features
        kept = np.flatnonzero(self._factors)
        chosen = replace(features, words=features.words[kept])
        weights = parameters.weights[kept]
        return TfidfModel(chosen, self._factors[kept], weights, parameters.bias)

    def _values(self, texts: Integers) -> sparse.csr_array:
        """Return the values of the texts at some places, float32 [text, feature]."""
        values = self._counted.matrix[texts] @ sparse.diags_array(self._factors)
        return unit_rows(values, 2)


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _softmax_errors(scores, label, target, smoothing):  # type: ignore[no-untyped-def]
    """Make of the scores [label] of a text its probabilities minus its smoothed targets."""
    highest = scores[0]
    for k in range(len(scores)):
        highest = max(highest, scores[k])
    total = F(0)
    for k in range(len(scores)):
        scores[k] = np.exp(scores[k] - highest)
        total += scores[k]
    even = smoothing / F(len(scores))
    for k in range(len(scores)):
        scores[k] = scores[k] / total - even
    for row in range(len(label)):
        scores[label[row]] -= (F(1) - smoothing) * target[row]


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _sigmoid_errors(scores, label, target):  # type: ignore[no-untyped-def]
    """Make of the scores [label] of a text its probabilities minus its targets.

    The labels ascend; of an unknown label nothing is learned.
    """
    row = 0
    for k in range(len(scores)):
        if row < len(label) and label[row] == k:
            scores[k] = F(1) / (F(1) + np.exp(-scores[k])) - target[row]
            row += 1
        else:
            scores[k] = F(0)


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _learn(features, rows, model, often, order, rate, fall, smoothing, is_independent):  # type: ignore[no-untyped-def]
    """Learn from each text once, in the order [place]; the arrays of `model` are changed.

    The learning rate begins at `rate` and falls by `fall`. The squares of the values are added to
    `often` [feature].
    """
    starts, held, counts, factors = features
    texts, first, label, target, importance = rows
    weights, sums, bias, bias_sums = model
    n_labels = weights.shape[1]
    error = np.empty(n_labels, np.float32)
    values = np.empty(len(factors), np.float32)
    for step in range(len(order)):
        text = order[step]
        begin = starts[texts[text]]
        entries = starts[texts[text] + 1] - begin
        now = rate - fall * F(step) / F(len(order))
        square = F(0)
        for entry in range(entries):
            values[entry] = counts[begin + entry] * factors[held[begin + entry]]
            square += values[entry] * values[entry]
        scale = F(1) / max(np.sqrt(square), F(1e-12))
        for k in range(n_labels):
            error[k] = bias[k]
        for entry in range(entries):
            values[entry] *= scale
            feature = held[begin + entry]
            often[feature] += values[entry] * values[entry]
            row = weights[feature]
            for k in range(n_labels):
                error[k] += values[entry] * row[k]
        own = slice(first[text], first[text + 1])
        if is_independent:
            _sigmoid_errors(error, label[own], target[own])
        else:
            _softmax_errors(error, label[own], target[own], smoothing)
        square = F(0)
        for k in range(n_labels):
            error[k] *= importance[text]
            square += error[k] * error[k]
        for entry in range(entries):
            feature = held[begin + entry]
            value = values[entry]
            sums[feature] += value * value * square
            move = now * value / np.sqrt(sums[feature])
            row = weights[feature]
            for k in range(n_labels):
                row[k] -= move * error[k]
        for k in range(n_labels):
            bias_sums[k] += error[k] * error[k]
            bias[k] -= now * error[k] / np.sqrt(bias_sums[k])
