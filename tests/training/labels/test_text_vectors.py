"""Vectors of texts: against slow references, alike where n-grams are used alike, the same on any machine."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.labels import text_vectors as module
from foretell.training.labels.linear_fit import select_texts
from foretell.training.labels.text_vectors import drawn, label, make_vectors, to_linear_model

FIRST, TOPIC, SIZE = 2, 20, 42


def flat(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return np.array([i for text in texts for i in text], np.int32), starts


def two_topics() -> tuple[CountedTexts, np.ndarray, np.ndarray]:
    """Return texts of two topics, what is known of them [text, 2], and their topics.

    The first 40, which have labels, hold the first half of their topic's words; the next 800 hold all; the
    last 40, of which nothing is known, hold the second half.
    """
    rng = np.random.default_rng(0)
    topics = np.arange(880) % 2
    texts = []
    for i, topic in enumerate(topics):
        low, high = (0, 10) if i < 40 else (0, 20) if i < 840 else (10, 20)
        texts.append((FIRST + TOPIC * topic + rng.integers(low, high, 12)).tolist())
    known = np.eye(2, dtype=np.float32)[topics]
    known[40:840] = 0.8 * known[40:840] + 0.1
    known[840:] = 0.5
    return count_ngrams(*flat(texts), SIZE, min_texts=2), known, topics


def test_texts_without_a_common_word_are_alike_where_others_use_their_words_alike() -> None:
    counted, known, topics = two_topics()
    vectors = make_vectors(counted, known, seed=1, width=16)
    assert vectors.texts.shape == (880, 16)
    assert vectors.texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors.texts, axis=1), 1, atol=1e-5)
    logs = label(vectors, topics[:40].astype(np.int32), 2)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, atol=1e-4)
    assert (logs[840:].argmax(axis=1) == topics[840:]).mean() > 0.8


@pytest.mark.parametrize("processors", [1, 3])
def test_the_number_of_processors_has_no_say(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, known, _ = two_topics()
    found = make_vectors(counted, known, seed=3, width=8)
    monkeypatch.setattr(module, "usable_processors", lambda: processors)
    again = make_vectors(counted, known, seed=3, width=8)
    np.testing.assert_array_equal(again.texts, found.texts)
    np.testing.assert_array_equal(again.ngrams, found.ngrams)
    assert (make_vectors(counted, known, seed=4, width=8).texts != found.texts).any()


@pytest.mark.parametrize("n_labels", [2, 3])
def test_of_texts_to_come_the_ngrams_vectors_make_a_linear_model(n_labels: int) -> None:
    counted, known, topics = two_topics()
    rows = np.arange(counted.n_texts) < 840
    seen = select_texts(counted, rows)
    known = np.pad(known[:840], ((0, 0), (0, n_labels - 2)))
    targets = topics[:40].astype(np.int32)
    vectors = make_vectors(seen, known, seed=1, width=16)
    model = to_linear_model(seen, vectors, targets, n_labels)
    assert model.bias.shape == ((1,) if n_labels == 2 else (3,))
    # Texts of words that no text with a label holds.
    rng = np.random.default_rng(9)
    new = [(FIRST + TOPIC * (i % 2) + rng.integers(10, 20, 12)).tolist() for i in range(40)]
    logs = linear_log_probabilities(model.scores(new))
    assert logs.shape == (40, n_labels)
    assert (logs.argmax(axis=1) == np.arange(40) % 2).mean() > 0.8


def test_ngrams_are_drawn_by_how_much_they_tell() -> None:
    counted, known, _ = two_topics()
    found = drawn(counted, known)
    held = [counted.texts[a:b] for a, b in zip(counted.starts[:-1], counted.starts[1:], strict=True)]
    mass = np.array([known[texts].sum(axis=0) for texts in held]) + 2.0
    others = np.array([(1 - known[texts]).sum(axis=0) for texts in held]) + 2.0
    ratio = np.log(mass / mass.sum(axis=0)) - np.log(others / others.sum(axis=0))
    expected = np.minimum(1, np.abs(ratio).max(axis=1) ** 2)
    np.testing.assert_allclose(found, np.where(expected < 0.004, 0, expected), rtol=1e-4)
    assert (drawn(counted, np.full_like(known, 0.5)) == 0).all()


def slowly_learned(
    texts: np.ndarray, ngrams: np.ndarray, held: list[list[int]], table: np.ndarray, first: int, rate: float
) -> None:
    """Do what `_learn` does where every n-gram is drawn: one gradient step after another, on the sphere."""

    def step(text: np.ndarray, ngram: np.ndarray, wanted: float) -> tuple[np.ndarray, np.ndarray]:
        cosine = text @ ngram / np.linalg.norm(text) / np.linalg.norm(ngram)
        by = rate * (wanted - 1 / (1 + math.exp(-module.ALPHA * cosine)))
        moved = text + by * (ngram - cosine * text), ngram + by * (text - cosine * ngram)
        return moved[0] / np.linalg.norm(moved[0]), moved[1] / np.linalg.norm(moved[1])

    place = first
    for i, mine in enumerate(held):
        for ngram in mine:
            texts[i], ngrams[ngram] = step(texts[i], ngrams[ngram], 1.0)
            for _ in range(module.NEGATIVES):
                place = (place + 1) % len(table)
                other = table[(place - 1) % len(table)]
                texts[i], ngrams[other] = step(texts[i], ngrams[other], 0.0)


def test_the_compiled_steps_are_those_of_a_slow_reference() -> None:
    rng = np.random.default_rng(5)
    held = [[0, 2, 3], [], [1, 2], [4]]
    texts, ngrams = module._random_units(rng, 4, 6), module._random_units(rng, 5, 6)
    table = rng.integers(0, 5, module._TABLE).astype(np.int32)
    slow_texts, slow_ngrams = texts.astype(np.float64), ngrams.astype(np.float64)
    starts = np.cumsum([0, *map(len, held)]).astype(np.int64)
    always = np.full(5, 1 << 32, np.uint64)
    flat_held = np.array([i for mine in held for i in mine], np.int32)
    seed = np.uint64(12345)
    module._learn(texts, ngrams, always, starts, flat_held, table, np.arange(4), np.float32(0.1), seed)
    slowly_learned(slow_texts, slow_ngrams, held, table, int(seed) % module._TABLE, 0.1)
    np.testing.assert_allclose(texts, slow_texts, atol=1e-5)
    np.testing.assert_allclose(ngrams, slow_ngrams, atol=1e-5)


def test_passes_are_as_many_as_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, known, _ = two_topics()
    rates: list[float] = []

    def note(_texts: object, rate: float, *_: object) -> None:
        rates.append(float(rate))

    monkeypatch.setattr(module, "_learn_part", note)
    make_vectors(counted, known, seed=1)
    assert len(set(rates)) == module.PASSES
    assert rates[0] == pytest.approx(module.LEARNING_RATE)
    assert min(rates) > 0
    rates.clear()
    make_vectors(counted, known, seed=1, seconds=0.0)
    assert len(set(rates)) == 1
