"""The n-gram linear model: its optimum against a slow reference, soft labels, weights."""

from __future__ import annotations

import csv
import math
from collections import Counter

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

import foretell.training.labels.linear_fit as linear_fit
import foretell.training.labels.logistic as logistic
from foretell.data.named import sample
from foretell.ngrams.counting import count_ngrams
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.linear_fit import (
    fit_counted,
    fit_ngrams,
)

SIZE = 12


def flat(texts):
    ids = np.array([word for text in texts for word in text], np.int32)
    return ids, np.cumsum([0, *(len(text) for text in texts)])


def made(n_texts=40, n_labels=2, seed=0, soft=True):
    """Texts whose words lean towards their label, with soft targets."""
    rng = np.random.default_rng(seed)
    labels = np.append(np.arange(n_labels), rng.integers(0, n_labels, n_texts - n_labels))
    texts = [np.clip(rng.integers(2, 8, 9) + rng.integers(0, 2) * k, 2, 11).tolist() for k in labels]
    targets = 0.8 * np.eye(n_labels)[labels] + 0.2 / n_labels if soft else np.eye(n_labels)[labels]
    return texts, targets, labels


def dense(counted):
    """The matrix [text, feature] of zeros and ones."""
    matrix = np.zeros((counted.n_texts, len(counted.keys)))
    for feature, (a, b) in enumerate(zip(counted.starts, counted.starts[1:], strict=False)):
        matrix[counted.texts[a:b], feature] = 1
    return matrix


def reference(matrix, targets, weights, penalty=3.0, count_penalty=0.01):
    """Weights [feature, column] and bias [column], feature by feature and by a general optimiser."""
    n_labels = targets.shape[1]
    share = (weights @ targets + 0.5) / (weights.sum() + 0.5 * n_labels)
    columns = [1] if n_labels == 2 else range(n_labels)
    scale = np.zeros((matrix.shape[1], len(columns)))
    for column, label in enumerate(columns):
        of_label = (weights * targets[:, label]) @ matrix + 2 * share[label]
        of_others = (weights * (1 - targets[:, label])) @ matrix + 2 * (1 - share[label])
        for feature, count in enumerate(weights @ matrix):
            p, q = of_label[feature] / of_label.sum(), of_others[feature] / of_others.sum()
            ratio = math.log(p / q)
            scale[feature, column] = ratio / math.sqrt(penalty + count_penalty * count * ratio**2)
    start = np.log(share[1:] / share[:1]) if n_labels == 2 else np.log(share)

    def unpacked(flat_parameters):
        u = flat_parameters.reshape(-1, len(columns))
        return scale * u[:-1], start + 10 * u[-1]

    def objective(flat_parameters):
        found, bias = unpacked(flat_parameters)
        scores = matrix @ found + bias
        if n_labels == 2:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        losses = -(targets * log_softmax(scores, axis=1)).sum(axis=1)
        return weights @ losses + (flat_parameters**2).sum() / 2

    first = np.zeros((matrix.shape[1] + 1) * len(columns))
    options = {"maxiter": 2000, "maxfun": 10**7, "ftol": 1e-15, "gtol": 1e-7}
    return unpacked(minimize(objective, first, method="L-BFGS-B", options=options).x)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_optimum_is_that_of_a_slow_reference(monkeypatch, n_labels):
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-6)
    monkeypatch.setattr(linear_fit, "_NEGLIGIBLE", 0)
    texts, targets, _ = made(25, n_labels)
    weights = np.random.default_rng(3).random(len(texts)) + 0.5
    counted = count_ngrams(*flat(texts), SIZE, longest=2)
    model = fit_counted(counted, targets, weights)
    expected, bias = reference(dense(counted), targets, weights)
    np.testing.assert_array_equal(model.keys, counted.keys)
    np.testing.assert_allclose(model.weights, expected, atol=2e-3)
    # A softmax does not see what is added to every label.
    free = 0 if n_labels == 2 else 1
    np.testing.assert_allclose(model.bias - free * model.bias.mean(), bias - free * bias.mean(), atol=2e-3)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_soft_label_is_a_text_divided_among_labels(monkeypatch, n_labels):
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-6)
    texts, targets, _ = made(30, n_labels)
    soft = fit_counted(count_ngrams(*flat(texts), SIZE, min_texts=1), targets)
    copies, hard = texts * n_labels, np.repeat(np.eye(n_labels), len(texts), axis=0)
    divided = fit_counted(count_ngrams(*flat(copies), SIZE, min_texts=1), hard, targets.T.ravel())
    np.testing.assert_array_equal(soft.keys, divided.keys)
    np.testing.assert_allclose(soft.scores(texts), divided.scores(texts), atol=0.01)


