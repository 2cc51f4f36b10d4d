"""Figures of a trained classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.metrics import mean_accuracy, mean_loss
from foretell.training.labels.figures import figures, reliability_figures


def test_figures_hold_those_of_the_labels_and_the_loss():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 40).astype(np.int32)
    probabilities = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    result = figures(["text"] * 40, targets, probabilities, ["bad", "fair", "good"])
    assert result.keys() == {"accuracy", "macro_f1", "valid_loss", "labels", "confusion", "mistakes"}
    assert result["accuracy"] == pytest.approx(mean_accuracy(targets, probabilities))
    chosen = [row[i] for row, i in zip(probabilities, targets, strict=True)]
    assert result["valid_loss"] == pytest.approx(-np.log(np.clip(chosen, 1e-7, 1)).mean(), rel=1e-4)


def test_mistakes_come_with_the_highest_probability_first_and_are_cut():
    probabilities = np.array([[0.6, 0.4], [0.01, 0.99], [0.9, 0.1], [0.3, 0.7]], np.float32)
    texts = ["first", "word " * 200, "third", "fourth"]
    targets = np.array([1, 0, 0, 1], np.int32)
    mistakes = figures(texts, targets, probabilities, ["bad", "good"])["mistakes"]
    assert [(m["label"], m["predicted"]) for m in mistakes] == [("bad", "good"), ("good", "bad")]
    assert mistakes[0]["probability"] == pytest.approx(0.99)
    assert len(mistakes[0]["text"]) < 410


def test_one_certain_mistake_does_not_make_the_loss_infinite():
    assert mean_loss(np.array([0], np.int32), np.array([[0.0, 1.0]], np.float32)) < 20


def test_reliability_is_measured_for_the_answers_and_for_the_network_alone() -> None:
    targets = np.array([1, 0, 1], np.int32)
    network: Any = np.array([[0.4, 0.6], [0.6, 0.4], [0.9, 0.1]], np.float32)
    answers: Any = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], np.float32)
    result = reliability_figures(targets, network, answers)
    assert result["network_accuracy"] == pytest.approx(2 / 3)
    assert result["network_calibration_error"] == pytest.approx((0.4 + 0.4 + 0.9) / 3)
    assert sum(each["texts"] for each in result["reliability"]) == 3
    gaps = [each["texts"] * abs(each["accuracy"] - each["confidence"]) for each in result["reliability"]]
    assert sum(gaps) / 3 == pytest.approx(result["calibration_error"])
    assert [row["accuracy"] for row in result["coverage"]] == pytest.approx([2 / 3, 1 / 2])
