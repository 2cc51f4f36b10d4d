"""The format `keras`: one .keras file with the whole answer, which plain Keras on TensorFlow opens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from foretell.artifacts.weights import Weights
from foretell.export.check import Answer
from foretell.export.onnx_format import softmax, windows
from foretell.export.plain_keras import words_model
from foretell.export.source import Source
from foretell.export.whole_keras import whole_classifier

KERAS = "model.keras"


def model_bytes(source: Source, weights: Weights) -> bytes:
    """Return model.keras."""
    if source.job == "labels":
        model = whole_classifier(source.opened, weights, source.ensemble)
    else:
        model = words_model(source.settings, weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / KERAS
        model.save(path)
        return path.read_bytes()


def read_back(folder: Path, source: Source) -> Answer:
    """Return the function that answers ids by the exported file."""
    model = keras.saving.load_model(folder / KERAS)
    specs = {each.name: tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs}
    # One graph for texts of all lengths: step by step in Python would take seconds a text.
    run = tf.function(lambda given: model(given), input_signature=[specs], autograph=False)
    if source.job == "labels":
        return lambda ids: run({"ids": np.array([ids or [0]], np.int32)}).numpy()
    if source.window is not None:
        window = source.window
        return lambda ids: softmax(run({"ids": windows(ids, window)}).numpy())
    zeros = {name: np.zeros((1, units), np.float32) for name, units in (source.states or {}).items()}
    return lambda ids: softmax(run({"ids": np.array([ids], np.int32), **zeros})["logits"][0].numpy())
