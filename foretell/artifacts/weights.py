"""The names and shapes of every network's weights in model.safetensors.

All are float32. Keras's LSTM layers have their gates in the order i, f, c, o. TensorFlow 1's
BasicLSTMCell, which the article's language model uses, has i, j, f, o in one kernel over input and
state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.config import (
    DENSE_UNITS,
    FILTERS,
    KERNEL_SIZE,
    LabelsSettings,
    Settings,
    WordsSettings,
)
from foretell.errors import ArtifactError, SettingsError
from foretell.text.tokenizer import Tokenizer

Weights = dict[str, Float32s]
Shapes = dict[str, tuple[int, ...]]

# An ONNX file is one protocol buffer, of 2 GiB at most.
_MAX_BYTES = 2**31 - 2**24


def weight_shapes(settings: Settings, size: int, n_labels: int = 0) -> Shapes:
    """Return the shape of each weight of a network of `size` token ids; see `network_size`."""
    if not isinstance(settings, WordsSettings):
        return _labels(settings, size, n_labels)
    shapes_of = _article_words if settings.follows_article else _words
    return shapes_of(settings, size)


def network_size(settings: Settings, tokenizer: Tokenizer) -> int:
    """Return how many token ids the network has: the first of the tokenizer's, of the most frequent
    words.

    The linear model of a classifier may have more. With an open vocabulary both have all.
    """
    if isinstance(settings, LabelsSettings) and not tokenizer.is_open:
        return min(tokenizer.size, tokenizer.specials + settings.vocabulary)
    return tokenizer.size


def bytes_of(shapes: Shapes) -> int:
    """Return the bytes of weights of these shapes."""
    return 4 * sum(map(math.prod, shapes.values()))


def check_size(settings: Settings, size: int, n_labels: int = 0) -> Shapes:
    """Check, before training, that the weights can be saved; return their shapes.

    Raises:
        SettingsError: the weights are larger than one ONNX file may be (2 GiB).
    """
    shapes = weight_shapes(settings, size, n_labels)
    n_bytes = bytes_of(shapes)
    if n_bytes > _MAX_BYTES:
        raise SettingsError(
            f"weights of at most {_MAX_BYTES / 1e9:.1f} GB",
            f"{n_bytes / 1e9:.1f} GB ({size:,} words, {settings.units:,} units)",
            where="vocabulary",
            fix="set a smaller --vocabulary or fewer --units",
        )
    return shapes


def check_weights(weights: Weights, shapes: Shapes) -> None:
    """Check names, shapes, types and that every number is finite."""
    if weights.keys() != shapes.keys():
        missing = ", ".join(sorted(shapes.keys() - weights.keys())) or "none"
        extra = ", ".join(sorted(weights.keys() - shapes.keys())) or "none"
        raise ArtifactError("the weights of this network", f"missing: {missing}; unknown: {extra}")
    for name, shape in shapes.items():
        weight = weights[name]
        if weight.shape != shape or weight.dtype != np.float32:
            raise ArtifactError(
                f"float32 {list(shape)}",
                f"{weight.dtype} {list(weight.shape)}",
                where=f"weight {name}",
            )
        if not np.isfinite(weight).all():
            raise ArtifactError(
                "finite weights",
                "NaN or infinity",
                where=f"weight {name}",
                fix="training has diverged: train again with a lower --learning-rate",
            )


def lstm_weights(weights: Mapping[str, Array], name: str) -> tuple[Array, Array, Array]:
    """Return kernel, recurrent kernel and bias of a layer as Keras has them, gates i, f, c, o.

    The kernel of a BasicLSTMCell, [in + units, 4 * units], multiplies input and state together, its
    gates are i, j, f, o with j the candidate c, and the cell adds 1 to the forget gate.
    """
    kernel = weights[f"{name}/kernel"]
    bias = weights[f"{name}/bias"]
    recurrent = weights.get(f"{name}/recurrent_kernel")
    if recurrent is not None:
        return kernel, recurrent, bias
    units = bias.shape[0] // 4
    i, j, f, o = np.split(kernel, 4, axis=1)
    bias_i, bias_j, bias_f, bias_o = np.split(bias, 4)
    both = np.concatenate([i, f, j, o], axis=1)
    return both[:-units], both[-units:], np.concatenate([bias_i, bias_f + 1, bias_j, bias_o])


def _article_words(settings: WordsSettings, size: int) -> Shapes:
    units = settings.units
    shapes: Shapes = {}
    width = 1  # the word's raw integer
    for k in range(1, settings.layers + 1):
        shapes |= _dense(f"lstm_{k}", width + units, 4 * units)
        width = units
    return shapes | _dense("dense", units, size)


def _words(settings: WordsSettings, size: int) -> Shapes:
    units = settings.units
    width = settings.embedding_size
    shapes: Shapes = {"embedding": (size, width)}
    for k in range(1, settings.layers + 1):
        shapes |= _lstm(f"lstm_{k}", width, units)
        width = units
    if units != settings.embedding_size:
        shapes |= _dense("projection", units, settings.embedding_size)
    return {**shapes, "output/bias": (size,)}


def _labels(settings: LabelsSettings, size: int, n_labels: int) -> Shapes:
    units = settings.units
    width = settings.embedding_size
    n_outputs = 1 if n_labels == 2 and not settings.multi_label else n_labels
    shapes: Shapes = {"embedding": (size, width)}
    if settings.is_bidirectional:
        shapes |= _lstm("lstm_forward", width, units) | _lstm("lstm_backward", width, units)
        return shapes | _dense("output", 6 * units, n_outputs)
    if settings.network == "cnn-lstm":
        shapes |= {"conv/kernel": (KERNEL_SIZE, width, FILTERS), "conv/bias": (FILTERS,)}
        width = FILTERS
    shapes |= _lstm("lstm", width, units) | _dense("dense", units, DENSE_UNITS)
    return shapes | _dense("output", DENSE_UNITS, n_outputs)


def _lstm(name: str, width: int, units: int) -> Shapes:
    return {
        f"{name}/kernel": (width, 4 * units),
        f"{name}/recurrent_kernel": (units, 4 * units),
        f"{name}/bias": (4 * units,),
    }


def _dense(name: str, width: int, units: int) -> Shapes:
    return {f"{name}/kernel": (width, units), f"{name}/bias": (units,)}
