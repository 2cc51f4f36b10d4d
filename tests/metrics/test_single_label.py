"""Metrics of predicted labels, against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from foretell.metrics import (
    COVERAGES,
    calibration_error,
    confused_pairs,
    coverage_curve,
    label_metrics,
    log_loss,
    probability_metrics,
    reliability_bins,
)

NAMES = ["anger", "joy", "none"]


def test_pairs_that_are_not_shown_are_counted() -> None:
    found = confused_pairs(np.zeros(30, int), np.arange(30), list(map(str, range(30))))
    assert (found["different"], len(found["pairs"])) == (29, 20)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(2, 3), st.integers(0, 10_000))
def test_metrics_agree_with_scikit_learn(n: int, n_labels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, n_labels, (2, n))
    places = list(range(n_labels))
    names = NAMES[:n_labels]
    found = label_metrics(true, predicted, names)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(true, predicted))
    macro = reference.f1_score(true, predicted, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro)
    recalls = reference.recall_score(true, predicted, average=None, labels=np.unique(true))
    assert found["balanced_accuracy"] == pytest.approx(recalls.mean())
    confusion = reference.confusion_matrix(true, predicted, labels=places)
    assert found["confusion"] == {"names": names, "counts": confusion.tolist()}
    pairs = confused_pairs(true, predicted, names)
    off = confusion - np.diag(confusion.diagonal())
    assert pairs["different"] == (off > 0).sum()
    numbers = [pair["texts"] for pair in pairs["pairs"]]
    assert numbers == sorted(off[off > 0].tolist(), reverse=True)
    for pair in pairs["pairs"]:
        place = names.index(pair["label"]), names.index(pair["predicted"])
        assert off[place] == pair["texts"]
    each = reference.precision_recall_fscore_support(
        true, predicted, labels=places, zero_division=0
    )
    for name, *expected in zip(names, *each, strict=True):
        assert list(found["labels"][name].values()) == pytest.approx(expected)
    assert json.loads(json.dumps(found)) == found
    probabilities = rng.dirichlet([1] * n_labels, n)
    expected = reference.log_loss(true, probabilities, labels=places)
    assert log_loss(true, probabilities) == pytest.approx(expected)
    # One certain mistake does not make it infinite.
    assert log_loss(np.array([0]), np.array([[0.0, 1.0]], np.float32)) < 90


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(2, 3), st.integers(0, 10_000))
def test_how_reliable_probabilities_are_is_that_of_the_most_probable_labels(
    n: int, n_labels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_labels, n)
    probabilities = rng.dirichlet([0.1] * n_labels, n)
    found = probability_metrics(true, probabilities, NAMES[:n_labels])
    predicted = probabilities.argmax(axis=1)
    given = (probabilities[np.arange(n), predicted], predicted == true)
    assert found["valid_loss"] == pytest.approx(
        -np.mean(
            [np.log(max(row[label], 1e-7)) for row, label in zip(probabilities, true, strict=True)]
        )
    )
    assert found["accuracy"] == pytest.approx(np.mean(predicted == true))
    assert found["calibration_error"] == pytest.approx(calibration_error(*given))
    assert found["reliability"] == reliability_bins(*given)
    assert found["coverage"] == coverage_curve(*given)


def test_calibration_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.6])
    correct = np.array([True, True, True, False, True])
    assert calibration_error(confidence, correct) == pytest.approx(0.8 * 0.2 + 0.2 * 0.4)
    found = reliability_bins(confidence, correct)
    # 0.6 closes the bin below it.
    edges = [(each["low"], each["high"], each["texts"]) for each in found]
    assert edges == [(8 / 15, 9 / 15, 1), (14 / 15, 1.0, 4)]
    assert [each["accuracy"] for each in found] == [1, 0.75]


ANSWERS = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=60)


def arrays(answers: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    confidence, correct = zip(*answers, strict=True)
    return np.array(confidence, np.float32), np.array(correct)


@settings(deadline=None, max_examples=60)
@given(ANSWERS)
def test_the_bins_hold_every_text_and_make_the_calibration_error(
    answers: list[tuple[float, bool]],
) -> None:
    confidence, correct = arrays(answers)
    found = reliability_bins(confidence, correct)
    assert sum(each["texts"] for each in found) == len(answers)
    assert sum(each["accuracy"] * each["texts"] for each in found) == pytest.approx(correct.sum())
    gaps = [each["texts"] * abs(each["accuracy"] - each["confidence"]) for each in found]
    assert sum(gaps) / len(answers) == pytest.approx(calibration_error(confidence, correct))
    for each in found:
        assert each["low"] - 1e-6 <= each["confidence"] <= each["high"] + 1e-6
    assert [each["low"] for each in found] == sorted({each["low"] for each in found})
    assert json.loads(json.dumps(found)) == found


@settings(deadline=None, max_examples=60)
@given(ANSWERS)
def test_the_coverage_curve_is_what_abstaining_below_its_thresholds_gives(
    answers: list[tuple[float, bool]],
) -> None:
    confidence, correct = arrays(answers)
    found = coverage_curve(confidence, correct)
    assert found[0]["coverage"] == 1
    assert found[0]["accuracy"] == pytest.approx(correct.mean())
    for row in found:
        answered = [right for p, right in answers if p >= row["threshold"]]
        assert row["coverage"] == pytest.approx(len(answered) / len(answers))
        assert row["accuracy"] == pytest.approx(np.mean(answered))
        assert row["threshold"] == round(row["threshold"], 4)
    thresholds = [row["threshold"] for row in found]
    assert thresholds == sorted(set(thresholds))
    assert json.loads(json.dumps(found)) == found
    # Each part that was wanted is answered by one of the rows at least.
    assert all(any(row["coverage"] >= part - 1e-9 for row in found) for part in COVERAGES)


def test_at_least_the_wanted_part_of_the_texts_is_answered() -> None:
    found = coverage_curve(np.arange(8) / 8, np.ones(8, bool))
    # 0.95 and 0.9 of eight texts are eight too, and repeated thresholds are left out.
    assert [row["coverage"] for row in found] == [1, 7 / 8, 4 / 8]
