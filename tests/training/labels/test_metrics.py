"""Metrics of a trained classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.metrics import mean_accuracy, mean_loss
from foretell.ngrams.ensemble import NETWORK_ALONE
from foretell.training.labels.metrics import Measured, metrics_of
from foretell.training.labels.outputs import OneLabel


def metrics(texts: list[str], targets: Any, answers: Any, labels: list[str], network: Any = None) -> Any:
    decided = OneLabel(len(labels)).decide(NETWORK_ALONE, answers)
    return metrics_of(Measured(texts, targets, answers, decided, network, "texts"), labels, NETWORK_ALONE)


def test_they_are_of_the_labels_and_the_loss() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 40).astype(np.int32)
    probabilities = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    found = metrics(["text"] * 40, targets, probabilities, ["bad", "fair", "good"])
    assert found["accuracy"] == pytest.approx(mean_accuracy(targets, probabilities))
    chosen = [row[i] for row, i in zip(probabilities, targets, strict=True)]
    assert found["valid_loss"] == pytest.approx(-np.log(np.clip(chosen, 1e-7, 1)).mean(), rel=1e-4)


def test_mistakes_come_with_the_highest_probability_first_and_are_cut() -> None:
    probabilities = np.array([[0.6, 0.4], [0.01, 0.99], [0.9, 0.1], [0.3, 0.7]], np.float32)
    texts, targets = ["first", "word " * 200, "third", "fourth"], np.array([1, 0, 0, 1], np.int32)
    mistakes = metrics(texts, targets, probabilities, ["bad", "good"])["mistakes"]
    assert [(m["label"], m["predicted"]) for m in mistakes] == [("bad", "good"), ("good", "bad")]
    assert mistakes[0]["probability"] == pytest.approx(0.99)
    assert len(mistakes[0]["text"]) < 410
    assert mean_loss(np.array([0], np.int32), np.array([[0.0, 1.0]], np.float32)) < 20


def test_reliability_is_measured_for_the_answers_and_for_the_network_alone() -> None:
    targets = np.array([1, 0, 1], np.int32)
    network: Any = np.array([[0.4, 0.6], [0.6, 0.4], [0.9, 0.1]], np.float32)
    answers: Any = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], np.float32)
    found = metrics(["a", "b", "c"], targets, answers, ["x", "y"], network)
    assert found["network_accuracy"] == pytest.approx(2 / 3)
    assert found["network_calibration_error"] == pytest.approx((0.4 + 0.4 + 0.9) / 3)
    assert sum(each["texts"] for each in found["reliability"]) == 3
    gaps = [each["texts"] * abs(each["accuracy"] - each["confidence"]) for each in found["reliability"]]
    assert sum(gaps) / 3 == pytest.approx(found["calibration_error"])
    assert [row["accuracy"] for row in found["coverage"]] == pytest.approx([2 / 3, 1 / 2])


def test_texts_with_labels_of_a_model_are_left_out() -> None:
    from foretell.data.split import text_key

    answers: Any = np.array([[0.1, 0.9], [0.2, 0.8]], np.float32)
    measured = Measured(["a", "b"], np.array([1, 0]), answers, answers > 0.5, None, "texts")
    kept = measured.without(frozenset([text_key(" B ")]))
    assert kept is not None
    assert (kept.texts, kept.targets.tolist()) == (["a"], [1])
    assert measured.without(frozenset(map(text_key, "ab"))) is None
