"""The ensemble of several labels: weights, calibration and thresholds, fitted to known labels only."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from foretell.metrics.multi_label import mean_log_loss
from foretell.ngrams.labelwise import sigmoid
from foretell.training.labels.labelwise_fit import fit_labelwise_ensemble, fit_labelwise_pool
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.logistic import IndependentProblem, MatrixDesign, fit_logistic

RNG = np.random.default_rng(1)


def evidence(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return targets, and log-odds of a network and a linear model that are too sure."""
    true = RNG.normal(0, 1.5, (n, 3)) - [0, 1, 2]
    targets = (RNG.random((n, 3)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return targets, 2 * true + RNG.normal(0, 2, true.shape), 3 * true + RNG.normal(0, 1, true.shape) + 1


def test_the_ensemble_is_calibrated_and_better_than_its_members() -> None:
    targets, network, linear = evidence()
    fitted = fit_labelwise_ensemble(targets, network, linear, 3)
    rows = fitted(sigmoid(network), linear)
    for member in (network, linear):
        assert mean_log_loss(targets, rows) < mean_log_loss(targets, sigmoid(member))
    np.testing.assert_allclose(rows.mean(axis=0), targets.mean(axis=0), atol=0.03)
    assert all(0 < threshold < 1 for threshold in fitted.thresholds)
    assert fitted.thresholds[2] < 0.5
    network_only = fit_labelwise_ensemble(targets, network, None, 3)
    assert network_only.linear == ()
    assert len(network_only.network) == 3


def test_unknown_labels_have_no_part_in_it() -> None:
    targets, network, linear = evidence()
    targets[::3, 1] = np.nan
    fitted = fit_labelwise_ensemble(targets, network, linear, 3)
    network[::3, 1], linear[::3, 1] = 1e3, -1e3
    assert fit_labelwise_ensemble(targets, network, linear, 3) == fitted
    every = np.full((5, 2), np.nan)
    assert fit_labelwise_pool(every, [every, every]).tolist() == [0.5, 0.5]


def test_few_texts_leave_what_needs_no_data() -> None:
    targets, network, linear = evidence()
    none = fit_labelwise_ensemble(targets[:0], network[:0], linear[:0], 3)
    assert none.network == none.linear == none.thresholds == (0.5, 0.5, 0.5)
    few = fit_labelwise_ensemble(targets[:30], network[:30], linear[:30], 3)
    assert few.thresholds == (0.5, 0.5, 0.5)
    assert few.offsets == (0.0, 0.0, 0.0)


def test_a_pool_prefers_the_better_member() -> None:
    targets, network, linear = evidence()
    weights = fit_labelwise_pool(targets, [RNG.normal(0, 1, network.shape), linear])
    assert weights[1] > 2 * weights[0]


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
