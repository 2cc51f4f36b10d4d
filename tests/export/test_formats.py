"""The files of each format, the graph of each kind of model, and what a copy takes and gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
from export_workplace import MODELS

from foretell.cli.export import Target
from foretell.errors import ArtifactError
from foretell.export.formats import (
    FILE,
    FORMATS,
    Format,
    Inputs,
    answer_of,
    files_of,
    model_bytes,
    read_back,
    softmax,
    windows,
)
from foretell.export.source import Rows, Source

TEXT = "the mind adapts and converts"


def test_every_format_can_be_chosen() -> None:
    assert set(FORMATS) == set(get_args(Target))


@pytest.mark.parametrize("format", FORMATS)
def test_the_files_of_a_format(models: dict[str, Path], format: Format) -> None:
    files = files_of(Source(models["labels"]), format, int8=False)
    assert files["model.onnx"]
    assert "foretell.js" in files
    assert json.loads(files["package.json"]) == {"type": "module"}
    assert ("index.html" in files) == (format == "web")


def test_windows_are_all_of_the_ids() -> None:
    assert windows([1, 2, 3, 4], 3)[:, :, 0].tolist() == [[1, 2, 3], [2, 3, 4]]
    assert windows([1, 2, 3], 3).dtype == np.float32


def test_softmax_is_over_the_last_axis_and_does_not_overflow() -> None:
    rows = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(rows, [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("labels", {"ids": (1, 4)}),
        ("words-article", {"ids": (2, 3, 1)}),
        ("words", {"ids": (1, 4), "h_1": (1, 9), "c_1": (1, 9), "h_2": (1, 9), "c_2": (1, 9)}),
    ],
)
def test_each_kind_has_its_inputs(
    models: dict[str, Path], name: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    given: list[Inputs] = []

    def run(inputs: Inputs) -> Rows:
        given.append(inputs)
        return np.zeros((1, 4, 5) if name == "words" else (2, 5))

    source = Source(models[name])
    rows = answer_of(run, source)([3, 4, 5, 6])
    assert {key: value.shape for key, value in given[0].items()} == shapes
    assert rows.shape == ((4, 5) if name == "words" else (2, 5))
    if name == "labels":
        answer_of(run, source)([])
        assert given[1]["ids"].tolist() == [[0]]
    else:
        np.testing.assert_allclose(rows.sum(axis=-1), 1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("int8", [False, True])
def test_what_is_written_is_read_back(models: dict[str, Path], name: str, int8: bool, tmp_path: Path) -> None:
    source = Source(models[name])
    (tmp_path / FILE).write_bytes(model_bytes(source, int8=int8))
    answer = read_back(tmp_path, source)
    expected = source.answers([TEXT])[0]
    known = ~np.isnan(expected)
    scores = source.tfidf_scores(TEXT)
    given = (source.ids(TEXT),) if scores is None else (source.ids(TEXT), scores)
    difference = np.abs(answer(*given)[-1][known] - expected[known]).max()
    assert difference < (0.1 if int8 else 1e-6)
    assert difference > 0 or not int8


def test_every_input_is_required(models: dict[str, Path]) -> None:
    """ONNX Runtime for JavaScript has no optional inputs."""
    graph = onnx.load_from_string(model_bytes(Source(models["words"]))).graph
    assert "skip" in {each.name for each in graph.input}
    assert not {each.name for each in graph.input} & {each.name for each in graph.initializer}


def test_a_graph_that_does_not_run_is_an_error(models: dict[str, Path], tmp_path: Path) -> None:
    source = Source(models["labels"])
    (tmp_path / FILE).write_bytes(model_bytes(Source(models["words"])))
    with pytest.raises(ArtifactError, match="an exported model that runs"):
        read_back(tmp_path, source)([1, 2])
