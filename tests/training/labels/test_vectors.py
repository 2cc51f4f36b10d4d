"""Text vectors that label texts, and word vectors from outside."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from trainers import Notes, train

from foretell.arrays import one_hot
from foretell.config import LabelsSettings, with_changes
from foretell.data.decode import sha256_of
from foretell.data.examples import Examples
from foretell.data.folds import Folds
from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.labels import pseudo_labels, text_vectors
from foretell.training.labels.corpus import LabelsCorpus, Origin, make_corpus, part_of, with_vectors
from foretell.training.labels.dense_fit import mean_basis
from foretell.training.labels.linear_fit import fit_ngrams, select_texts
from foretell.training.labels.logistic import LogisticFit
from foretell.training.labels.members import Evidence, evidence_of
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.pseudo_labels import label_by_vectors
from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

FIRST_WORD = 2
TOPIC = 20
N_WORDS = 42


def counted_topics() -> tuple[CountedTexts, np.ndarray, np.ndarray]:
    """Return texts of two topics, what is known of them [text, 2], and their topics.

    The first 40, which have labels, hold the first half of their topic's words; the next 800 hold
    all; the last 40, of which nothing is known, hold the second half.
    """
    rng = np.random.default_rng(0)
    topics = np.arange(880) % 2
    texts = []
    for i, topic in enumerate(topics):
        low, high = (0, 10) if i < 40 else (0, 20) if i < 840 else (10, 20)
        texts.append((FIRST_WORD + TOPIC * topic + rng.integers(low, high, 12)).tolist())
    known = np.eye(2, dtype=np.float32)[topics]
    known[40:840] = 0.8 * known[40:840] + 0.1
    known[840:] = 0.5
    starts = np.arange(0, 12 * len(texts) + 1, 12)
    return (
        count_ngrams(np.ravel(texts).astype(np.int32), starts, N_WORDS, min_texts=2),
        known,
        topics,
    )


def test_texts_without_a_common_word_are_alike_where_others_use_their_words_alike() -> None:
    counted, known, topics = counted_topics()
    vectors = make_vectors(counted, known, seed=1, width=16)
    assert (vectors.texts.shape, vectors.texts.dtype) == ((880, 16), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors.texts, axis=1), 1, atol=1e-5)
    logs = label(vectors, topics[:40].astype(np.int32), 2)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, atol=1e-4)
    assert (logs[840:].argmax(axis=1) == topics[840:]).mean() > 0.8


def test_the_number_of_processors_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, known, _ = counted_topics()
    found = []
    for processors in (1, 3):
        monkeypatch.setattr(text_vectors, "usable_processors", lambda n=processors: n)
        found.append(make_vectors(counted, known, seed=3, width=8))
    np.testing.assert_array_equal(found[0].texts, found[1].texts)
    np.testing.assert_array_equal(found[0].ngrams, found[1].ngrams)
    assert (make_vectors(counted, known, seed=4, width=8).texts != found[0].texts).any()


@pytest.mark.parametrize("n_labels", [2, 3])
def test_of_texts_to_come_the_ngrams_vectors_make_a_linear_model(n_labels: int) -> None:
    counted, known, topics = counted_topics()
    rows = np.arange(counted.n_texts) < 840
    seen = select_texts(counted, rows)
    known = np.pad(known[:840], ((0, 0), (0, n_labels - 2)))
    targets = topics[:40].astype(np.int32)
    vectors = make_vectors(seen, known, seed=1, width=16)
    model = to_linear_model(seen, vectors, targets, n_labels)
    assert model.bias.shape == ((1,) if n_labels == 2 else (3,))
    # Texts of words that no text with a label holds.
    rng = np.random.default_rng(9)
    new = [(FIRST_WORD + TOPIC * (i % 2) + rng.integers(10, 20, 12)).tolist() for i in range(40)]
    logs = linear_log_probabilities(model.scores(new))
    assert logs.shape == (40, n_labels)
    assert (logs.argmax(axis=1) == np.arange(40) % 2).mean() > 0.8


def test_an_ngram_is_drawn_as_often_as_it_tells_the_label() -> None:
    # Word 2 is in texts of both labels alike, words 3 and 4 in those of one, word 5 mostly.
    texts = [[2, 3, 5]] * 20 + [[2, 4, 5]] * 15 + [[2, 4]] * 5
    starts = np.append(0, np.cumsum(list(map(len, texts))))
    flat = np.array([id for text in texts for id in text], np.int32)
    counted = count_ngrams(flat, starts, 6, min_texts=2, longest=1)
    often = text_vectors.drawn(counted, np.eye(2, dtype=np.float32)[np.arange(40) // 20])
    smooth = text_vectors._SMOOTHING
    mass = np.array([[20, 20], [20, 0], [0, 20], [20, 15]]) + smooth
    ratio = np.log(mass / mass.sum(axis=0))
    expected = np.minimum(1, (ratio[:, 0] - ratio[:, 1]) ** 2)
    expected[expected < text_vectors._MIN_DRAWN] = 0
    np.testing.assert_allclose(often, expected, rtol=1e-4)
    assert often[0] < often[3] < often[1] == often[2] == 1


def slowly_learned(
    texts: np.ndarray,
    ngrams: np.ndarray,
    held: list[list[int]],
    table: np.ndarray,
    first: int,
    rate: float,
) -> None:
    """Do what `_learn` does where every n-gram is drawn: one gradient step after another, on the
    sphere.
    """

    def step(text: np.ndarray, ngram: np.ndarray, wanted: float) -> tuple[np.ndarray, np.ndarray]:
        cosine = text @ ngram / np.linalg.norm(text) / np.linalg.norm(ngram)
        by = rate * (wanted - 1 / (1 + math.exp(-text_vectors.ALPHA * cosine)))
        moved = text + by * (ngram - cosine * text), ngram + by * (text - cosine * ngram)
        return moved[0] / np.linalg.norm(moved[0]), moved[1] / np.linalg.norm(moved[1])

    place = first
    for i, mine in enumerate(held):
        for ngram in mine:
            texts[i], ngrams[ngram] = step(texts[i], ngrams[ngram], 1.0)
            for _ in range(text_vectors.NEGATIVES):
                place = (place + 1) % len(table)
                other = table[(place - 1) % len(table)]
                texts[i], ngrams[other] = step(texts[i], ngrams[other], 0.0)


def test_the_compiled_steps_are_those_of_a_slow_reference() -> None:
    rng = np.random.default_rng(5)
    held = [[0, 2, 3], [], [1, 2], [4]]
    texts = text_vectors._random_units(rng, 4, 6)
    ngrams = text_vectors._random_units(rng, 5, 6)
    table = rng.integers(0, 5, text_vectors._TABLE).astype(np.int32)
    slow_texts = texts.astype(np.float64)
    slow_ngrams = ngrams.astype(np.float64)
    starts = np.cumsum([0, *map(len, held)]).astype(np.int64)
    always = np.full(5, 1 << 32, np.uint64)
    flat_held = np.array([i for mine in held for i in mine], np.int32)
    seed = np.uint64(12345)
    text_vectors._learn(
        texts, ngrams, always, starts, flat_held, table, np.arange(4), np.float32(0.1), seed
    )
    slowly_learned(slow_texts, slow_ngrams, held, table, int(seed) % text_vectors._TABLE, 0.1)
    np.testing.assert_allclose(texts, slow_texts, atol=1e-5)
    np.testing.assert_allclose(ngrams, slow_ngrams, atol=1e-5)


N_LABELLED = 60
N_HELD = 60
IS_SECOND = np.arange(400) % 2 == 1


def two_topics(*, swap_held: bool = False) -> tuple[LabelsCorpus, Evidence]:
    """Return texts of two topics, of which those with labels use half of the words."""
    rng = np.random.default_rng(0)
    topics = ["ab"[second] for second in IS_SECOND.tolist()]
    texts = [
        " ".join(f"{topic}{word}" for word in rng.integers(0, 8 if i < N_LABELLED else 20, 4))
        + f" n{i}"
        for i, topic in enumerate(topics)
    ]
    held = topics[-N_HELD:]
    labels = [*topics[:N_LABELLED], *(held[::-1] if swap_held else held)]
    given = Examples([*texts[:N_LABELLED], *texts[-N_HELD:]], labels)
    parts = {Origin.LABELS: part_of(given, ["a", "b"])}
    more = texts[N_LABELLED:-N_HELD]
    corpus = make_corpus(parts, more, ["a", "b"], LABELS_PRESETS["base"])
    fold_of = np.full(len(corpus), -1, np.int32)
    fold_of[N_LABELLED : len(given)] = 0
    return corpus, evidence_of(corpus, Folds(fold_of=fold_of), OneLabel(2))


def labelled(corpus: LabelsCorpus, evidence: Evidence) -> tuple[Any, np.ndarray]:
    """Return the labels by vectors, and those of the linear model alone."""
    known = corpus.labelled(~evidence.folds.held)
    texts = corpus.tokenized.take(known.texts)
    others = corpus.unlabelled
    hard = one_hot(known.truth(), 2)
    linear = fit_ngrams(texts.ids, texts.starts, hard, corpus.tokenizer.size)
    alone = linear_log_probabilities(linear.scores_of_flat(others.ids, others.starts))
    soft = np.exp(alone).astype(np.float32)
    found = label_by_vectors(corpus, evidence, soft, seed=1, seconds=math.inf)
    return found, alone.argmax(axis=1)


def test_they_are_better_than_those_of_the_linear_model() -> None:
    (soft, _), alone = labelled(*two_topics())
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    right = IS_SECOND[N_LABELLED:-N_HELD]
    assert len(soft) == len(right)
    assert (soft.argmax(axis=1) == right).mean() > (alone == right).mean() + 0.02


def test_held_out_labels_only_choose_the_ensemble_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pseudo_labels, "fit_ensemble", lambda *_: Ensemble(network=0.5, linear=0.5))
    one, two = (labelled(*two_topics(swap_held=swapped))[0] for swapped in (False, True))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1].weights, two[1].weights)


SMALL = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 2, "valid_fraction": 0.0}
SETTINGS: LabelsSettings = with_changes(LABELS_PRESETS["base"], SMALL)
GOOD, BAD = ([f"{kind}{i}" for i in range(20)] for kind in ("good", "bad"))
OTHERS = ["the", "film", "was", "plot"]


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Return a file in which the words of each kind have similar vectors, the frequent words
    first.
    """
    generator = np.random.default_rng(1)
    lines = []
    for words, centre in ((OTHERS, 0), (GOOD, 1), (BAD, 2)):
        for word in words:
            numbers = np.eye(4)[centre] + 0.2 * generator.normal(size=4)
            lines.append(f"{word} " + " ".join(f"{number:.4f}" for number in numbers))
    path = tmp_path / "glove.6B.4d.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def examples(n: int = 36) -> Examples:
    """Texts with one of the first ten words of their label, of which no two are the same."""
    rng = random.Random(3)
    texts = []
    labels = []
    for i in range(n):
        words = BAD if i % 2 else GOOD
        texts.append(
            f"the film {rng.choice(OTHERS)} {words[i // 2 % 10]} the {rng.choice(OTHERS)} n{i}"
        )
        labels.append("bad" if i % 2 else "good")
    return Examples(texts, labels, name="made up")


