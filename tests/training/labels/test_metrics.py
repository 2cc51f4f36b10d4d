"""Figures of a trained classifier."""

import numpy as np
import pytest

from foretell.training.labels.metrics import figures, mean_accuracy, mean_loss


def test_figures_hold_those_of_the_labels_and_the_loss():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 40).astype(np.int32)
    probabilities = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    found = figures(["text"] * 40, targets, probabilities, ["bad", "fair", "good"])
    assert found.keys() == {"accuracy", "macro_f1", "valid_loss", "labels", "confusion", "mistakes"}
    assert found["accuracy"] == pytest.approx(mean_accuracy(targets, probabilities))
    chosen = [row[i] for row, i in zip(probabilities, targets, strict=True)]
    assert found["valid_loss"] == pytest.approx(-np.log(np.clip(chosen, 1e-7, 1)).mean(), rel=1e-4)


def test_mistakes_are_the_surest_first_and_cut():
    probabilities = np.array([[0.6, 0.4], [0.01, 0.99], [0.9, 0.1], [0.3, 0.7]], np.float32)
    texts = ["first", "word " * 200, "third", "fourth"]
    found = figures(texts, np.array([1, 0, 0, 1], np.int32), probabilities, ["bad", "good"])["mistakes"]
    assert [(m["label"], m["predicted"]) for m in found] == [("bad", "good"), ("good", "bad")]
    assert found[0]["probability"] == pytest.approx(0.99)
    assert len(found[0]["text"]) < 410


def test_one_certain_mistake_does_not_make_the_loss_infinite():
    assert mean_loss(np.array([0], np.int32), np.array([[0.0, 1.0]], np.float32)) < 20
