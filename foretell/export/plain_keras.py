"""Every network in Keras's own layers and operations, so that a saved file needs no code of foretell's.

Training computes its LSTMs by a kernel and pools by layers of its own; here are `keras.layers.LSTM` and
`keras.ops`. Axes: batch, step, unit, label, word.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import ops

from foretell.artifacts.reference import from_basic_lstm_cell
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings, WordsSettings

Tensor = Any


class Weighted:
    """Makes layers that have the weights of a model from their first call on.

    Args:
        weights: the model's, named as in its directory.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def embedding(self, ids: Tensor) -> Tensor:
        """ids [batch, step] to [batch, step, embedding]."""
        size, width = self.weights["embedding"].shape
        layer = keras.layers.Embedding(size, width, name="embedding")
        return self._set(layer, ids, self.weights["embedding"])

    def dense(self, x: Tensor, name: str, activation: str | None = None) -> Tensor:
        """x [batch, in] to [batch, out]."""
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        layer = keras.layers.Dense(kernel.shape[1], activation=activation, name=name)
        return self._set(layer, x, kernel, bias)

    def lstm(self, x: Tensor, name: str, state: list[Tensor] | None = None, **options: Any) -> Any:
        """x [batch, step, in] through a layer named as its weights are."""
        parts = ("kernel", "recurrent_kernel", "bias")
        return self.lstm_of(x, name, [self.weights[f"{name}/{part}"] for part in parts], state, **options)

    def lstm_of(
        self, x: Tensor, name: str, weights: list[Any], state: list[Tensor] | None = None, **options: Any
    ) -> Any:
        """Do the same with these three weights."""
        layer = keras.layers.LSTM(weights[1].shape[0], name=name, **options)
        given = {} if state is None else {"initial_state": state}
        return self._set(layer, x, *weights, **given)

    def conv(self, x: Tensor) -> Tensor:
        """x [batch, step, in] to [batch, step - kernel size + 1, filter]."""
        kernel = self.weights["conv/kernel"]
        layer = keras.layers.Conv1D(kernel.shape[2], kernel.shape[0], activation="relu", name="conv")
        return self._set(layer, x, kernel, self.weights["conv/bias"])

    @staticmethod
    def _set(layer: Any, x: Tensor, *weights: Any, **given: Any) -> Any:
        result = layer(x, **given)
        layer.set_weights(list(weights))
        return result


def words_model(settings: WordsSettings, weights: Weights, *, steps: int | None = None) -> keras.Model:
    """Return a language model: ids [batch, step], h_k and c_k [batch, unit] to logits and h_k_out, c_k_out.

    Args:
        settings: the model's; `network` "article" has no state: ids float [batch, window, 1] to logits
            [batch, word].
        weights: the model's.
        steps: words that are read at once; None: any number.
    """
    made = Weighted(weights)
    if not settings.traits.carries_state:
        return _article_words(settings, made)
    ids = keras.Input((steps,), dtype="int32", name="ids")
    x = made.embedding(ids)
    states: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for k in range(1, settings.layers + 1):
        state = [keras.Input((settings.units,), name=f"{part}_{k}") for part in ("h", "c")]
        states |= {each.name: each for each in state}
        x, h, c = made.lstm(
            x, f"lstm_{k}", state, return_sequences=True, return_state=True, unroll=steps is not None
        )
        outputs |= {f"h_{k}_out": h, f"c_{k}_out": c}
    if "projection/kernel" in weights:
        x = made.dense(x, "projection")
    # The output layer is the embedding again; a file of Keras's holds it twice.
    weights = {"output/kernel": np.ascontiguousarray(weights["embedding"].T), **weights}
    logits = Weighted(weights).dense(x, "output")
    return keras.Model({"ids": ids, **states}, {"logits": logits, **outputs}, name="words")


def _article_words(settings: WordsSettings, made: Weighted) -> keras.Model:
    ids = keras.Input((settings.window, 1), name="ids")
    x = ids
    for k in range(1, settings.layers + 1):
        parts = from_basic_lstm_cell(made.weights[f"lstm_{k}/kernel"], made.weights[f"lstm_{k}/bias"])
        more = k < settings.layers
        x = made.lstm_of(x, f"lstm_{k}", list(parts), return_sequences=more, unroll=True)
    return keras.Model({"ids": ids}, made.dense(x, "dense"), name="words")


def labels_probabilities(ids: Tensor, settings: LabelsSettings, weights: Weights) -> Tensor:
    """Return what a classifier's network answers: [batch, label].

    Args:
        ids: int32 [batch, step], the words that it reads: for "bilstm" 0 at the end, for the others
            `settings.length` of them, 0 in front.
        settings: the model's.
        weights: the model's.
    """
    made = Weighted(weights)
    x = made.embedding(ids)  # [batch, step, embedding]
    if settings.traits.is_bidirectional:
        x = _pooled(x, ids, made)
    else:
        if settings.traits.has_convolution:
            x = keras.layers.MaxPooling1D(settings.pool_size, name="pool")(made.conv(x))
        x = made.dense(made.lstm(x, "lstm"), "dense", "relu")
    logits = made.dense(x, "output")
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return ops.softmax(logits, axis=-1)


def _pooled(x: Tensor, ids: Tensor, made: Weighted) -> Tensor:
    """[batch, 6 * unit]: both directions, pooled over max, mean and last as in training."""
    is_word = ops.not_equal(ids, 0)
    lengths = ops.maximum(ops.sum(ops.cast(is_word, "int32"), axis=1, keepdims=True), 1)  # [batch, 1]
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1  # [batch, step]
    mirrored = lengths - 1 - places
    # Padding stays where it is, behind all words of either reading.
    order = ops.where(mirrored >= 0, mirrored, places)
    forward = made.lstm(x, "lstm_forward", return_sequences=True)
    backward = made.lstm(
        ops.take_along_axis(x, ops.expand_dims(order, -1), axis=1), "lstm_backward", return_sequences=True
    )
    both = ops.concatenate([forward, backward], axis=-1)  # [batch, step, 2 * unit]
    mask = ops.expand_dims(ops.cast(places < lengths, "float32"), -1)  # [batch, step, 1]
    # LSTM outputs lie between -1 and 1: 2 below them loses to every word.
    largest = ops.max(both - 2.0 * (1.0 - mask), axis=1)
    mean = ops.sum(both * mask, axis=1) / ops.cast(lengths, "float32")
    is_last = ops.expand_dims(ops.cast(ops.equal(places, lengths - 1), "float32"), -1)
    return ops.concatenate([largest, mean, ops.sum(both * is_last, axis=1)], axis=-1)