def training_with(tokens: LabelsCorpus) -> Any:
    """Return what the start of a network reads of a training."""
    run = SimpleNamespace(budget=SimpleNamespace(for_stage=lambda _: math.inf))
    return SimpleNamespace(corpus=tokens, settings=SETTINGS, run=run, note=lambda _: None)


def tokens_with(vectors: Path) -> LabelsCorpus:
    labels = ["bad", "good"]
    parts = {Origin.LABELS: part_of(examples(), labels)}
    valid = Examples(["was good15"], ["good"], name="valid")
    corpus = make_corpus(parts, (), labels, SETTINGS, valid=valid)
    return with_vectors(corpus, vectors, lambda _: None)


def test_words_of_the_vectors_alone_count_in_new_texts(vectors: Path, tmp_path: Path) -> None:
    notes = Notes()
    model = train(examples(), SETTINGS, out=tmp_path / "m", vectors=vectors, listener=notes)
    assert (
        "word vectors (glove.6B.4d.txt): of 24 of 60 words of the texts, and of 20 others" in notes
    )
    runtime = LabelsRuntime(tmp_path / "m")
    new = [f"{word} plot" for word in (*GOOD[10:], *BAD[10:])]
    right = [runtime.labels[row.argmax()] for row in runtime.predict_proba(new)]
    assert right == ["good"] * 10 + ["bad"] * 10
    assert model.metrics["members"]["vectors"]["weight"] > 0
    metrics = model.metrics["vectors"]
    assert metrics["sha256"] == sha256_of(vectors)
    assert (metrics["licence"], metrics["known_words"], metrics["more_words"]) == (None, 24, 20)
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"glove.6B.4d.txt (licence: not known; SHA-256 `{metrics['sha256']}`)" in card.replace(
        "\\", ""
    )
    # The network has embeddings of the words of the texts only.
    assert model.settings.vocabulary == 60
    assert model.weights["embedding"].shape[0] == model.tokenizer.size - 20


