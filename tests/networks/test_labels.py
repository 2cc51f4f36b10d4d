"""Classifiers' networks: the article's layers, their seed, copies of weights."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest

from foretell.config import with_changes
from foretell.errors import SettingsError
from foretell.networks import weights_of
from foretell.networks.labels import labels_network
from foretell.presets import LABELS_PRESETS

ARTICLE = LABELS_PRESETS["article"]
SMALL = {"units": 5, "embedding_size": 4, "length": 24}


def small(preset: str, **changes):
    return with_changes(LABELS_PRESETS[preset], {**SMALL, **changes})


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
def test_the_seed_decides_the_weights_and_nothing_else_changes(preset):
    random.seed(5)
    before = random.getstate()
    numpy_before = np.random.get_state()[1].copy()
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
    network = labels_network(small("base"), 30, 2)
    weights_of(network)["output/bias"][:] = 5
    assert not weights_of(network)["output/bias"].any()
