"""Confidence intervals: against a slow bootstrap, against the binomial, and the cases without a width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foretell.metrics import calibration_error, coverage_curve, label_metrics, log_loss
from foretell.metrics.bootstrap import (
    differences,
    interval,
    label_intervals,
    mcnemar,
    probability_intervals,
    resamples,
    share_of,
)

NAMES = ["a", "b", "c"]


def sample(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """True labels, and probabilities of three labels that are often right."""
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, n)
    probabilities = random.dirichlet([0.5, 0.5, 0.5], n)
    probabilities[np.arange(n), true] += 0.4
    return true, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_the_intervals_are_those_of_the_metrics_of_each_resample() -> None:
    true, probabilities = sample(60)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    threshold = coverage_curve(confidence, predicted == true)[-1]["threshold"]
    drawn = np.concatenate(list(resamples(60)))
    assert drawn.shape == (1000, 60)
    reports = [label_metrics(true[rows], predicted[rows], NAMES) for rows in drawn]
    found = label_intervals(true, predicted, NAMES)
    for key in ("accuracy", "macro_f1"):
        assert found[key] == pytest.approx(np.quantile([each[key] for each in reports], [0.025, 0.975]))
    recall = [each["labels"]["b"]["recall"] for each in reports]
    assert found["labels"]["b"]["recall"] == pytest.approx(np.quantile(recall, [0.025, 0.975]))
    others = probability_intervals(true, probabilities, [threshold])
    losses = [log_loss(true[rows], probabilities[rows]) for rows in drawn]
    assert others["log_loss"] == pytest.approx(np.quantile(losses, [0.025, 0.975]))
    errors = [calibration_error(confidence[rows], predicted[rows] == true[rows]) for rows in drawn]
    metric = calibration_error(confidence, predicted == true)
    low, high = np.quantile(errors, [0.025, 0.975])
    expected = [max(2 * metric - high, 0), max(2 * metric - low, 0)]
    assert others["calibration_error"] == pytest.approx(expected)
    answered = [confidence[rows] >= threshold for rows in drawn]
    right = [(predicted == true)[rows][kept].mean() for rows, kept in zip(drawn, answered, strict=True)]
    assert others["coverage"][0]["accuracy"] == pytest.approx(np.quantile(right, [0.025, 0.975]))
    assert others["coverage"][0]["coverage"] == pytest.approx(
        np.quantile([kept.mean() for kept in answered], [0.025, 0.975])
    )


def test_metrics_that_are_undefined_have_no_interval() -> None:
    found = label_intervals(np.array([0, 0, 1]), np.array([0, 0, 0]), NAMES)["labels"]
    assert found["c"] == {"precision": None, "recall": None, "f1": None}
    assert found["b"]["precision"] is None
    assert found["b"]["recall"] == [0, 0]
    assert interval(np.array([np.nan, 1.0])) == [1, 1]
    # A true label that the model lacks leaves out the log loss.
    found = probability_intervals(np.array([0, 2]), np.array([[0.9, 0.1], [0.4, 0.6]]))
    assert found["log_loss"] is None
    assert found["calibration_error"][1] > 0


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 3), (1, 9), (12, 2), (0, 5)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    n = only_a + only_b
    expected = stats.binomtest(only_a, n).pvalue if n else 1.0
    found = mcnemar(a, b)
    assert found == {"only_a_right": only_a, "only_b_right": only_b, "p_value": pytest.approx(expected)}


def test_a_difference_that_is_in_every_text_has_an_interval_above_0() -> None:
    true = np.arange(200) % 2
    a = np.where(np.arange(200) % 4 == 0, 1 - true, true)
    found = differences(true, a, true, 2)
    assert found["accuracy"]["difference"] == pytest.approx(0.25)
    low, high = found["accuracy"]["interval"]
    assert 0.15 < low < 0.25 < high < 0.35
    assert found["macro_f1"]["interval"][0] > 0


@pytest.mark.parametrize(
    # The published values of Clopper and Pearson's interval, as R's binom.test gives them.
    ("hits", "texts", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (7, 20, 0.1539, 0.5922), (81, 263, 0.2527, 0.3676)],
)
def test_the_exact_interval(hits: int, texts: int, low: float, high: float) -> None:
    found = share_of(hits, texts)
    assert found is not None
    assert (found.value, found.texts) == (hits / texts, texts)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert share_of(0, 0) is None
