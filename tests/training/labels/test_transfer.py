"""A classifier that starts from a language model."""

from __future__ import annotations

import random

import numpy as np
import pytest
from trainers import train

from foretell.artifacts.directory import read_model
from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.errors import Interrupted, RunError, UsageError
from foretell.networks.labels import labels_network
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Note
from foretell.training.labels.transfer import fitting_settings, read_language_model, take_over
from foretell.training.options import TrainOptions
from foretell.training.words.train import train_words

WORDS = with_changes(
    WORDS_PRESETS["base"],
    {"units": 6, "embedding_size": 5, "epochs": 1, "min_steps": 3, "valid_fraction": 0.0},
)
LABELS = with_changes(
    LABELS_PRESETS["base"],
    {
        "units": 9,
        "embedding_size": 8,
        "epochs": 2,
        "min_steps": 1,
        "batch_size": 8,
        "valid_fraction": 0.2,
        "folds": 0,
    },
)


def examples(n=40):
    rng = random.Random(0)
    texts = [
        " ".join(rng.choice(["film", "plot", "good", "bad", f"w{i}"]) for _ in range(9)) for i in range(n)
    ]
    return Examples(
        [f"{text} n{i}" for i, text in enumerate(texts)], ["neg", "pos"] * (n // 2), name="made up"
    )


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "words"
    corpus = Corpus.from_texts(["a film with a plot, a good film"] * 40)
    train_words(corpus, WORDS, TrainOptions(out=out))
    return out


def test_words_in_common_keep_their_vectors_and_the_lstm_is_taken_over(language_model):
    model = read_model(language_model)
    start = read_language_model(language_model)
    settings = fitting_settings(LABELS, start)
    assert (settings.embedding_size, settings.units) == (5, 6)
    tokenizer = Tokenizer.train(["good film zzz"], "words", lowercase=True, vocabulary=100, min_count=1)
    network = labels_network(settings, tokenizer.size, 2)
    assert take_over(network, tokenizer, settings, start) == 2
    vectors = network.get_layer("embedding").embeddings.numpy()
    for word in ("good", "film"):
        theirs = model.weights["embedding"][model.tokenizer.id(word)]
        np.testing.assert_array_equal(vectors[tokenizer.id(word)], theirs)
    new = vectors[tokenizer.id("zzz")]
    assert np.isfinite(new).all()
    assert new.any()
    for direction in ("lstm_forward", "lstm_backward"):
        cell = network.get_layer(direction).cell
        np.testing.assert_array_equal(cell.recurrent_kernel, model.weights["lstm_1/recurrent_kernel"])


def test_it_is_said_and_changes_what_is_learned(language_model, tmp_path):
    said = []
    start = read_language_model(language_model)
    options = {"start": start, "listener": lambda e: said.append(e.text) if isinstance(e, Note) else None}
    with_start = train(examples(), LABELS, out=tmp_path / "a", **options)
    assert any("have their embedding from" in text for text in said)
    assert with_start.settings.units == 6
    plain = with_changes(LABELS, {"units": 6, "embedding_size": 5})
    without = train(examples(), plain, out=tmp_path / "b")
    assert not np.allclose(with_start.weights["embedding"], without.weights["embedding"])


def test_it_resumes_bit_for_bit_and_only_from_the_same_model(language_model, tmp_path):
    start = read_language_model(language_model)
    whole = train(examples(), LABELS, out=tmp_path / "whole", start=start)
    with pytest.raises(Interrupted):
        train(examples(), LABELS, out=tmp_path / "cut", start=start, stop_after_steps=3)
    plain = fitting_settings(LABELS, start)
    with pytest.raises(RunError):
        train(examples(), plain, out=tmp_path / "cut", resume=True)
    resumed = train(examples(), LABELS, out=tmp_path / "cut", start=start, resume=True)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])


def test_the_articles_language_model_is_refused(tmp_path):
    settings = with_changes(WORDS_PRESETS["article"], {"units": 4, "iterations": 3})
    options = TrainOptions(out=tmp_path / "words", preset="article")
    train_words(Corpus.from_texts(["a b c d e f g h i j"]), settings, options)
    with pytest.raises(UsageError, match="word vectors"):
        read_language_model(tmp_path / "words")
