"""The model file of the format `keras`: one .keras file that plain Keras on TensorFlow opens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from foretell.config import WordsSettings
from foretell.export.copy_answers import Answer, Inputs, answer_of
from foretell.export.plain_keras import words_model
from foretell.export.source import Rows, Source
from foretell.export.whole_keras import whole_classifier

FILE = "model.keras"


def model_bytes(source: Source) -> bytes:
    """Return model.keras: the whole classifier, or the language model with states as inputs and outputs."""
    settings = source.model.settings
    if isinstance(settings, WordsSettings):
        model = words_model(settings, source.weights())
    else:
        model = whole_classifier(source.model, source.weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        model.save(path)
        return path.read_bytes()


def read_back(folder: Path, source: Source) -> Answer:
    """Return the function that answers ids by the exported file."""
    model = keras.saving.load_model(folder / FILE)
    specs = {each.name: tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs}
    # One graph for texts of every length: step by step in Python would take seconds for a text.
    graph = tf.function(lambda inputs: model(inputs), input_signature=[specs], autograph=False)

    def run(inputs: Inputs) -> Rows:
        dtypes = {each.name: each.dtype for each in model.inputs}
        outputs = graph({name: value.astype(dtypes[name]) for name, value in inputs.items()})
        rows: Rows = (outputs["logits"] if source.kind == "stateful" else outputs).numpy()
        return rows

    return answer_of(run, source)
