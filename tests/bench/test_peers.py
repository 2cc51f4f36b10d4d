"""The peers learn what can be learned, and their settings are chosen on training records alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench import lstms
from bench.classifiers import Peer, choose, fasttext, nb_weighted, tfidf
from bench.data import DataSet, Records, accuracy, labels_of, texts_of
from bench.few_labels import draw
from bench.lstms import batches, keras_bilstm, predict_by_length, rates, torch_bilstm
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
    rows = np.array([[gram in (*text.split(), text) for gram in grams] for text in grams], float)
    expected = ["pos" if positive else "neg" for positive in model.predict(rows * ratio)]
    assert set(expected) == {"neg", "pos"}
    assert nb_weighted(train, grams, 1, c=1) == expected


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
    for train, texts in seen:
        # A tenth or a fifth is used for validation, and not for training.
        assert len(texts) == (5 if folds == 1 else 10)
        assert sorted([*texts_of(train), *texts]) == sorted(texts_of(everything))


def test_a_draw_is_the_beginning_of_the_shuffled_training_part() -> None:
    some = [(f"text {i}", str(i % 2)) for i in range(20)]
    whole = DataSet(some, [("test", "0")])
    shuffled = some.copy()
    random.Random(3).shuffle(shuffled)
    assert draw(whole, "5", 3) == DataSet(shuffled[:5], whole.test, [text for text, _ in shuffled[5:]])
    assert draw(whole, "all", 3) == DataSet(shuffled, whole.test, [])
    assert whole.train == some


def test_each_epoch_has_every_text_once_and_predictions_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lstms, "BATCH", 8)
    monkeypatch.setattr(lstms, "BATCHES_IN_POOL", 4)
    monkeypatch.setattr(lstms, "TEST_BATCH", 3)
    texts = [np.ones(n, np.int64) for n in np.random.default_rng(1).integers(1, 100, 90)]
    drawn = list(batches(texts, 2, seed=1))
    assert len(drawn) == len(rates(len(texts), 2)) == 24
    for epoch in (drawn[:12], drawn[12:]):
        assert sorted(np.concatenate(epoch)) == list(range(90))
    texts = [np.full(n, n, np.int64) for n in (4, 1, 7, 2, 2, 9, 3)]
    assert predict_by_length(texts, lambda ids: ids[:, 0]).tolist() == [4, 1, 7, 2, 2, 9, 3]


BOTH = {"keras": keras_bilstm, "torch": torch_bilstm}


@pytest.mark.soak
@pytest.mark.parametrize("package", [package for package in BOTH if installed(package)])
def test_the_order_of_words_is_learned(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels are in the order of two words, which no bag of words can tell."""
    for name, value in {"UNITS": 16, "EMBEDDING_SIZE": 16, "PEAK_RATE": 0.04}.items():
        monkeypatch.setattr(lstms, name, value)

    def ordered(count: int, seed: int) -> Records:
        rng = random.Random(seed)
        pairs = [rng.choice([("cat", "dog", "first"), ("dog", "cat", "second")]) for _ in range(count)]
        around = [rng.choices(["the", "a", "of", "in"], k=4) for _ in pairs]
        return [(" ".join([*words, one, words[0], other]), label)
                for words, (one, other, label) in zip(around, pairs, strict=True)]  # fmt: skip

    train, test = ordered(1_000, 1), ordered(200, 2)
    assert accuracy(BOTH[package](train, texts_of(test), 1, epochs=6), test) > 0.95
