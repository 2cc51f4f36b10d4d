"""The text classifiers as Keras models. Axes: batch, step (a word's place in its text), label.

The weights' names are the layers' names; what `foretell.artifacts.onnx_graph` builds from them computes the
same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from foretell.config import LabelsSettings
from foretell.errors import SettingsError
from foretell.networks.fast_lstm import FastLSTM


def labels_network(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """Return an untrained classifier; its initial weights depend on `settings.seed` alone.

    Args:
        settings: `network` chooses what is built: "article", "cnn-lstm" or "bilstm".
        size: number of word ids, 0 (padding) included.
        n_labels: number of labels, at least 2.

    Returns:
        A model from ids, int32 [batch, step], to probabilities: float32 [batch, 1], the probability of the
        second label, where there are two; else float32 [batch, label]. "article" and "cnn-lstm" read
        `settings.length` steps, padded in front with 0; "bilstm" any number of steps, padded at the end with
        0, which changes nothing.

    Raises:
        SettingsError: the convolution or its pooling is longer than the texts.
    """
    builders = {"article": _article, "cnn-lstm": _cnn_lstm, "bilstm": _bilstm}
    with _seeded(settings.seed):
        return builders[settings.network](settings, size, n_labels)


def _article(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """The article's network, layer by layer."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((settings.length,), dtype="int32", name="ids"),  # [batch, step]
            layers.Embedding(size, settings.embedding_size, name="embedding"),  # [batch, step, embedding]
            layers.Dropout(settings.dropout),
            _lstm(settings),  # [batch, unit]
            layers.Dense(settings.dense_units, activation="relu", name="dense"),  # [batch, dense unit]
            layers.Dropout(settings.dropout),
            _output(n_labels),  # [batch, 1] or [batch, label]
        ],
        name="article",
    )


def _cnn_lstm(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """The article's closing hint: a convolution finds phrases, the LSTM reads a fourth as many steps."""
    shortest = settings.kernel_size + settings.pool_size - 1
    if settings.length < shortest:
        raise SettingsError(
            expected=f"at least kernel-size + pool-size - 1 = {shortest}",
            found=str(settings.length),
            where="length",
            fix=f"set --length {shortest} or more",
        )
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((settings.length,), dtype="int32", name="ids"),  # [batch, step]
            layers.Embedding(size, settings.embedding_size, name="embedding"),  # [batch, step, embedding]
            layers.Dropout(settings.dropout),
            layers.Conv1D(
                settings.filters, settings.kernel_size, padding="valid", activation="relu", name="conv"
            ),  # [batch, step - kernel size + 1, filter]
            layers.MaxPooling1D(settings.pool_size),  # [batch, (step - kernel size + 1) // pool size, filter]
            _lstm(settings),  # [batch, unit]
            layers.Dense(settings.dense_units, activation="relu", name="dense"),  # [batch, dense unit]
            layers.Dropout(settings.dropout),
            _output(n_labels),  # [batch, 1] or [batch, label]
        ],
        name="cnn_lstm",
    )


def _bilstm(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """Both directions, each pooled over max, mean and last (ULMFiT's concat pooling, arXiv:1801.06146)."""
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")  # [batch, step]
    words = layers.Embedding(size, settings.embedding_size, name="embedding")(ids)  # [batch, step, embedding]
    words = layers.Dropout(settings.dropout)(words)
    forward = FastLSTM(settings.units, return_sequences=True, name="lstm_forward")
    backward = FastLSTM(settings.units, return_sequences=True, name="lstm_backward")
    # An LSTM without a mask is faster. Padding comes after all the words of either reading, where it cannot
    # change what they gave, and the pooling leaves it out.
    read_forward = forward(words)  # [batch, step, unit]
    read_backward = backward(
        ReverseWords(name="reverse")([words, ids])
    )  # [batch, step, unit], last word first
    pooled = Pool(name="pool")([read_forward, read_backward, ids])  # [batch, 6 * unit]
    pooled = layers.Dropout(settings.dropout)(pooled)
    return keras.Model(ids, _output(n_labels)(pooled), name="bilstm")


def _lstm(settings: LabelsSettings) -> FastLSTM:
    return FastLSTM(
        settings.units,
        dropout=settings.dropout,
        recurrent_dropout=settings.recurrent_dropout,
        name="lstm",
    )


def _output(n_labels: int) -> keras.layers.Dense:
    if n_labels == 2:
        return keras.layers.Dense(1, activation="sigmoid", name="output")
    return keras.layers.Dense(n_labels, activation="softmax", name="output")


def _lengths(ids: Any) -> Any:
    """Return how many steps of ids [batch, step] are words: int32 [batch], at least 1."""
    return tf.maximum(tf.math.count_nonzero(ids, axis=1, dtype=tf.int32), 1)


class ReverseWords(keras.layers.Layer):  # type: ignore[misc]
    """Turns the words of each text around and leaves its padding at the end."""

    def call(self, inputs: list[Any]) -> Any:
        """Take values [batch, step, channel] and ids [batch, step]; return values like those."""
        values, ids = inputs
        return tf.reverse_sequence(values, _lengths(ids), seq_axis=1, batch_axis=0)

    def compute_output_shape(self, input_shape: list[Any]) -> Any:
        """Return the shape of the values."""
        return input_shape[0]


class Pool(keras.layers.Layer):  # type: ignore[misc]
    """Pools what both directions read, over the words of each text and not over its padding.

    The parts lie in the order max, mean, last; each holds the forward direction, then the backward one.
    "last" is what a direction gave at the last word that it read.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Take forward and backward [batch, step, unit] and ids [batch, step]; return [batch, 6 * unit]."""
        forward, backward, ids = inputs
        both = tf.concat([forward, backward], axis=-1)  # [batch, step, 2 * unit]
        lengths = _lengths(ids)  # [batch]
        is_word = tf.sequence_mask(lengths, tf.shape(ids)[1], dtype=both.dtype)[
            :, :, None
        ]  # [batch, step, 1]
        # LSTM outputs lie between -1 and 1: 2 below them loses to every word.
        largest = tf.reduce_max(both - 2.0 * (1.0 - is_word), axis=1)
        mean = tf.reduce_sum(both * is_word, axis=1) / tf.cast(lengths, both.dtype)[:, None]
        last = tf.gather(both, lengths - 1, axis=1, batch_dims=1)
        return tf.concat([largest, mean, last], axis=-1)

    def compute_output_shape(self, input_shape: list[Any]) -> Any:
        """Return [batch, 6 * unit]."""
        return (input_shape[0][0], 6 * input_shape[0][2])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what Keras draws its layers' seeds from, and leave the caller's random states as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
