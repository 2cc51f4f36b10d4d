"""The quick model: label names alone, a few labels, other texts, and vectors to compare texts with."""

from __future__ import annotations

import numpy as np
import pytest
from annotation.tickets import LABELS, label_of, tickets

from foretell.annotation import quick_model
from foretell.annotation.quick_model import QuickModel, words_of_name

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


def test_a_few_labels_are_learned_and_other_texts_get_the_same_probabilities() -> None:
    texts = tickets(60)
    truth = np.array([LABELS.index(label_of(text)) for text in texts])
    quick = QuickModel(texts, LABELS)
    places = np.arange(16)
    rows = quick.probabilities(places, truth[:16])
    assert (rows.argmax(axis=1) == truth).mean() > 0.9
    again = quick.predict(quick.model(places, truth[:16]), texts)
    np.testing.assert_allclose(again, rows, atol=1e-4)


@pytest.mark.parametrize("texts", [["only one text"], ["a b", "a b c"], tickets(30)])
def test_embeddings_have_length_one(texts: list[str]) -> None:
    rows = QuickModel(texts, LABELS).embeddings(0)
    assert len(rows) == len(texts)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-3)


def test_of_many_long_texts_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["the printer again and again", "the printer is not a bank", "a refund please"]
    monkeypatch.setattr(quick_model, "MAX_CHARACTERS", 33)
    monkeypatch.setattr(quick_model, "MIN_CHARACTERS", 5)
    quick = QuickModel(texts, ["refund", "printer"])
    rows = quick.probabilities(NOTHING, NOTHING)
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_allclose(quick.predict(quick.model(NOTHING, NOTHING), texts), rows, atol=1e-5)
    assert rows[0, 1] > 0.5 > rows[2, 1]
