"""Logistic regression: its optimum beside scikit-learn's, warm starts, soft targets, and being stopped."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from foretell.training.labels import logistic
from foretell.training.labels.logistic import IndependentProblem, MatrixDesign, fit_logistic

RNG = np.random.default_rng(1)


def made(n_labels: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_labels)
    matrix = rng.normal(size=(n, 5)).astype(np.float32)
    return matrix, (matrix[:, :n_labels].argmax(axis=1) + rng.integers(0, 2, n)) % n_labels


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_optimum_is_scikit_learns(
    n_labels: int, is_sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-6)
    monkeypatch.setattr(logistic, "_FREE", 1e3)
    matrix, targets = made(n_labels)
    expected = LogisticRegression(C=0.7, tol=1e-10, max_iter=5000).fit(matrix, targets).predict_proba(matrix)
    design = MatrixDesign(sparse.csr_array(matrix) if is_sparse else matrix)
    fitted = fit_logistic(design, 5, np.eye(n_labels)[targets], np.ones(len(targets)), 0.7)
    scores = matrix @ fitted.weights + fitted.bias
    if n_labels == 2:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    found = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_weight_is_a_repetition_and_soft_targets_are_two_texts() -> None:
    matrix, targets = made(3)
    hard, weights = np.eye(3)[targets], np.ones(len(targets))
    weights[:10] = 2
    once = fit_logistic(MatrixDesign(matrix), 5, hard, weights, 1.0)
    design = MatrixDesign(np.concatenate([matrix, matrix[:10]]))
    twice = fit_logistic(design, 5, np.concatenate([hard, hard[:10]]), np.ones(70), 1.0)
    np.testing.assert_allclose(once.weights, twice.weights, atol=0.02)
    soft = np.full((1, 3), [0.5, 0.5, 0.0])
    mixed = fit_logistic(MatrixDesign(matrix[:1]), 5, soft, np.ones(1), 1.0)
    scores = (matrix[:1] @ mixed.weights + mixed.bias)[0]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert scores[0] > scores[2]


def test_from_a_neighbouring_optimum_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-5)
    matrix, targets = made(3)
    hard, weights = np.eye(3)[targets], np.ones(len(targets))
    near = fit_logistic(MatrixDesign(matrix), 5, hard, weights, 1.0)
    cold = fit_logistic(MatrixDesign(matrix), 5, hard, weights, 3.0)
    warm = fit_logistic(MatrixDesign(matrix), 5, hard, weights, 3.0, near)
    np.testing.assert_allclose(warm.weights, cold.weights, atol=5e-3)


def test_a_check_that_raises_stops_the_fit() -> None:
    def check() -> None:
        raise TimeoutError

    matrix, targets = made(2)
    with pytest.raises(TimeoutError):
        fit_logistic(MatrixDesign(matrix), 5, np.eye(2)[targets], np.ones(60), 1.0, check=check)


class Counting(MatrixDesign):
    """Counts the products with the matrix."""

    products = 0

    def scores(self, values: np.ndarray) -> np.ndarray:
        self.products += 1
        return super().scores(values)


def test_many_labels_and_a_weak_penalty_take_few_products() -> None:
    n, n_labels, n_words, strength = 1200, 60, 300, 100.0
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(n_labels), n // n_labels)
    # Ten words a text: each is the label's own, or with a probability of 85 % any word.
    words = np.where(rng.random((n, 10)) < 0.15, targets[:, None], rng.integers(0, n_words, (n, 10)))
    entries = np.ones(words.size, np.float32), (np.repeat(np.arange(n), 10), words.ravel())
    matrix = sparse.csr_array(entries, shape=(n, n_words))
    design, hard = Counting(matrix), np.eye(n_labels)[targets]
    fitted = fit_logistic(design, n_words, hard, np.ones(n), strength)
    probabilities = softmax(matrix @ fitted.weights + fitted.bias, axis=1)
    gradient = matrix.T @ (probabilities - hard) + fitted.weights / strength
    at_zero = matrix.T @ (1 / n_labels - hard)
    assert np.linalg.norm(gradient) <= 0.011 * np.linalg.norm(at_zero)
    # It takes 33. With the curvature where each step begins it takes 85.
    assert design.products <= 50


def test_each_column_is_the_logistic_regression_of_scikit_learn() -> None:
    features = RNG.normal(0, 1, (200, 5)).astype(np.float32)
    scores = features @ RNG.normal(0, 1, (5, 3))
    targets = (RNG.random((200, 3)) < 1 / (1 + np.exp(-scores))).astype(np.float32)
    weights = np.ones((200, 3))
    weights[:50, 1] = 0
    found = fit_logistic(MatrixDesign(features), 5, targets, weights, 1.0)
    for column in range(3):
        known = weights[:, column] > 0
        expected = LogisticRegression(C=1.0, tol=1e-8).fit(features[known], targets[known, column])
        np.testing.assert_allclose(found.weights[:, column], expected.coef_[0], atol=0.03)
    # What is unknown has no effect.
    targets[:50, 1] = 1 - targets[:50, 1]
    again = fit_logistic(MatrixDesign(features), 5, targets, weights, 1.0)
    np.testing.assert_array_equal(found.weights, again.weights)


def test_the_second_derivative_is_the_slope_of_the_first() -> None:
    features = RNG.normal(0, 1, (20, 3)).astype(np.float32)
    targets, weights = (RNG.random((20, 2)) < 0.5).astype(np.float64), RNG.random((20, 2))
    problem = IndependentProblem(
        MatrixDesign(features), np.ones((4, 2), np.float32), np.zeros((1, 2)), targets, weights
    )
    scores, move = RNG.normal(0, 1, (20, 2)), RNG.normal(0, 1, (20, 2))
    before, after = (problem._probabilities(scores + step * move) for step in (-1e-5, 1e-5))
    np.testing.assert_allclose(
        problem._curved(problem._probabilities(scores), move), (after - before) / 2e-5, atol=1e-6
    )
    slope = (problem._loss(scores + 1e-6 * move) - problem._loss(scores - 1e-6 * move)) / 2e-6
    expected = (weights * (problem._probabilities(scores) - targets) * move).sum()
    assert slope == pytest.approx(expected, abs=1e-5)
