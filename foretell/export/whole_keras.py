"""A whole classifier as one Keras model: ids in, final probabilities out; `whole_graph` is its ONNX twin."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights, network_size
from foretell.config import LabelsSettings
from foretell.export.plain_keras import labels_probabilities
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.ngrams.linear import LinearModel

Tensor = Any

# An n-gram of words below this id (padding, unknown) is none; see `foretell.ngrams.linear`.
_FIRST_WORD = 2


def whole_classifier(opened: Model, weights: Weights, ensemble: Ensemble) -> keras.Model:
    """Return a model from ids, int32 [batch, step], 0 at the end, to probabilities [batch, label].

    Args:
        opened: the classifier.
        weights: its network's weights.
        ensemble: how its parts are mixed.
    """
    settings = opened.settings
    assert isinstance(settings, LabelsSettings)
    ids = keras.Input((None,), dtype="int32", name="ids")
    network = None
    if ensemble.network:
        known = network_size(settings, opened.tokenizer)
        unknown = opened.tokenizer.unknown or 0
        read = last_words(ops.where(ids < known, ids, unknown), settings, unknown)
        network = labels_probabilities(read, settings, weights)
    linear = _linear_log(ids, opened.linear) if ensemble.linear and opened.linear is not None else None
    return keras.Model({"ids": ids}, mixed(ensemble, network, linear), name="labels")


def last_words(ids: Tensor, settings: LabelsSettings, unknown: int) -> Tensor:
    """Return the words that the network reads, padded as it wants them: int32 [batch, step].

    Args:
        ids: every word of each text, 0 at the end.
        settings: the model's.
        unknown: the id that stands for a text without words.
    """
    is_word = ops.not_equal(ids, 0)
    n_words = ops.sum(ops.cast(is_word, "int32"), axis=1, keepdims=True)  # [batch, 1]
    length = settings.length
    if settings.traits.pads_front:
        # As `foretell.text.padding.pad_front`.
        place = n_words + np.arange(-length, 0, dtype=np.int32)[None]
        taken = ops.take_along_axis(ids, ops.maximum(place, 0), axis=1)
        return ops.where(place >= 0, taken, 0)
    # As `foretell.text.padding.pad_end`.
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    filled = ops.where(ops.logical_and(ops.equal(places, 0), ops.logical_not(is_word)), unknown, ids)
    start = ops.maximum(n_words - length, 0)
    return ops.take_along_axis(filled, start + places[:, :length], axis=1)


def mixed(ensemble: Ensemble, network: Tensor | None, linear: Tensor | None) -> Tensor:
    """Return the final probabilities [batch, label]; see `foretell.ngrams.ensemble`."""
    if ensemble == NETWORK_ALONE:
        return network
    logits: Tensor = np.array([ensemble.offsets or (0.0,)], np.float32)
    if network is not None:
        logits = ensemble.network * ops.log(ops.maximum(network, float(np.finfo(np.float32).tiny))) + logits
    if linear is not None:
        logits = ensemble.linear * linear + logits
    return ops.softmax(logits, axis=-1)


def _linear_log(ids: Tensor, linear: LinearModel) -> Tensor:
    """Return the linear model's log-probabilities [batch, label] by the distinct n-grams of ids."""
    keys = ops.sort(_keys(ops.cast(ids, "int64"), linear), axis=1)
    never = keys[:, :1] < keys[:, :1]
    is_repeat = ops.concatenate([never, ops.equal(keys[:, 1:], keys[:, :-1])], axis=1)
    lookup = keras.layers.IntegerLookup(vocabulary=linear.keys, num_oov_indices=1, name="ngrams")
    place = ops.where(is_repeat, 0, lookup(keys))
    # Row 0 is what an n-gram without weight adds.
    table = np.vstack([np.zeros((1, len(linear.bias)), np.float32), linear.weights])
    weights = keras.layers.Embedding(*table.shape, trainable=False, name="ngram_weights")
    found = ops.sum(weights(place), axis=1)
    weights.set_weights([table])
    scores = found + linear.bias[None]
    if scores.shape[-1] == 1:
        scores = ops.concatenate([ops.zeros_like(scores), scores], axis=-1)
    return ops.log_softmax(scores, axis=-1)


def _keys(ids: Tensor, linear: LinearModel) -> Tensor:
    """Return int64 [batch, n-gram]: the key of the n-gram that begins at each word, or -1."""
    first = ops.where(ops.logical_and(ids >= _FIRST_WORD, ids < linear.size), ids, -1)
    keys = [first]
    for n in range(2, linear.longest + 1):
        head, tail = keys[-1][:, :-1], first[:, n - 1 :]
        key = linear.size * (head + 1) + tail
        keys.append(ops.where(ops.logical_and(head >= 0, tail >= 0), key, -1))
    return ops.concatenate(keys, axis=1)
