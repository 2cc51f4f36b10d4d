"""Word vectors from outside: words that no text of the training has count in new texts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from trainers import train

from foretell.artifacts.directory import read_model
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.errors import DataError, Interrupted, RunError
from foretell.hashes import sha256_of
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.events import Note
from foretell.training.labels.dense_fit import DenseFit, outside_basis, to_pooled
from foretell.training.labels.outside_vectors import digest_of
from foretell.training.labels.tokens import Tokens, tokenize_split, with_vectors

SMALL = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 3, "valid_fraction": 0.0}
SETTINGS: LabelsSettings = with_changes(LABELS_PRESETS["base"], SMALL)
GOOD = [f"good{i}" for i in range(20)]
BAD = [f"bad{i}" for i in range(20)]
OTHERS = ["the", "film", "was", "plot"]


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Return a file in which the words of each kind have similar vectors, the frequent words first."""
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
    texts, labels = [], []
    for i in range(n):
        words = BAD if i % 2 else GOOD
        texts.append(f"the film {rng.choice(OTHERS)} {words[i // 2 % 10]} the {rng.choice(OTHERS)} n{i}")
        labels.append("bad" if i % 2 else "good")
    return Examples(texts, labels, name="made up")


def tokens_with(vectors: Path) -> Tokens:
    split = Split(train=examples(), valid=Examples(["was good15"], ["good"], name="valid"))
    return with_vectors(tokenize_split(split, SETTINGS), split, vectors, lambda _: None)


