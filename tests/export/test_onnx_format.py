"""The ONNX graph of each kind of model, in float32 and in 8 bits, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from export_workplace import MODELS

from foretell.errors import ArtifactError
from foretell.export import onnx_format
from foretell.export.source import Source

TEXT = "the mind adapts and converts"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("int8", [False, True])
def test_what_is_written_is_read_back(models: dict[str, Path], name: str, int8: bool, tmp_path: Path) -> None:
    source = Source(models[name])
    (tmp_path / onnx_format.FILE).write_bytes(onnx_format.model_bytes(source, int8=int8))
    answer = onnx_format.read_back(tmp_path, source)
    expected = source.answers([TEXT])[0]
    known = ~np.isnan(expected)
    scores = source.tfidf_scores(TEXT)
    given = (source.ids(TEXT),) if scores is None else (source.ids(TEXT), scores)
    difference = np.abs(answer(*given)[-1][known] - expected[known]).max()
    assert difference < (0.1 if int8 else 1e-6)
    assert difference > 0 or not int8


def test_every_input_is_required(models: dict[str, Path]) -> None:
    """ONNX Runtime for JavaScript has no optional inputs."""
    graph = onnx.load_from_string(onnx_format.model_bytes(Source(models["words"]))).graph
    assert "skip" in {each.name for each in graph.input}
    assert not {each.name for each in graph.input} & {each.name for each in graph.initializer}


def test_a_graph_that_does_not_run_is_an_error(models: dict[str, Path], tmp_path: Path) -> None:
    source = Source(models["labels"])
    (tmp_path / onnx_format.FILE).write_bytes(onnx_format.model_bytes(Source(models["words"])))
    with pytest.raises(ArtifactError, match="an exported model that runs"):
        onnx_format.read_back(tmp_path, source)([1, 2])
