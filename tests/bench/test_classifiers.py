"""The peers predict easy labels, and their settings are chosen on training records alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench.classifiers import Peer, choose, fasttext, nb_weighted, tfidf
from bench.records import Records, accuracy, labels_of, texts_of
from tests.bench.conftest import installed

COLOURS = {"red": "rose wine blood", "green": "grass leaf lime", "blue": "sky sea ink"}


def records(count: int, labels: Sequence[str], seed: int) -> Records:
    rng = random.Random(seed)
    return [
        (" ".join([*rng.choices(COLOURS[label].split(), k=4), *rng.choices(["the", "a", "of"], k=4)]), label)
        for label in rng.choices(labels, k=count)
    ]


PREDICT = {
    "tfidf": lambda *given: tfidf(*given, c=10),
    "tfidf of characters": lambda *given: tfidf(*given, c=10, analyzer="char", ngrams=(1, 4)),
    "nb_weighted": lambda *given: nb_weighted(*given, c=1),
    "fasttext": lambda *given: fasttext(*given, ngrams=2, rate=0.5, epochs=25, buckets=1_000),
}


@pytest.mark.parametrize("labels", [["green", "red"], ["blue", "green", "red"]], ids=["two", "three"])
@pytest.mark.parametrize("name", [name for name in PREDICT if name != "fasttext" or installed("fasttext")])
def test_easy_labels_are_predicted(name: str, labels: list[str]) -> None:
    train, test = records(60, labels, 1), records(40, labels, 2)
    assert accuracy(PREDICT[name](train, texts_of(test), 1), test) > 0.95


def test_nb_weights_are_those_of_wang_and_manning() -> None:
    """Against their formulas on counts written by hand, with scikit-learn's solver on the same rows."""
    from sklearn.linear_model import LogisticRegression

    train = [("a b", "neg"), ("a c", "pos"), ("c", "pos"), ("b", "neg"), ("a", "neg")]
    grams = ["a", "b", "c", "a b", "a c"]
    x = np.array([[gram in (*text.split(), text) for gram in grams] for text, _ in train], float)
    y = np.array([label == "pos" for label in labels_of(train)])
    p, q = 1 + x[y].sum(axis=0), 1 + x[~y].sum(axis=0)
    ratio = np.log(p / p.sum()) - np.log(q / q.sum())
    model = LogisticRegression(C=1, solver="liblinear", random_state=1).fit(x * ratio, y)
    texts = ["a", "b", "c", "a b", "a c"]
    rows = np.array([[gram in (*text.split(), text) for gram in grams] for text in texts], float)
    expected = ["pos" if positive else "neg" for positive in model.predict(rows * ratio)]
    assert set(expected) == {"neg", "pos"}
    assert nb_weighted(train, texts, 1, c=1) == expected


@pytest.mark.parametrize("folds", [1, 5])
def test_the_candidate_with_the_best_validation_accuracy_is_chosen(folds: int) -> None:
    seen: list[tuple[Records, list[str]]] = []

    def predict(train: Records, texts: list[str], seed: int, *, right: float) -> list[str]:
        assert seed == 1
        seen.append((train, texts))
        labels = dict(everything)
        return [labels[text] if i < right * len(texts) else "?" for i, text in enumerate(texts)]

    everything = [(f"text {i}", str(i % 3)) for i in range(50)]
    candidates: tuple[dict[str, Any], ...] = ({"right": 0.2}, {"right": 0.8}, {"right": 0.8}, {"right": 0.4})
    choice = choose(Peer("numpy", "", predict, candidates), everything, folds=folds)
    assert choice.settings is candidates[1]
    assert choice.accuracies == pytest.approx((0.2, 0.8, 0.8, 0.4))
    assert len(seen) == 4 * folds
    for train, texts in seen:
        # A tenth or a fifth is used for validation, and not for training.
        assert len(texts) == (5 if folds == 1 else 10)
        assert sorted([*texts_of(train), *texts]) == sorted(texts_of(everything))
    if folds > 1:
        assert len({text for _, texts in seen for text in texts}) == 50


def test_a_single_candidate_is_not_tried() -> None:
    peer = Peer("numpy", "", lambda *_, **__: pytest.fail("trained"), ({"c": 1},))
    choice = choose(peer, [("a", "b")])
    assert (choice.settings, choice.accuracies) == ({"c": 1}, ())
