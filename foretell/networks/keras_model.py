"""The network of a trained model as a Keras model, for programs that continue with Keras."""

from __future__ import annotations

import keras
import numpy as np

from foretell.artifacts.model import Model
from foretell.artifacts.weights import lstm_weights
from foretell.config import LabelsSettings, WordsSettings
from foretell.networks import set_weights
from foretell.networks.labels import labels_network


def keras_model(model: Model) -> keras.Model:
    """Return the network alone, without linear models, a Kneser–Ney model or a kept teacher.

    Args:
        model: a model.

    Returns:
        For labels the network of `labels_network`. For words a model of Keras's own layers from
        ids, int32 [batch, step] (article: float32 [batch, window, 1]), to logits [batch, step,
        word] (article: [batch, word]); its state starts at zero, so ids begin with an end of line.
    """
    weights = model.weights
    if isinstance(model.settings, LabelsSettings):
        network = labels_network(model.settings, len(weights["embedding"]), len(model.labels))
        set_weights(network, weights)
        return network
    assert isinstance(model.settings, WordsSettings)
    return _words_model(model.settings, weights)


def _words_model(settings: WordsSettings, weights: dict[str, np.ndarray]) -> keras.Model:
    reads_all = not settings.follows_article
    layers = keras.layers
    if reads_all:
        ids = x = keras.Input((None,), dtype="int32", name="ids")
        plan = [
            (
                layers.Embedding(*weights["embedding"].shape, name="embedding"),
                [weights["embedding"]],
            )
        ]
        # The output layer shares the embedding's weights.
        weights = {"output/kernel": weights["embedding"].T, **weights}
    else:
        ids = x = keras.Input((settings.window, 1), name="ids")
        plan = []
    for k in range(1, settings.layers + 1):
        lstm = layers.LSTM(
            settings.units, return_sequences=reads_all or k < settings.layers, name=f"lstm_{k}"
        )
        plan.append((lstm, list(lstm_weights(weights, f"lstm_{k}"))))
    for name in ("projection", "output", "dense"):
        if f"{name}/kernel" in weights:
            kernel = weights[f"{name}/kernel"]
            bias = weights[f"{name}/bias"]
            plan.append((layers.Dense(kernel.shape[1], name=name), [kernel, bias]))
    for layer, values in plan:
        x = layer(x)
        layer.set_weights(values)
    return keras.Model(ids, x, name="words")
