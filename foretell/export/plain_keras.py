"""Every network in Keras's own layers and operations, so that a saved file needs no code of foretell's.

Training uses its own LSTM kernel and pooling layers; here they are `keras.layers.LSTM` and `keras.ops`. Axes:
batch, step, unit, label, word.
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
    """Calls new layers that have the weights of a model.

    Args:
        weights: the model's, named as in its directory.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def embedding(self, ids: Tensor) -> Tensor:
        """Return ids [batch, step] as [batch, step, embedding]."""
        size, width = self.weights["embedding"].shape
        layer = keras.layers.Embedding(size, width, name="embedding")
        return self._set(layer, ids, self.weights["embedding"])

    def dense(self, x: Tensor, name: str, activation: str | None = None) -> Tensor:
        """Return x [batch, in] as [batch, out]."""
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        layer = keras.layers.Dense(kernel.shape[1], activation=activation, name=name)
        return self._set(layer, x, kernel, bias)

    def lstm(self, x: Tensor, name: str, state: list[Tensor] | None = None, **options: Any) -> Any:
        """Return the output of an LSTM for x [batch, step, in]; the layer has the name of its weights."""
        parts = ("kernel", "recurrent_kernel", "bias")
        return self.lstm_of(x, name, [self.weights[f"{name}/{part}"] for part in parts], state, **options)

    def lstm_of(
        self, x: Tensor, name: str, weights: list[Any], state: list[Tensor] | None = None, **options: Any
    ) -> Any:
        """Return the same for an LSTM with these three weights."""
        layer = keras.layers.LSTM(weights[1].shape[0], name=name, **options)
        given = {} if state is None else {"initial_state": state}
        return self._set(layer, x, *weights, **given)

    def conv(self, x: Tensor) -> Tensor:
        """Return x [batch, step, in] as [batch, step - kernel size + 1, filter]."""
        kernel = self.weights["conv/kernel"]
        layer = keras.layers.Conv1D(kernel.shape[2], kernel.shape[0], activation="relu", name="conv")
        return self._set(layer, x, kernel, self.weights["conv/bias"])

    @staticmethod
    def _set(layer: Any, x: Tensor, *weights: Any, **given: Any) -> Any:
        result = layer(x, **given)
        layer.set_weights(list(weights))
        return result


def words_model(settings: WordsSettings, weights: Weights) -> keras.Model:
    """Return a language model: ids [batch, step], h_k and c_k [batch, unit] to logits and h_k_out, c_k_out.

    A network that carries no state takes ids float [batch, window, 1] and gives logits [batch, word].

    Args:
        settings: the model's.
        weights: the model's.
    """
    layers = Weighted(weights)
    if not settings.traits.carries_state:
        return _article_words(settings, layers)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.embedding(ids)
    states: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for k in range(1, settings.layers + 1):
        state = [keras.Input((settings.units,), name=f"{part}_{k}") for part in ("h", "c")]
        states |= {each.name: each for each in state}
        x, h, c = layers.lstm(x, f"lstm_{k}", state, return_sequences=True, return_state=True)
        outputs |= {f"h_{k}_out": h, f"c_{k}_out": c}
    if "projection/kernel" in weights:
        x = layers.dense(x, "projection")
    # The output layer shares the embedding's weights. A Keras file stores them twice.
    weights = {"output/kernel": np.ascontiguousarray(weights["embedding"].T), **weights}
    logits = Weighted(weights).dense(x, "output")
    return keras.Model({"ids": ids, **states}, {"logits": logits, **outputs}, name="words")


def _article_words(settings: WordsSettings, layers: Weighted) -> keras.Model:
    ids = keras.Input((settings.window, 1), name="ids")
    x = ids
    for k in range(1, settings.layers + 1):
        parts = from_basic_lstm_cell(layers.weights[f"lstm_{k}/kernel"], layers.weights[f"lstm_{k}/bias"])
        is_last = k == settings.layers
        x = layers.lstm_of(x, f"lstm_{k}", list(parts), return_sequences=not is_last, unroll=True)
    return keras.Model({"ids": ids}, layers.dense(x, "dense"), name="words")


def labels_probabilities(ids: Tensor, settings: LabelsSettings, weights: Weights) -> Tensor:
    """Return the probabilities of a classifier's network, [batch, label].

    Args:
        ids: int32 [batch, step], the words that it reads, padded with 0: in front to `settings.length` words
            if the network's traits say `pads_front`, else at the end.
        settings: the model's.
        weights: the model's.
    """
    layers = Weighted(weights)
    x = layers.embedding(ids)  # [batch, step, embedding]
    if settings.traits.is_bidirectional:
        x = _pooled(x, ids, layers)
    else:
        if settings.traits.has_convolution:
            x = keras.layers.MaxPooling1D(settings.pool_size, name="pool")(layers.conv(x))
        x = layers.dense(layers.lstm(x, "lstm"), "dense", "relu")
    logits = layers.dense(x, "output")
    if settings.is_multi_label:
        return ops.sigmoid(logits)
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return ops.softmax(logits, axis=-1)


def _pooled(x: Tensor, ids: Tensor, layers: Weighted) -> Tensor:
    """Return both directions [batch, 6 * unit]: maximum, mean and last output, as in training."""
    is_word = ops.not_equal(ids, 0)
    lengths = ops.maximum(ops.sum(ops.cast(is_word, "int32"), axis=1, keepdims=True), 1)  # [batch, 1]
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1  # [batch, step]
    mirrored = lengths - 1 - places
    # Padding stays behind the words in both directions.
    order = ops.where(mirrored >= 0, mirrored, places)
    forward = layers.lstm(x, "lstm_forward", return_sequences=True)
    backward = layers.lstm(
        ops.take_along_axis(x, ops.expand_dims(order, -1), axis=1), "lstm_backward", return_sequences=True
    )
    both = ops.concatenate([forward, backward], axis=-1)  # [batch, step, 2 * unit]
    mask = ops.expand_dims(ops.cast(places < lengths, "float32"), -1)  # [batch, step, 1]
    # LSTM outputs lie between -1 and 1, so that padding lowered by 2 is never the maximum.
    largest = ops.max(both - 2.0 * (1.0 - mask), axis=1)
    mean = ops.sum(both * mask, axis=1) / ops.cast(lengths, "float32")
    is_last = ops.expand_dims(ops.cast(ops.equal(places, lengths - 1), "float32"), -1)
    return ops.concatenate([largest, mean, ops.sum(both * is_last, axis=1)], axis=-1)
