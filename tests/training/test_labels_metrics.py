"""Figures of a trained classifier."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from foretell.training.labels_metrics import figures, mean_loss

NAMES = ["bad", "fair", "good"]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(2, 3), st.integers(0, 10_000))
def test_figures_agree_with_scikit_learn(n, n_labels, seed):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, n_labels, n).astype(np.int32)
    probabilities = rng.dirichlet(np.ones(n_labels), n).astype(np.float32)
    found = figures(["text"] * n, targets, probabilities, NAMES[:n_labels])
    predicted = probabilities.argmax(axis=1)
    places = list(range(n_labels))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(targets, predicted))
    f1 = metrics.f1_score(targets, predicted, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(f1)
    confusion = metrics.confusion_matrix(targets, predicted, labels=places)
    assert found["confusion"] == {"names": NAMES[:n_labels], "counts": confusion.tolist()}
    chosen = [row[i] for row, i in zip(probabilities, targets, strict=True)]
    loss = -np.log(np.clip(chosen, 1e-7, 1)).mean()
    assert found["valid_loss"] == pytest.approx(loss, rel=1e-4)


def test_mistakes_are_the_surest_first_and_cut():
    probabilities = np.array([[0.6, 0.4], [0.01, 0.99], [0.9, 0.1], [0.3, 0.7]], np.float32)
    texts = ["first", "word " * 200, "third", "fourth"]
    found = figures(texts, np.array([1, 0, 0, 1], np.int32), probabilities, ["bad", "good"])["mistakes"]
    assert [(m["label"], m["predicted"]) for m in found] == [("bad", "good"), ("good", "bad")]
    assert found[0]["probability"] == pytest.approx(0.99)
    assert len(found[0]["text"]) < 410


def test_one_certain_mistake_does_not_make_the_loss_infinite():
    assert mean_loss(np.array([0], np.int32), np.array([[0.0, 1.0]], np.float32)) < 20
