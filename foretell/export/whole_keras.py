"""A whole classifier as one Keras model: ids in, final probabilities out; in ONNX it is `whole_graph`."""

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
from foretell.ngrams.keys import FIRST_WORD
from foretell.ngrams.labelwise import MIN_PROBABILITY, LabelwiseEnsemble
from foretell.ngrams.linear import LinearModel

Tensor = Any


def whole_classifier(model: Model, weights: Weights) -> keras.Model:
    """Return a model from ids, int32 [batch, step], 0 at the end, to probabilities [batch, label].

    Where the classifier has linear models of TF-IDF values, `tfidf_scores`, float32 [batch, column], is a
    second input: the sum of their scores. Zeros leave them out.

    Args:
        model: the classifier.
        weights: its network's weights.
    """
    settings, ensemble = model.settings, model.ensemble
    assert isinstance(settings, LabelsSettings)
    ids = keras.Input((None,), dtype="int32", name="ids")
    inputs = {"ids": ids}
    network = linear = None
    if ensemble.network:
        n_known = network_size(settings, model.tokenizer)
        unknown = model.tokenizer.unknown or 0
        read = last_words(ops.where(ids < n_known, ids, unknown), settings, unknown)
        network = labels_probabilities(read, settings, weights)
    if ensemble.linear:
        assert model.linear is not None
        tfidf_scores = None
        if model.tfidf:
            tfidf_scores = keras.Input((len(model.linear.bias),), dtype="float32", name="tfidf_scores")
            inputs["tfidf_scores"] = tfidf_scores
        linear = _linear_scores(ids, model.linear, tfidf_scores)
        if not isinstance(ensemble, LabelwiseEnsemble):
            linear = _log_probabilities(linear)
    if isinstance(ensemble, LabelwiseEnsemble):
        answer = labelwise(ensemble, network, linear)
    else:
        answer = combined(ensemble, network, linear)
    return keras.Model(inputs, answer, name="labels")


def last_words(ids: Tensor, settings: LabelsSettings, unknown: int) -> Tensor:
    """Return the words that the network reads, padded as in training: int32 [batch, step].

    Args:
        ids: all words of each text, padded with 0 at the end.
        settings: the model's.
        unknown: the id for a text without words.
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


def combined(ensemble: Ensemble, network: Tensor | None, linear: Tensor | None) -> Tensor:
    """Return the final probabilities [batch, label]; see `foretell.ngrams.ensemble`."""
    if ensemble == NETWORK_ALONE:
        return network
    logits: Tensor = np.array([ensemble.offsets or (0.0,)], np.float32)
    if network is not None:
        logits = ensemble.network * ops.log(ops.maximum(network, float(np.finfo(np.float32).tiny))) + logits
    if linear is not None:
        logits = ensemble.linear * linear + logits
    return ops.softmax(logits, axis=-1)


def labelwise(ensemble: LabelwiseEnsemble, network: Tensor | None, linear: Tensor | None) -> Tensor:
    """Return the final probabilities [batch, label]; see `foretell.ngrams.labelwise`."""
    logits: Tensor = np.array([ensemble.offsets], np.float32)
    if network is not None:
        clipped = ops.clip(network, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        odds = ops.log(clipped) - ops.log(1 - clipped)
        logits = odds * np.array([ensemble.network], np.float32) + logits
    if linear is not None:
        logits = linear * np.array([ensemble.linear], np.float32) + logits
    return ops.sigmoid(logits)


def _log_probabilities(scores: Tensor) -> Tensor:
    """Return log-probabilities [batch, label] of a linear model's scores [batch, column]."""
    if scores.shape[-1] == 1:
        scores = ops.concatenate([ops.zeros_like(scores), scores], axis=-1)
    return ops.log_softmax(scores, axis=-1)


def _linear_scores(ids: Tensor, linear: LinearModel, tfidf_scores: Tensor | None) -> Tensor:
    """Return the linear models' scores [batch, column], from the distinct n-grams of ids."""
    keys = ops.sort(_keys(ops.cast(ids, "int64"), linear), axis=1)
    never = keys[:, :1] < keys[:, :1]
    is_repeat = ops.concatenate([never, ops.equal(keys[:, 1:], keys[:, :-1])], axis=1)
    lookup = keras.layers.IntegerLookup(vocabulary=linear.keys, num_oov_indices=1, name="ngrams")
    row = ops.where(is_repeat, 0, lookup(keys))
    # Row 0 is the weight of n-grams that are not features.
    table = np.vstack([np.zeros((1, len(linear.bias)), np.float32), linear.weights])
    weights = keras.layers.Embedding(*table.shape, trainable=False, name="ngram_weights")
    total = ops.sum(weights(row), axis=1)
    weights.set_weights([table])
    scores = total + linear.bias[None]
    if tfidf_scores is not None:
        scores = scores + tfidf_scores
    return scores


def _keys(ids: Tensor, linear: LinearModel) -> Tensor:
    """Return the keys of the n-grams that begin at each word, or -1: int64 [batch, n-gram]."""
    first = ops.where(ops.logical_and(ids >= FIRST_WORD, ids < linear.size), ids, -1)
    keys = [first]
    for n in range(2, linear.longest + 1):
        head, tail = keys[-1][:, :-1], first[:, n - 1 :]
        key = linear.size * (head + 1) + tail
        keys.append(ops.where(ops.logical_and(head >= 0, tail >= 0), key, -1))
    return ops.concatenate(keys, axis=1)
