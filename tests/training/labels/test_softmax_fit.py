"""Softmax regression by AdaGrad beside a slow reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from foretell.ngrams.sparse_weights import SparseWeights
from foretell.training.labels import softmax_fit
from foretell.training.labels.logistic import Check, ManyWeights, ignore
from foretell.training.labels.rows import Rows, hard_rows, soft_rows
from foretell.training.labels.softmax_fit import (
    fit_softmax,
    informativeness,
    label_counts,
)

N, FEATURES, LABELS, PASSES = 60, 12, 4, 8


def features() -> sparse.csr_array:
    rng = np.random.default_rng(3)
    values = rng.random((N, FEATURES)) * (rng.random((N, FEATURES)) < 0.4)
    values[:, 0] += 0.1
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return sparse.csr_array(values.astype(np.float32))


def fitted(rows: Rows, check: Check = ignore) -> ManyWeights:
    """Fit a model of values that have their factors and their length already."""
    return fit_softmax(features(), np.ones(FEATURES, np.float32), rows, PASSES, check)


def tells(values: sparse.csr_array, rows: Rows) -> np.ndarray:
    counts, in_texts = label_counts(values, rows)
    np.testing.assert_array_equal(in_texts, (values.toarray() > 0).sum(axis=0))
    return informativeness(counts, rows.mass.sum(axis=1))


def rows_of(kind: str) -> Rows:
    rng = np.random.default_rng(8)
    weights = rng.uniform(0.5, 2, N)
    if kind == "hard":
        return hard_rows(rng.integers(0, LABELS, N).astype(np.int32), weights, LABELS)
    if kind == "two":
        return hard_rows(rng.integers(0, 2, N).astype(np.int32), weights, 2)
    if kind == "soft":
        return soft_rows(rng.dirichlet(np.ones(LABELS), N).astype(np.float32), smallest=0.2)
    several = (rng.random((N, LABELS)) < 0.4).astype(np.float32)
    several[rng.random((N, LABELS)) < 0.2] = np.nan
    return hard_rows(several, weights, LABELS)


def reference(values: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the scores [text, column] of a model that is fitted text by text, in float64."""
    n_texts, n_features = values.shape
    truth = rows.truth() if rows.has_several else rows.targets
    importance = rows.weights / rows.weights.mean()
    weights = np.zeros((n_features, rows.n_labels))
    bias = np.zeros(rows.n_labels)
    sums = np.full(n_features, 0.1)
    bias_sums = np.ones(rows.n_labels)
    rng = np.random.default_rng(0)
    passes = PASSES
    for done in range(passes):
        for step, text in enumerate(rng.permutation(n_texts)):
            rate = softmax_fit.LEARNING_RATE * (1 - (done + step / n_texts) / passes)
            score = values[text] @ weights + bias
            if rows.has_several:
                error = np.nan_to_num(1 / (1 + np.exp(-score)) - truth[text])
            else:
                smooth = softmax_fit.SMOOTHING
                goal = (1 - smooth) * truth[text] + smooth / rows.n_labels
                error = np.exp(score) / np.exp(score).sum() - goal
            error = error * importance[text]
            gradient = np.outer(values[text], error)
            sums += (gradient**2).sum(axis=1)
            weights -= rate * gradient / np.sqrt(sums)[:, None]
            bias_sums += error**2
            bias -= rate * error / np.sqrt(bias_sums)
    scores = values @ weights + bias
    if rows.has_several:
        return scores
    return scores[:, 1:] - scores[:, :1] if rows.n_labels == 2 else scores


@pytest.mark.parametrize("kind", ["hard", "two", "soft", "several"])
def test_it_is_the_slow_reference(kind: str) -> None:
    rows = rows_of(kind)
    values = features()
    found = fitted(rows).scores(values)
    expected = reference(values.toarray().astype(float), rows)
    if kind in ("hard", "soft"):
        # Only the differences count.
        found = found - found.mean(axis=1, keepdims=True)
        expected = expected - expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_weights_that_change_little_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of("hard")
    values = features()
    whole = fitted(rows)
    assert not isinstance(whole.weights, SparseWeights)
    monkeypatch.setattr(softmax_fit, "MAX_KEPT", 16)
    monkeypatch.setattr(softmax_fit, "_BLOCK", 5)
    cut = fitted(rows)
    assert isinstance(cut.weights, SparseWeights)
    assert 12 <= len(cut.weights.values) <= 17 < 0.45 * whole.weights.size
    influence = np.abs(whole.weights) * np.sqrt((values.toarray() ** 2).sum(axis=0))[:, None]
    least = np.sort(influence.ravel())[-len(cut.weights.values)]
    kept = np.where(influence >= least, whole.weights, 0)
    np.testing.assert_allclose(cut.scores(values), values @ kept + whole.bias, atol=1e-5)


def test_informativeness_is_the_divergence_of_the_labels() -> None:
    rows = rows_of("soft")
    values = features()
    mass = rows.targets.astype(float)
    shares = mass.sum(axis=0) / mass.sum()
    has = values.toarray() > 0
    counts = mass.T @ has + 2 * shares[:, None]
    given = counts / counts.sum(axis=0)
    divergence = (given * np.log(given / shares[:, None])).sum(axis=0)
    expected = np.sqrt(divergence / divergence.mean())
    np.testing.assert_allclose(tells(values, rows), expected, rtol=1e-4, atol=1e-4)
    # A label that no text has, and a feature that all texts have.
    more = replace(rows, n_labels=LABELS + 1)
    np.testing.assert_allclose(tells(values, more), expected, rtol=1e-4, atol=1e-4)


def test_labels_that_no_text_with_a_feature_has_make_it_tell_more() -> None:
    has = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], np.float32)
    rows = hard_rows(np.arange(4, dtype=np.int32), np.ones(4), 4)
    counts, _ = label_counts(sparse.csr_array(has), rows)
    of_two, of_one = informativeness(counts, np.ones(4))
    given = np.array([[1.5, 1.5, 0.5, 0.5], [3, 1, 1, 1]]) / [[4], [6]]
    divergence = (given * np.log(given / 0.25)).sum(axis=1)
    assert of_two / of_one == pytest.approx(np.sqrt(divergence[0] / divergence[1]))


def test_values_are_features_times_factors_of_some_texts() -> None:
    factors = np.linspace(0.5, 3, FEATURES).astype(np.float32)
    rows = rows_of("hard")
    some = rows.of_texts(np.arange(N) % 3 > 0)
    values = features().toarray() * factors
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    expected = fit_softmax(
        sparse.csr_array(values[some.texts]),
        np.ones(FEATURES, np.float32),
        replace(some, text=np.searchsorted(some.texts, some.text).astype(np.int32)),
        PASSES,
    )
    found = fit_softmax(features(), factors, some, PASSES)
    assert isinstance(found.weights, np.ndarray)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-3)


def test_a_check_ends_the_fit() -> None:
    rows = rows_of("hard")
    done = []

    def check() -> bool:
        done.append(1)
        return len(done) == 2

    fitted(rows, check)
    assert len(done) == 2