def test_the_folded_weights_give_the_scores_of_the_mean_vectors(vectors: Path) -> None:
    tokens = tokens_with(vectors)
    assert tokens.vectors is not None
    texts = tokens.tokenized
    size = tokens.tokenizer.size
    n = len(texts)
    first = tokens.tokenizer.specials
    outside = tokens.vectors
    basis = mean_basis(texts, size, n, np.ones(n, bool), first=first, seed=1, vectors=outside)
    fit = LogisticFit(lambda texts: basis.rows[texts], tokens.rows)
    fitted = fit.fit(10.0)
    model: Any = basis.model(fitted, size)
    ids = np.split(texts.ids, texts.starts[1:-1])
    scores = model.scores([row.tolist() for row in ids], examples().texts)
    np.testing.assert_allclose(scores, fit.scores(fitted, np.arange(n)), atol=1e-4)
    # Six of seven tokens have a vector, so the vectors have 6/7 of the length.
    lengths = [
        float((block**2).sum())
        for block in np.split(basis.rows, [-tokens.vectors.rows.shape[1]], 1)
    ]
    assert tokens.vectors.coverage(texts.ids) == pytest.approx(6 / 7)
    assert lengths[1] / lengths[0] == pytest.approx((6 / 7) ** 2, rel=1e-3)