def test_a_text_of_weight_zero_has_no_part():
    texts, targets, labels = made(60)
    wrong = np.eye(2)[1 - labels[:20]]
    weights = np.append(np.ones(60), np.zeros(20))
    counted = count_ngrams(*flat(texts + texts[:20]), SIZE)
    with_them = fit_counted(counted, np.concatenate([targets, wrong]), weights)
    without = fit_ngrams(*flat(texts), targets, SIZE)
    np.testing.assert_array_equal(with_them.scores(texts), without.scores(texts))


def test_the_same_again_is_identical(monkeypatch):
    texts, targets, _ = made(300, 3)
    first = fit_ngrams(*flat(texts), targets, SIZE)
    np.testing.assert_array_equal(fit_ngrams(*flat(texts), targets, SIZE).weights, first.weights)
    # Nor do threads change anything.
    monkeypatch.setattr(linear_fit, "_FEW_ENTRIES", 0)
    np.testing.assert_array_equal(fit_ngrams(*flat(texts), targets, SIZE).weights, first.weights)


@pytest.mark.parametrize("n_labels", [2, 5])
def test_a_label_without_texts_is_unlikely_and_finite(n_labels):
    texts, targets, _ = (
        made(50, n_labels - 1) if n_labels > 2 else ([[3, 4], [5, 6]] * 9, np.ones((18, 1)), 0)
    )
    model = fit_ngrams(*flat(texts), np.append(targets, np.zeros((len(targets), 1)), axis=1), SIZE)
    scores = model.scores(texts)
    assert np.isfinite(scores).all()
    if n_labels == 2:
        assert (scores < -2).all()
    else:
        assert (scores.argmax(axis=1) < n_labels - 1).all()


def test_texts_without_words_are_learned_from_as_their_share():
    targets = np.eye(2)[[0, 0, 0, 1]]
    model = fit_ngrams(*flat([[], [1], [0, 1], []]), targets, SIZE)
    assert len(model) == 0
    np.testing.assert_allclose(1 / (1 + np.exp(-model.bias)), [0.25], atol=0.02)


def test_it_learns_the_reviews_that_ship():
    with sample("reviews.csv") as path, path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([row["label"] == "positive" for row in rows]).astype(int)
    tokenizer = Tokenizer.train((row["text"] for row in rows), "words", lowercase=True, vocabulary=9999)
    ids = tokenizer.encode_batch(row["text"] for row in rows)
    right = []
    for fold in range(5):
        inside, outside = (
            [i for i in range(len(ids)) if (i % 5 == fold) == valid] for valid in (False, True)
        )
        model = fit_ngrams(*flat([ids[i] for i in inside]), np.eye(2)[labels[inside]], tokenizer.size)
        right += ((model.scores([ids[i] for i in outside])[:, 0] > 0) == labels[outside]).tolist()
    assert max(Counter(labels.tolist()).values()) / len(labels) < 0.6
    assert np.mean(right) > 0.8


def test_two_labels_of_ngrams_are_two_models() -> None:
    ids = np.array([2, 3, 2, 4, 3, 4, 2, 3], np.int32)
    starts = np.array([0, 2, 4, 6, 8])
    targets = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], np.float32)
    both = fit_ngrams(ids, starts, targets, 5, np.ones((4, 2)))
    assert both.bias.shape == (2,)
    for label in range(2):
        soft = np.stack([1 - targets[:, label], targets[:, label]], axis=1)
        alone = fit_ngrams(ids, starts, soft, 5)
        scores = both.scores_of_flat(ids, starts)[:, label]
        np.testing.assert_allclose(scores, alone.scores_of_flat(ids, starts)[:, 0], atol=0.05)
