"""Classifiers' networks beside plain Keras; the names and shapes of weights."""

from __future__ import annotations

import random
from pathlib import Path

import keras
import numpy as np
import pytest
from export_workplace import write

import foretell
from foretell.artifacts.directory import read_model
from foretell.config import with_changes
from foretell.errors import SettingsError
from foretell.networks import set_weights, weights_of
from foretell.networks.labels import labels_network
from foretell.presets import LABELS_PRESETS
from foretell.runtime.session import Session
from tests.reference import random_inputs

ARTICLE = LABELS_PRESETS["article"]
SMALL = {"units": 5, "embedding_size": 4, "length": 24}


def small(preset: str, **changes):
    return with_changes(LABELS_PRESETS[preset], {**SMALL, **changes})


def some_ids(rng, shape):
    return rng.integers(1, 30, shape).astype(np.int32)


def test_article_layers_are_the_articles():
    model = labels_network(ARTICLE, 1000, 2)
    embedding, drop_1, lstm, dense, drop_2, output = model.layers
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Embedding", "Dropout", "FastLSTM", "Dense", "Dropout", "Dense"]
    assert isinstance(lstm, keras.layers.LSTM)
    assert model.input_shape == (None, 200)
    assert model.output_shape == (None, 1)
    assert (embedding.input_dim, embedding.output_dim, embedding.mask_zero) == (1000, 50, False)
    assert (drop_1.rate, drop_2.rate) == (0.2, 0.2)
    assert (lstm.units, lstm.dropout, lstm.recurrent_dropout) == (100, 0.2, 0.2)
    assert (lstm.return_sequences, lstm.go_backwards, lstm.stateful) == (False, False, False)
    assert (dense.units, dense.activation.__name__) == (250, "relu")
    assert (output.units, output.activation.__name__) == (1, "sigmoid")
    assert model.count_params() == 50_000 + 4 * 100 * (50 + 100 + 1) + 250 * 101 + 251
    np.testing.assert_array_equal(lstm.cell.bias.numpy(), np.repeat([0.0, 1.0, 0.0, 0.0], 100))


@pytest.mark.parametrize("preset", ["article", "cnn-lstm", "base"])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_probabilities_and_weight_names(preset, n_labels):
    from foretell.artifacts.weights import weight_shapes

    settings = small(preset)
    model = labels_network(settings, 30, n_labels)
    found = np.array(model(some_ids(np.random.default_rng(0), (4, 24))))
    assert found.shape == (4, 1 if n_labels == 2 else n_labels)
    if n_labels > 2:
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    shapes = {name: value.shape for name, value in weights_of(model).items()}
    assert shapes == weight_shapes(settings, 30, n_labels)


def test_padding_changes_nothing():
    model = labels_network(small("base"), 30, 3)
    rng = np.random.default_rng(1)
    for length in (1, 2, 9):
        ids = some_ids(rng, (3, length))
        padded = np.pad(ids, ((0, 0), (0, 7)))
        np.testing.assert_allclose(np.array(model(padded)), np.array(model(ids)), atol=1e-6)


@pytest.mark.parametrize("preset", ["article", "cnn-lstm", "base"])
def test_the_seed_decides_the_weights_and_nothing_else_changes(preset):
    random.seed(5)
    before, numpy_before = random.getstate(), np.random.get_state()[1].copy()
    first, second = (weights_of(labels_network(small(preset, seed=3), 30, 2)) for _ in range(2))
    assert random.getstate() == before
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)
    other = weights_of(labels_network(small(preset, seed=4), 30, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert not np.array_equal(first["embedding"], other["embedding"])


def test_a_convolution_longer_than_the_texts_is_refused():
    with pytest.raises(SettingsError, match="length: expected at least 8 for the convolution"):
        labels_network(small("cnn-lstm", length=7), 30, 2)
    labels_network(small("cnn-lstm", length=8), 30, 2)


def test_weights_are_copies() -> None:
    network, other = (labels_network(small("base", seed=seed), 30, 2) for seed in (1, 2))
    ids = some_ids(np.random.default_rng(3), (4, 24))
    set_weights(other, weights_of(network))
    np.testing.assert_array_equal(np.array(network(ids)), np.array(other(ids)))
    weights_of(network)["output/bias"][:] = 5
    assert not weights_of(network)["output/bias"].any()


@pytest.mark.parametrize("name", ["words", "words-article", "labels-3", "labels-article", "labels-cnn-lstm"])
def test_the_network_alone_gives_what_its_graph_gives(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra train")
    path = write(tmp_path / name, name)
    model = read_model(path)
    inputs = random_inputs(model.settings, model.weights)
    if "lengths" in inputs:
        # 0 is padding to the Keras model wherever it stands.
        steps = np.arange(inputs["ids"].shape[1])
        inputs["ids"] = np.where(steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0)
    inputs = {
        key: np.zeros_like(value) if key[:2] in ("h_", "c_") else value for key, value in inputs.items()
    }
    inputs.pop("skip", None)
    output = "probabilities" if name.startswith("labels") else "logits"
    (expected,) = Session.of_model(model).run([output], inputs)
    found = foretell.load(path).to_keras().predict(inputs["ids"], verbose=0)
    if found.shape[-1] == 1:
        found = np.concatenate([1 - found, found], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
