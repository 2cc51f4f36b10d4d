"""One ONNX graph computes a classifier's whole answer, for one text and for a batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from export_workplace import MODELS, TEXT, TEXTS, TWO, Copies, padded, random_tfidf_models, tfidf_inputs

from foretell.artifacts.directory import open_verified
from foretell.config import LabelsSettings
from foretell.export.whole_graph import whole_graph
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import MANY, random_linear_model, random_model, tokenizer_of

LABELS = [name for name in MODELS if name.startswith("labels")]


@pytest.mark.parametrize("name", LABELS)
def test_the_graph_answers_as_the_whole_classifier(
    models: dict[str, Path], copies: Copies, name: str
) -> None:
    runtime = LabelsRuntime.open(models[name])
    session = onnxruntime.InferenceSession(str(copies[name].path / "model.onnx"))
    ids = runtime.tokenizer.encode_batch(TEXTS)
    expected = runtime.predict_proba(TEXTS)
    inputs = {"ids": padded(ids), **tfidf_inputs(runtime.model, TEXTS)}
    np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=1e-6)
    for text, each, row in zip(TEXTS, ids, expected, strict=True):
        inputs = {"ids": np.array([each or [0]]), **tfidf_inputs(runtime.model, [text])}
        alone = session.run(None, inputs)[0][0]
        np.testing.assert_allclose(alone, row, atol=1e-6)


def test_the_scores_of_the_tfidf_models_can_be_left_out(models: dict[str, Path], copies: Copies) -> None:
    without = LabelsRuntime(dataclasses.replace(open_verified(models["labels-tfidf"]), tfidf=()))
    session = onnxruntime.InferenceSession(str(copies["labels-tfidf"].path / "model.onnx"))
    assert [each.name for each in session.get_inputs()] == ["ids"]
    assert [each.name for each in session.get_overridable_initializers()] == ["tfidf_scores"]
    ids = padded(without.tokenizer.encode_batch(TEXTS))
    expected = without.predict_proba(TEXTS)
    zeros = np.zeros((1, 3), np.float32)
    for inputs in ({"ids": ids}, {"ids": ids, "tfidf_scores": zeros}):
        np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=1e-6)


def test_two_labels_have_one_column_of_scores() -> None:
    settings = LabelsSettings(units=3, embedding_size=2)
    tokenizer = tokenizer_of(settings, TEXT, MANY)
    tfidf = random_tfidf_models(tokenizer, [TEXT], n_columns=1)
    linear = random_linear_model(tokenizer.size, 1)
    ensemble = Ensemble(network=0.0, linear=1.1)
    model = random_model(settings, TWO, text=TEXT, linear=linear, tfidf=tfidf, ensemble=ensemble)
    graph = whole_graph(model, onnx.ModelProto())
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    ids = tokenizer.encode_batch(TEXTS)
    scores = tfidf_inputs(model, TEXTS)
    expected = ensemble(None, linear_log_probabilities(linear.scores(ids) + scores["tfidf_scores"]))
    np.testing.assert_allclose(session.run(None, {"ids": padded(ids), **scores})[0], expected, atol=1e-6)


def test_its_operators_are_standard(copies: Copies) -> None:
    graph = onnx.load(str(copies["labels"].path / "model.onnx"))
    assert {each.domain for each in graph.opset_import} == {""}
    assert {node.domain for node in graph.graph.node} == {""}
    assert [each.name for each in graph.graph.input] == ["ids"]
    assert [each.name for each in graph.graph.output] == ["probabilities"]
