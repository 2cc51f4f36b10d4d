"""One ONNX graph computes a classifier's whole answer, for one text and for a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from export_workplace import MODELS, TEXTS, Copies, padded

from foretell.runtime.labels.classifier import LabelsRuntime

LABELS = [name for name in MODELS if name.startswith("labels")]


@pytest.mark.parametrize("name", LABELS)
def test_the_graph_answers_as_the_whole_classifier(
    models: dict[str, Path], copies: Copies, name: str
) -> None:
    runtime = LabelsRuntime.open(models[name])
    session = onnxruntime.InferenceSession(str(copies[name, "onnx"].path / "model.onnx"))
    ids = runtime.tokenizer.encode_batch(TEXTS)
    expected = runtime.predict_proba(TEXTS)
    np.testing.assert_allclose(session.run(None, {"ids": padded(ids)})[0], expected, atol=1e-6)
    for each, row in zip(ids, expected, strict=True):
        alone = session.run(None, {"ids": np.array([each or [0]])})[0][0]
        np.testing.assert_allclose(alone, row, atol=1e-6)


def test_its_operators_are_standard(copies: Copies) -> None:
    import onnx

    graph = onnx.load(str(copies["labels", "onnx"].path / "model.onnx"))
    assert {each.domain for each in graph.opset_import} == {""}
    assert {node.domain for node in graph.graph.node} == {""}
    assert [each.name for each in graph.graph.input] == ["ids"]
    assert [each.name for each in graph.graph.output] == ["probabilities"]
