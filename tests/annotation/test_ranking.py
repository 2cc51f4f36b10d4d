"""The quick model, and which texts come next: uncertain, dense, and different from each other."""

from __future__ import annotations

import numpy as np
import pytest
from annotation.tickets import LABELS

from foretell.annotation import ranking
from foretell.annotation.ranking import QuickModel, densities, information, select, words_of_name

NOTHING = np.zeros(0, np.int64)


@pytest.mark.parametrize(
    ("name", "words"),
    [("card_arrival", "card arrival"), ("cardArrival-late", "card Arrival late"), ("HUM", "HUM"), ("?", "?")],
)
def test_the_words_of_a_name(name: str, words: str) -> None:
    assert words_of_name(name) == words


def test_names_alone_suggest_labels() -> None:
    texts = ["where is my refund", "the printer is broken", "a refund please", "nothing"]
    rows = QuickModel(texts, ["refund_status", "printer"]).probabilities(NOTHING, NOTHING)
    assert rows.argmax(axis=1).tolist()[:3] == [0, 1, 0]
    assert rows[3] == pytest.approx([0.5, 0.5], abs=0.1)
    assert rows.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    "texts", [["!", "?"], ["好吃", "不好"], ["a\ud800", "b"], [f"{n}" for n in range(1100)]]
)
def test_any_text_has_features(texts: list[str]) -> None:
    quick = QuickModel(texts, LABELS)
    assert quick.probabilities(NOTHING, NOTHING).shape == (len(texts), 2)
    assert quick.embeddings(1).shape[0] == len(texts)


def test_of_many_long_texts_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["the printer again and again", "the printer is not a bank", "a refund please"]
    monkeypatch.setattr(ranking, "MAX_CHARACTERS", 33)
    monkeypatch.setattr(ranking, "MIN_CHARACTERS", 5)
    quick = QuickModel(texts, ["refund", "printer"])
    rows = quick.probabilities(NOTHING, NOTHING)
    np.testing.assert_array_equal(rows[0], rows[1])
    assert rows[0, 1] > 0.5 > rows[2, 1]


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_a_text_like_many_others_is_dense() -> None:
    near = [[1, 0.01 * i, 0] for i in range(30)]
    found = densities(unit([*near, [0, 0, 1]]), 0)
    assert found[:30].min() > 0.99
    # Its one neighbour is itself: 1 of 11.
    assert found[30] < 0.2


def test_of_equally_uncertain_texts_the_dense_one_comes_first() -> None:
    rows = np.full((3, 2), 0.5, np.float32)
    order = np.argsort(-information(rows, np.array([0.2, 0.9, 0.5])))
    assert order.tolist() == [1, 2, 0]
    margins = information(
        np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [1.0, 0.0, 0.0]], np.float32), np.ones(3)
    )
    np.testing.assert_allclose(margins, [1.0, 0.5, 0.0], atol=1e-6)


def test_the_chosen_texts_differ() -> None:
    # Two groups; the first has the higher scores.
    embeddings = unit([[1, 0], [1, 0.01], [1, 0.02], [0, 1], [0.01, 1]])
    scores = np.array([1.0, 0.99, 0.98, 0.6, 0.5])
    everything = np.arange(5)
    assert select(scores, embeddings, everything, np.array([], int), 2) == [0, 3]
    # What was answered last is left alone too.
    assert select(scores, embeddings, everything[1:], np.array([0]), 1) == [3]
    assert sorted(select(scores, embeddings, everything, np.array([], int), 9)) == [0, 1, 2, 3, 4]
    assert select(scores, embeddings, np.array([], int), np.array([], int), 3) == []
