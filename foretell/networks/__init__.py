"""Every network, in one place: `words.py` and `labels.py`; here, what they share: the names of their weights.

This module imports neither Keras nor TensorFlow; the two others do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from foretell.errors import ArtifactError

_RENAMED = {
    "embedding/embeddings": "embedding",
    # keras.layers.Bidirectional(LSTM(name="lstm")) names its two layers so.
    "forward_lstm": "lstm_forward",
    "backward_lstm": "lstm_backward",
}


def weights_of(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of a network's trainable weights by the names that the model directory uses.

    Names are `layer/weight` (`lstm_1/kernel`, `output/bias`); an embedding is only `embedding`.
    """
    return {_name(variable): np.array(variable.numpy()) for variable in model.trainable_variables}


def set_weights(model: Any, weights: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Give a network the weights that `weights_of` returned for one of the same settings.

    Raises:
        ArtifactError: a weight is missing, is one too many, or has another shape.
    """
    variables = {_name(variable): variable for variable in model.trainable_variables}
    if set(variables) != set(weights):
        raise ArtifactError(
            expected=f"the weights {', '.join(sorted(variables))}", found=", ".join(sorted(weights))
        )
    for name, variable in variables.items():
        shape = tuple(variable.shape)
        if shape != weights[name].shape:
            raise ArtifactError(expected=f"shape {shape}", found=str(weights[name].shape), where=name)
        variable.assign(weights[name])


def _name(variable: Any) -> str:
    """`words/lstm_1/lstm_cell/kernel` (Keras) and `lstm_1/kernel:0` (TensorFlow) are both `lstm_1/kernel`."""
    path: str = getattr(variable, "path", variable.name).removesuffix(":0")
    parts = [_RENAMED.get(part, part) for part in path.split("/") if part != "lstm_cell"]
    name = "/".join(parts[-2:])
    return _RENAMED.get(name, name)