def test_words_of_the_vectors_alone_count_in_new_texts(vectors: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    model = train(
        examples(),
        SETTINGS,
        out=tmp_path / "m",
        vectors=vectors,
        listener=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )
    assert "word vectors (glove.6B.4d.txt): of 24 of 60 words of the texts, and of 20 others" in notes
    runtime = LabelsRuntime.open(tmp_path / "m")
    new = [f"{word} plot" for word in (*GOOD[10:], *BAD[10:])]
    right = [runtime.labels[row.argmax()] for row in runtime.predict_proba(new)]
    assert right == ["good"] * 10 + ["bad"] * 10
    assert model.metrics["members"]["vectors"]["weight"] > 0
    metrics = model.metrics["vectors"]
    assert metrics["sha256"] == sha256_of(vectors)
    assert (metrics["licence"], metrics["known_words"], metrics["more_words"]) == ("PDDL-1.0", 24, 20)
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"glove.6B.4d.txt (licence: PDDL-1.0; SHA-256 `{metrics['sha256']}`)" in card.replace("\\", "")
    # The network has embeddings of the words of the texts only.
    assert model.settings.vocabulary == 60
    assert model.require_weights()["embedding"].shape[0] == model.tokenizer.size - 20


@pytest.mark.soak
def test_a_resumed_training_is_as_if_never_interrupted(vectors: Path, tmp_path: Path) -> None:
    whole = train(examples(), SETTINGS, out=tmp_path / "whole", vectors=vectors)
    with pytest.raises(Interrupted):
        train(examples(), SETTINGS, out=tmp_path / "cut", vectors=vectors, stop_after_steps=40)
    other = tmp_path / "other.txt"
    other.write_text(vectors.read_text().replace("good1 ", "good1x "))
    for changed in (None, other):
        with pytest.raises(RunError, match="the data"):
            train(examples(), SETTINGS, out=tmp_path / "cut", vectors=changed, resume=True)
    resumed = train(examples(), SETTINGS, out=tmp_path / "cut", vectors=vectors, resume=True)
    for name, weight in whole.require_weights().items():
        np.testing.assert_array_equal(resumed.require_weights()[name], weight, err_msg=name)
    first, second = read_model(tmp_path / "whole"), read_model(tmp_path / "cut")
    assert first.tfidf
    assert second.tfidf
    for one, two in zip(first.tfidf, second.tfidf, strict=True):
        np.testing.assert_array_equal(one.weights, two.weights)


def test_the_folded_weights_give_the_scores_of_the_mean_vectors(vectors: Path) -> None:
    tokens = tokens_with(vectors)
    assert tokens.vectors is not None
    texts, size, n = tokens.train.texts, tokens.tokenizer.size, len(tokens.train.texts)
    basis = outside_basis(texts, tokens.vectors, n, first=tokens.tokenizer.specials, seed=1)
    every = np.ones(n, np.bool_)
    fit = DenseFit(basis.rows, every, tokens.hard, np.ones(n))
    fitted = fit.fit(10.0)
    model = to_pooled(basis, fitted, size)
    ids = np.split(texts.ids, texts.starts[1:-1])
    scores = model.scores([row.tolist() for row in ids], examples().texts)
    np.testing.assert_allclose(scores, fit.scores(fitted, every), atol=1e-4)
    # Six of seven tokens have a vector, so the vectors have 6/7 of the length.
    lengths = [float((block**2).sum()) for block in np.split(basis.rows, [-tokens.vectors.rows.shape[1]], 1)]
    assert tokens.vectors.coverage(texts) == pytest.approx(6 / 7)
    assert lengths[1] / lengths[0] == pytest.approx((6 / 7) ** 2, rel=1e-3)


def test_words_are_weighted_by_their_place_where_frequent_words_come_first(
    vectors: Path, tmp_path: Path
) -> None:
    tokens = tokens_with(vectors)
    assert tokens.vectors is not None
    weights = tokens.vectors.frequency_weights(tokens.train.texts)
    assert weights is not None
    places = [tokens.tokenizer.id(word) for word in ("the", "film", "good0", "bad19")]
    assert sorted(weights[places]) == weights[places].tolist()
    backwards = tmp_path / "backwards.txt"
    backwards.write_text("".join(f"{line}\n" for line in reversed(vectors.read_text().splitlines())))
    tokens = tokens_with(backwards)
    assert tokens.vectors is not None
    assert tokens.vectors.frequency_weights(tokens.train.texts) is None


def test_they_are_not_used_where_nothing_is_decided_on_folds(vectors: Path, tmp_path: Path) -> None:
    settings = with_changes(SETTINGS, {"folds": 0, "epochs": 1, "min_steps": 1})
    notes: list[str] = []
    model = train(
        examples(),
        settings,
        out=tmp_path / "m",
        vectors=vectors,
        listener=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )
    assert any(note.startswith("word vectors: not used, because") for note in notes)
    assert "vectors" not in model.metrics


def test_vectors_of_another_language_and_missing_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("uno 1 2 3\ndos 1 2 3\n")
    with pytest.raises(DataError, match="found none"):
        tokens_with(path)
    with pytest.raises(DataError, match="missing"):
        digest_of(tmp_path / "missing.txt")


@pytest.mark.parametrize("width", [8, 4])
def test_the_network_begins_with_the_vectors(vectors: Path, width: int) -> None:
    pytest.importorskip("tensorflow")
    from foretell.networks.labels import labels_network
    from foretell.training.labels.network import initialise_embeddings

    tokens = tokens_with(vectors)
    size = tokens.tokenizer.size - 20  # the words of the texts
    network = labels_network(with_changes(SETTINGS, {"embedding_size": width}), size, 2)
    weights = network.get_layer("embedding").embeddings
    before = weights.numpy()
    initialise_embeddings(network, tokens, 1, lambda _: None)
    after, half = weights.numpy(), width // 2
    np.testing.assert_array_equal(after[:, :half], before[:, :half])
    assert tokens.vectors is not None
    known = tokens.vectors.known[:size]
    np.testing.assert_array_equal(after[~known], before[~known])
    # The vectors of a kind of words are similar: in two of their four principal components too.
    unit = after[:, half:] / np.linalg.norm(after[:, half:], axis=1, keepdims=True)
    ids = {word: tokens.tokenizer.id(word) for word in (*GOOD[:10], *BAD[:10])}
    of_kind = [np.mean([unit[ids[word]] for word in words[:10]], axis=0) for words in (GOOD, BAD)]
    assert all(unit[ids[word]] @ of_kind[0] > unit[ids[word]] @ of_kind[1] for word in GOOD[:10])
    assert all(unit[ids[word]] @ of_kind[1] > unit[ids[word]] @ of_kind[0] for word in BAD[:10])
