"""The format `litert`: TensorFlow's converter, built-in operators only, one text or one word at a time.

Keras's own `model.export(format="litert")` leaves an LSTM over a text to TensorFlow's operators, which LiteRT
lacks; with one fixed shape and constant weights the converter needs none of them. A word at a time is enough
for a language model, whose state goes in and comes out.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from foretell.artifacts.weights import Weights, network_size
from foretell.errors import ArtifactError
from foretell.export.check import Answer
from foretell.export.onnx_format import softmax, windows
from foretell.export.plain_keras import labels_probabilities, words_model
from foretell.export.source import Rows, Source
from foretell.export.whole_keras import last_words, mixed

LITERT = "model.tflite"


def model_bytes(source: Source, weights: Weights, *, int8: bool) -> bytes:
    """Return model.tflite.

    Args:
        source: the model; a classifier must have no linear model in its ensemble.
        weights: its weights.
        int8: keep the weights in 8 bits.

    Raises:
        ArtifactError: the converter refuses.
    """
    try:
        with _quietly(), tempfile.TemporaryDirectory() as folder:
            _save_constant(_model(source, weights), folder)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if int8:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            content: bytes = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        raise ArtifactError(
            expected="a model that LiteRT's converter takes",
            found=str(error)[:300],
            fix="use --format onnx, and report this with foretell doctor's output",
        ) from error
    return content


def _save_constant(model: keras.Model, folder: str) -> None:
    """Write a model as TensorFlow's SavedModel whose weights are constants: the converter loses variables."""
    specs = {each.name: tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs}
    answer = tf.function(lambda given: model(given), autograph=False)
    frozen = convert_variables_to_constants_v2(answer.get_concrete_function(specs))
    # A frozen function takes and gives lists, in the order of the names.
    names = [each.name.partition(":")[0] for each in frozen.inputs]
    outputs = sorted(answer.get_concrete_function(specs).structured_outputs)
    signature = tf.function(
        lambda **given: dict(zip(outputs, frozen(*(given[name] for name in names)), strict=True)),
        autograph=False,
    ).get_concrete_function(**specs)
    holder = tf.Module()
    holder.frozen = frozen
    tf.saved_model.save(holder, folder, signatures=signature)


def _model(source: Source, weights: Weights) -> keras.Model:
    """Return the network with every axis fixed: [1, step]."""
    if source.job == "words":
        made = words_model(source.settings, weights, steps=1)
        # One row at a time, so that no shape is computed when it runs.
        inputs = {each.name: keras.Input(batch_shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
                  for each in made.inputs}  # fmt: skip
        answer = made(inputs)
        return keras.Model(inputs, answer if isinstance(answer, dict) else {"logits": answer})
    settings = source.settings
    ids = keras.Input(batch_shape=(1, settings.length), dtype="int32", name="ids")
    unknown = source.opened.tokenizer.unknown or 0
    known = keras.ops.where(ids < network_size(settings, source.opened.tokenizer), ids, unknown)
    network = labels_probabilities(last_words(known, settings, unknown), settings, weights)
    return keras.Model({"ids": ids}, {"probabilities": mixed(source.ensemble, network, None)})


def read_back(folder: Path, source: Source) -> Answer:
    """Return the function that answers ids by the exported file."""
    with warnings.catch_warnings():
        # TensorFlow's interpreter asks to be replaced by a package that not every machine has.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(folder / LITERT))
    run = interpreter.get_signature_runner()
    if source.job == "labels":
        length = source.settings.length
        return lambda ids: run(ids=_padded(ids, length))["probabilities"]
    if source.window is not None:
        window = source.window
        return lambda ids: softmax(
            np.concatenate([run(ids=each[None])["logits"] for each in windows(ids, window)])
        )
    return lambda ids: _word_by_word(run, ids, source.states or {})


def _padded(ids: Sequence[int], length: int) -> Any:
    read = list(ids[-length:])
    return np.array([read + [0] * (length - len(read))], np.int32)


def _word_by_word(run: Any, ids: Sequence[int], states: dict[str, int]) -> Rows:
    state: dict[str, Any] = {name: np.zeros((1, units), np.float32) for name, units in states.items()}
    rows = []
    for word in ids:
        answer = run(ids=np.array([[word]], np.int32), **state)
        state = {name: answer[f"{name}_out"] for name in state}
        rows.append(answer["logits"][0])
    return softmax(np.concatenate(rows))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what TensorFlow's C++ writes to standard error away from the terminal."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
