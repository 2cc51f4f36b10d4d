"""The text classifiers as Keras models. Axes: batch, step (a word's place in its text), label.

The layers' names are the names of the weights. `foretell.artifacts.onnx_graph` builds the same
networks from them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.config import DENSE_UNITS, FILTERS, KERNEL_SIZE, POOL_SIZE, LabelsSettings
from foretell.errors import SettingsError
from foretell.networks.lstm_layer import FastLSTM


def labels_network(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """Return an untrained classifier; its initial weights depend on `settings.seed` alone.

    Args:
        settings: `network` is "article", "cnn-lstm" or "bilstm".
        size: number of word ids, 0 (padding) included.
        n_labels: number of labels, at least 2.

    Returns:
        A model from ids, int32 [batch, step], to probabilities: float32 [batch, 1], the probability
        of the second label, where there are two; else float32 [batch, label]. Where a text may have
        several labels it is always [batch, label], and each label has a probability of its own.
        "article" and "cnn-lstm" read `settings.length` steps, padded in front with 0; "bilstm" any
        number of steps, padded at the end with 0, which changes nothing.

    Raises:
        SettingsError: the convolution or its pooling is longer than the texts.
    """
    build = _bilstm if settings.is_bidirectional else _sequential
    with _seeded(settings.seed):
        return build(settings, size, n_labels)


def _sequential(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """The article's network; "cnn-lstm" has a convolution and pooling before the LSTM, as it
    suggests.
    """
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((settings.length,), dtype="int32", name="ids"),  # [batch, step]
            layers.Embedding(
                size, settings.embedding_size, name="embedding"
            ),  # [batch, step, embedding]
            layers.Dropout(settings.dropout),
            *(_convolution(settings) if settings.network == "cnn-lstm" else []),
            FastLSTM(
                settings.units,
                dropout=settings.dropout,
                recurrent_dropout=0.0 if settings.network == "cnn-lstm" else settings.dropout,
                name="lstm",
            ),  # [batch, unit]
            layers.Dense(DENSE_UNITS, activation="relu", name="dense"),  # [batch, dense unit]
            layers.Dropout(settings.dropout),
            _output(settings, n_labels),  # [batch, 1] or [batch, label]
        ],
        name=settings.network.replace("-", "_"),
    )


def _convolution(settings: LabelsSettings) -> list[keras.Layer]:
    """A convolution and pooling: the LSTM reads fewer steps."""
    min_length = KERNEL_SIZE + POOL_SIZE - 1
    if settings.length < min_length:
        raise SettingsError(
            f"at least {min_length} for the convolution and its pooling",
            settings.length,
            where="length",
            fix=f"set a length of {min_length} or more",
        )
    layers = keras.layers
    return [
        # [batch, step - kernel size + 1, filter]
        layers.Conv1D(FILTERS, KERNEL_SIZE, padding="valid", activation="relu", name="conv"),
        layers.MaxPooling1D(POOL_SIZE),  # [batch, (step - kernel size + 1) // pool size, filter]
    ]


def _bilstm(settings: LabelsSettings, size: int, n_labels: int) -> keras.Model:
    """Both directions, each pooled over max, mean and last (ULMFiT's concat pooling,
    arXiv:1801.06146).
    """
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")  # [batch, step]
    words = layers.Embedding(size, settings.embedding_size, name="embedding")(
        ids
    )  # [batch, step, embedding]
    words = layers.Dropout(settings.dropout)(words)
    forward = FastLSTM(settings.units, return_sequences=True, name="lstm_forward")
    backward = FastLSTM(settings.units, return_sequences=True, name="lstm_backward")
    # The LSTMs have no mask, which is faster. Padding follows the words in both directions, so it
    # cannot change their outputs, and the pooling leaves it out.
    read_forward = forward(words)  # [batch, step, unit]
    reversed_words = ReverseWords(name="reverse")([words, ids])
    read_backward = backward(reversed_words)  # [batch, step, unit], last word first
    pooled = Pool(name="pool")([read_forward, read_backward, ids])  # [batch, 6 * unit]
    pooled = layers.Dropout(settings.dropout)(pooled)
    return keras.Model(ids, _output(settings, n_labels)(pooled), name="bilstm")


def _output(settings: LabelsSettings, n_labels: int) -> keras.layers.Dense:
    if n_labels == 2 and not settings.multi_label:
        return keras.layers.Dense(1, activation="sigmoid", name="output")
    activation = "sigmoid" if settings.multi_label else "softmax"
    return keras.layers.Dense(n_labels, activation=activation, name="output")


def _lengths(ids: Tensor) -> Tensor:
    """Return the number of words of each text of ids [batch, step]: int32 [batch], at least 1."""
    return tf.maximum(tf.math.count_nonzero(ids, axis=1, dtype=tf.int32), 1)


class ReverseWords(keras.layers.Layer):  # type: ignore[misc]
    """Reverses the words of each text and leaves its padding at the end."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Take values [batch, step, channel] and ids [batch, step]; return values like those."""
        values, ids = inputs
        return tf.reverse_sequence(values, _lengths(ids), seq_axis=1, batch_axis=0)


class Pool(keras.layers.Layer):  # type: ignore[misc]
    """Pools the outputs of both directions over the words of each text, without its padding.

    The parts are in the order max, mean, last; each holds the forward direction, then the backward
    one. "last" is the output at the last word that a direction reads.
    """

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Take forward and backward [batch, step, unit] and ids [batch, step]; return [batch, 6 *
        unit].
        """
        forward, backward, ids = inputs
        both = tf.concat([forward, backward], axis=-1)  # [batch, step, 2 * unit]
        lengths = _lengths(ids)  # [batch]
        mask = tf.sequence_mask(lengths, tf.shape(ids)[1], dtype=both.dtype)
        is_word = mask[:, :, None]  # [batch, step, 1]
        # LSTM outputs lie between -1 and 1: padding, 2 below them, is never the maximum.
        largest = tf.reduce_max(both - 2.0 * (1.0 - is_word), axis=1)
        mean = tf.reduce_sum(both * is_word, axis=1) / tf.cast(lengths, both.dtype)[:, None]
        last = tf.gather(both, lengths - 1, axis=1, batch_dims=1)
        return tf.concat([largest, mean, last], axis=-1)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generators that Keras draws its layers' seeds from; restore the caller's states
    afterwards.
    """
    python = random.getstate()
    numpy = np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
