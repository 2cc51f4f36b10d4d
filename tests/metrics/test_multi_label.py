"""Metrics of several labels a text: beside scikit-learn, with unknown labels left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from foretell.metrics import calibration_error
from foretell.metrics.bootstrap import resamples
from foretell.metrics.multi_label import (
    best_thresholds,
    label_accuracy,
    mean_log_loss,
    micro_f1,
    multi_label_intervals,
    multi_label_metrics,
)

RNG = np.random.default_rng(3)
TRUE = (RNG.random((80, 4)) < [0.5, 0.3, 0.1, 0.0]).astype(np.float32)
ROWS = np.clip(0.3 * TRUE + 0.7 * RNG.random((80, 4)), 0.01, 0.99).astype(np.float32)
NAMES = ["a", "b", "c", "never"]


def test_they_are_those_of_scikit_learn() -> None:
    decided = ROWS >= 0.5
    found = multi_label_metrics(TRUE, decided, ROWS, NAMES, [0.5] * 4)
    assert found["micro_f1"] == pytest.approx(metrics.f1_score(TRUE, decided, average="micro"))
    assert found["hamming_loss"] == pytest.approx(metrics.hamming_loss(TRUE, decided))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(TRUE, decided))
    each = metrics.precision_recall_fscore_support(TRUE, decided, zero_division=0)
    for place, name in enumerate(NAMES):
        row = found["labels"][name]
        assert [row[key] for key in ("precision", "recall", "f1", "support")] == pytest.approx(
            [values[place] for values in each]
        )
    losses = [metrics.log_loss(TRUE[:, i], ROWS[:, i], labels=[0, 1]) for i in range(4)]
    assert found["log_loss"] == pytest.approx(np.mean(losses), abs=1e-6)
    assert found["log_loss"] == pytest.approx(mean_log_loss(TRUE, ROWS))
    assert mean_log_loss(np.ones((1, 1)), np.full((1, 1), 1e-9)) == pytest.approx(-np.log(1e-9))
    assert micro_f1(TRUE, decided) == pytest.approx(found["micro_f1"])
    assert label_accuracy(TRUE, decided) == pytest.approx(1 - found["hamming_loss"])


def test_unknown_labels_count_nowhere() -> None:
    partly = TRUE.copy()
    partly[:30, 1] = np.nan
    partly[:9, 2] = np.nan
    thresholds = [0.5, 0.5, 0.3, 0.8]
    decided = np.greater_equal(ROWS, thresholds)
    found = multi_label_metrics(partly, decided, ROWS, NAMES, thresholds)
    alone = multi_label_metrics(TRUE[30:, 1:2], decided[30:, 1:2], ROWS[30:, 1:2], ["b"], [0.5])
    assert found["labels"]["b"] == {**alone["labels"]["b"], "unknown": 30}
    known = ~np.isnan(partly)
    f1 = metrics.f1_score(partly[known], decided[known])
    assert found["micro_f1"] == pytest.approx(f1)
    assert micro_f1(partly, decided) == pytest.approx(f1)
    right = metrics.accuracy_score(partly[known], decided[known])
    assert label_accuracy(partly, decided) == pytest.approx(right)
    assert found["hamming_loss"] == pytest.approx(1 - right)
    of_decision = np.where(decided, ROWS, 1 - ROWS)[known]
    is_right = decided[known] == (partly[known] == 1)
    assert found["calibration_error"] == pytest.approx(calibration_error(of_decision, is_right))
    loss = metrics.log_loss(partly[known], ROWS[known])
    assert mean_log_loss(partly, ROWS) == pytest.approx(loss, abs=1e-6)
    changed = ROWS.copy()
    changed[:30, 1] = 1 - changed[:30, 1]
    other = multi_label_metrics(partly, decided, changed, NAMES, thresholds)
    assert other == found
    nothing = multi_label_metrics(
        np.full((3, 2), np.nan), decided[:3, :2], ROWS[:3, :2], NAMES[:2], [0.5] * 2
    )
    assert nothing["labels"]["a"]["log_loss"] is None
    assert nothing["accuracy"] == 1


def test_the_threshold_with_the_best_f1() -> None:
    found = best_thresholds(TRUE, ROWS)
    # Fewer than ten positives, none among them: 0.5.
    assert found[2:] == (0.5, 0.5)
    for place in (0, 1):
        best = max(
            metrics.f1_score(TRUE[:, place], ROWS[:, place] >= t) for t in np.unique(ROWS[:, place])
        )
        got = metrics.f1_score(TRUE[:, place], ROWS[:, place] >= found[place])
        assert got == pytest.approx(best)
        assert found[place] not in ROWS[:, place]
    assert best_thresholds(TRUE[:49], ROWS[:49]) == (0.5,) * 4
    always = np.ones((60, 1), np.float32)
    assert 0 < best_thresholds(always, np.full((60, 1), 1e-9))[0] < 1
    # Fifty known texts, ten of them positive, are enough.
    fewest = np.repeat([[1.0], [0.0]], [10, 40], axis=0)
    assert best_thresholds(fewest, np.where(fewest, 0.3, 0.1)) == pytest.approx((0.2,))
    # Equal probabilities cannot be told apart by a threshold.
    same = np.array([[1.0], [0.0]] * 40, np.float32)
    assert best_thresholds(same, np.full((80, 1), 0.3))[0] < 0.3


def test_the_intervals_are_those_of_the_metrics_of_each_resample() -> None:
    partly = TRUE.copy()
    partly[:30, 1] = np.nan
    decided = ROWS >= 0.5
    found = multi_label_intervals(partly, decided, NAMES)
    reports = [
        multi_label_metrics(partly[drawn], decided[drawn], ROWS[drawn], NAMES, [0.5] * 4)
        for drawn in np.concatenate(list(resamples(len(ROWS))))
    ]

    def ends(values: list[float]) -> object:
        return pytest.approx(np.quantile(values, [0.025, 0.975]))

    for key in ("accuracy", "micro_f1", "macro_f1", "hamming_loss"):
        assert found[key] == ends([each[key] for each in reports])
    for name in "ab":
        assert found["labels"][name]["f1"] == ends([each["labels"][name]["f1"] for each in reports])
