"""The LSTM of Keras and PyTorch: its batches, its learning rates, and that it learns."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bench import lstms
from bench.lstms import batches, encode, keras_bilstm, padded, predict_by_length, rates, torch_bilstm
from bench.records import Records, accuracy, texts_of
from tests.bench.conftest import installed


def test_each_epoch_has_every_text_once_in_batches_of_similar_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstms, "BATCH", 8)
    monkeypatch.setattr(lstms, "BATCHES_IN_POOL", 4)
    rng = np.random.default_rng(1)
    texts = [np.ones(n, np.int64) for n in rng.integers(1, 100, 90)]
    drawn = list(batches(texts, 2, seed=1))
    assert len(drawn) == len(rates(len(texts), 2)) == 24
    for epoch in (drawn[:12], drawn[12:]):
        assert sorted(np.concatenate(epoch)) == list(range(90))
    assert any(not np.array_equal(one, other) for one, other in zip(drawn[:12], drawn[12:], strict=True))
    spread = np.mean([np.ptp([len(texts[row]) for row in rows]) for rows in drawn if len(rows) == 8])
    assert spread < 40
    again = batches(texts, 2, seed=1)
    assert all(np.array_equal(one, other) for one, other in zip(drawn, again, strict=True))


def test_the_learning_rate_follows_one_cycle() -> None:
    values = rates(25_000, 2)
    assert len(values) == 782
    assert values.max() == pytest.approx(0.004, rel=1e-3)
    assert 0.29 * len(values) < values.argmax() < 0.31 * len(values)
    assert values[0] == pytest.approx(0.004 / 25)
    assert values[-1] < 1e-6
    assert (np.diff(values[:234]) > 0).all()
    assert (np.diff(values[236:]) < 0).all()


def test_padding_is_at_the_end_to_the_longest_of_the_batch() -> None:
    rows = padded([np.array([1, 2]), np.array([3]), np.array([4, 5, 6])])
    assert rows.tolist() == [[1, 2, 0], [3, 0, 0], [4, 5, 6]]


def test_predictions_are_in_the_order_of_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstms, "TEST_BATCH", 3)
    texts = [np.full(n, n, np.int64) for n in (4, 1, 7, 2, 2, 9, 3)]
    assert predict_by_length(texts, lambda ids: ids[:, 0]).tolist() == [4, 1, 7, 2, 2, 9, 3]


def test_encoding_keeps_the_last_words_and_gives_an_empty_text_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstms, "LENGTH", 2)
    data = encode([("a a a b", "x"), ("a b", "y")], ["b a b", "", "zzz"])
    a, b = data.train[1].tolist()
    assert data.train[0].tolist() == [a, b]
    assert data.texts[0].tolist() == [a, b]
    assert data.texts[1].tolist() == data.texts[2].tolist()
    assert all(ids.min() > 0 and ids.max() < data.size for ids in [*data.train, *data.texts])
    assert data.y.tolist() == [0, 1]
    assert data.named(np.array([-1.0, 2.0])) == ["x", "y"]


def ordered(count: int, seed: int) -> Records:
    """Texts whose label is in the order of two words, which no bag of words can tell."""
    rng = random.Random(seed)
    examples = []
    for _ in range(count):
        label = rng.choice(["first", "second"])
        pair = ["cat", "dog"] if label == "first" else ["dog", "cat"]
        around = [" ".join(rng.choices(["the", "a", "of", "in"], k=rng.randint(0, 4))) for _ in range(3)]
        examples.append((f"{around[0]} {pair[0]} {around[1]} {pair[1]} {around[2]}", label))
    return examples


BOTH = {"keras": keras_bilstm, "torch": torch_bilstm}


@pytest.mark.parametrize("package", [package for package in BOTH if installed(package)])
def test_the_order_of_words_is_learned(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstms, "UNITS", 16)
    monkeypatch.setattr(lstms, "EMBEDDING_SIZE", 16)
    monkeypatch.setattr(lstms, "PEAK_RATE", 0.04)
    train, test = ordered(1_000, 1), ordered(200, 2)
    predicted = BOTH[package](train, texts_of(test), 1, epochs=6)
    assert accuracy(predicted, test) > 0.95
