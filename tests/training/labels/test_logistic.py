"""Logistic regression: its optimum beside scikit-learn's, warm starts, soft targets, and being stopped."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from foretell.training.labels import logistic
from foretell.training.labels.logistic import MatrixDesign, fit_logistic


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
