"""Every network, and here the names of their weights, without importing Keras or TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from foretell.arrays import Float32s

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Network(Protocol):
    """A network: a Keras model, `LstmNetwork` or `ArticleNetwork`."""

    @property
    def trainable_variables(self) -> Sequence[keras.Variable | tf.Variable]:
        """The weights, in a fixed order."""


_RENAMED = {
    "embedding/embeddings": "embedding",
    # The names that keras.layers.Bidirectional(LSTM(name="lstm")) gives its two layers.
    "forward_lstm": "lstm_forward",
    "backward_lstm": "lstm_backward",
}


def weights_of(model: Network) -> dict[str, Float32s]:
    """Return copies of a network's weights by their names in the model directory.

    Names are `layer/weight` (`lstm_1/kernel`, `output/bias`); that of an embedding is `embedding`.
    """
    return {_name(variable): np.array(variable.numpy()) for variable in model.trainable_variables}


def set_weights(model: Network, weights: Mapping[str, Float32s]) -> None:
    """Set a network's weights to those that `weights_of` returned for a network with the same
    settings.
    """
    for variable in model.trainable_variables:
        variable.assign(weights[_name(variable)])


def _name(variable: keras.Variable | tf.Variable) -> str:
    """Return `lstm_1/kernel` for Keras's `words/lstm_1/lstm_cell/kernel`, TensorFlow's
    `lstm_1/kernel:0`.
    """
    path: str = getattr(variable, "path", variable.name).removesuffix(":0")
    parts = [_RENAMED.get(part, part) for part in path.split("/") if part != "lstm_cell"]
    name = "/".join(parts[-2:])
    return _RENAMED.get(name, name)