def test_words_are_weighted_by_their_place(vectors: Path) -> None:
    tokens = tokens_with(vectors)
    assert tokens.vectors is not None
    weights = tokens.vectors.frequency_weights
    places = [tokens.tokenizer.id(word) for word in ("the", "film", "good0", "bad19")]
    assert sorted(weights[places]) == weights[places].tolist()


@pytest.mark.parametrize("width", [8, 4])
def test_the_network_begins_with_the_vectors(vectors: Path, width: int) -> None:
    pytest.importorskip("tensorflow")
    from foretell.training.labels.network import first_embeddings

    tokens = tokens_with(vectors)
    size = tokens.tokenizer.size - 20  # the words of the texts
    before = np.random.default_rng(1).random((size, width), np.float32)
    after = first_embeddings(before, training_with(tokens), np.ones(len(tokens), bool))
    half = width // 2
    np.testing.assert_array_equal(after[:, :half], before[:, :half])
    assert tokens.vectors is not None
    known = tokens.vectors.known[:size]
    np.testing.assert_array_equal(after[~known], before[~known])
    assert (after[known, half:] != before[known, half:]).all()


def test_the_network_begins_with_statistics_of_the_texts_inside(
    vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow")
    import foretell.training.labels.network as network

    read = []

    def counted(*_: Any, inside: Any, size: int, width: int, **__: Any) -> tuple[Any, Any]:
        read.append(inside.tolist())
        return np.zeros((size, width)), np.zeros(size, bool)

    monkeypatch.setattr(network, "MIN_TOKENS", 1)
    monkeypatch.setattr(network, "cooccurrence_embeddings", counted)
    tokens = tokens_with(vectors)
    inside = np.arange(len(tokens)) < 5
    network.first_embeddings(np.zeros((9, 4), np.float32), training_with(tokens), inside)
    assert read == [inside.tolist()]
