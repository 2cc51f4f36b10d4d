"""Confidence intervals: against a slow bootstrap, against the binomial, and the cases without a
width.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import (
    interval,
    label_intervals,
    mcnemar,
    resamples,
    share_of,
)

NAMES = ["a", "b", "c"]


def test_the_intervals_are_those_of_the_metrics_of_each_resample() -> None:
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 60)
    predicted = np.where(random.random(60) < 0.7, true, random.integers(0, 3, 60))
    drawn = np.concatenate(list(resamples(60)))
    assert drawn.shape == (1000, 60)
    reports = [label_metrics(true[rows], predicted[rows], NAMES) for rows in drawn]
    found = label_intervals(true, predicted, NAMES)
    for key in ("accuracy", "macro_f1"):
        assert found[key] == pytest.approx(
            np.quantile([each[key] for each in reports], [0.025, 0.975])
        )
    recall = [each["labels"]["b"]["recall"] for each in reports]
    assert found["labels"]["b"]["recall"] == pytest.approx(np.quantile(recall, [0.025, 0.975]))


def test_metrics_that_are_undefined_have_no_interval() -> None:
    found = label_intervals(np.array([0, 0, 1]), np.array([0, 0, 0]), NAMES)["labels"]
    assert found["c"] == {"precision": None, "recall": None, "f1": None}
    assert found["b"]["precision"] is None
    assert found["b"]["recall"] == [0, 0]
    assert interval(np.array([np.nan, 1.0])) == [1, 1]


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 3), (1, 9), (12, 2), (0, 5)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    n = only_a + only_b
    expected = stats.binomtest(only_a, n).pvalue if n else 1.0
    found = mcnemar(a, b)
    assert found == {
        "only_a_right": only_a,
        "only_b_right": only_b,
        "p_value": pytest.approx(expected),
    }


@pytest.mark.parametrize(
    # The published values of Clopper and Pearson's interval, as R's binom.test gives them.
    ("hits", "texts", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (7, 20, 0.1539, 0.5922),
        (81, 263, 0.2527, 0.3676),
    ],
)
def test_the_exact_interval(hits: int, texts: int, low: float, high: float) -> None:
    found = share_of(hits, texts)
    assert found is not None
    assert (found.value, found.texts) == (hits / texts, texts)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert share_of(0, 0) is None


def test_the_true_accuracy_lies_in_as_many_intervals_as_claimed() -> None:
    """Every number of right answers counts as much as it is probable."""
    n = 100
    accuracy = 0.8
    inside = exact = 0.0
    for hits in range(60, 97):
        chance = stats.binom.pmf(hits, n, accuracy)
        predicted = (np.arange(n) >= hits).astype(int)
        low, high = label_intervals(np.zeros(n, int), predicted, ["a", "b"])["accuracy"]
        inside += chance * (low <= accuracy <= high)
        share = share_of(hits, n)
        assert share is not None
        exact += chance * (share.low <= accuracy <= share.high)
    # The exact interval is never too short; the bootstrap's is, by a little.
    assert 0.92 < inside < 0.97
    assert exact >= 0.95


def test_a_label_that_never_occurs_changes_no_interval() -> None:
    random = np.random.default_rng(5)
    true, predicted = random.integers(0, 2, (2, 40))
    alone = label_intervals(true, predicted, ["a", "b"])
    more = label_intervals(true, predicted, ["a", "b", "never"])
    for key in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert more[key] == pytest.approx(alone[key])
