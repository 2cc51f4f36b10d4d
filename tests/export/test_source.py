"""The model that is exported: its kind, its ids, and its own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_workplace import MODELS

from foretell.errors import ArtifactError
from foretell.export.source import Source
from foretell.runtime.labels.classifier import LabelsRuntime

KINDS = {"words": "stateful", "words-subword": "stateful", "words-article": "windowed"}


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_one_kind(models: dict[str, Path], name: str) -> None:
    source = Source(models[name])
    assert source.kind == KINDS.get(name, "classifier")
    assert bool(source.states) == (source.kind == "stateful")
    assert bool(source.window) == (source.kind == "windowed")
    assert bool(source.length) == bool(source.labels) == (source.kind == "classifier")
    description = source.description("onnx", "float32")
    assert description["job"] == source.model.job
    assert description["answer"] == "whole"


def test_a_language_model_reads_the_end_of_a_line_first(models: dict[str, Path]) -> None:
    source = Source(models["words"])
    end = source.model.tokenizer.end_of_line
    assert source.ids("the mind") == [end, *source.model.tokenizer.encode("the mind")]
    assert Source(models["labels"]).ids("") == []


def test_its_answers_are_the_runtimes(models: dict[str, Path]) -> None:
    texts = ["the mind", "action"]
    expected = LabelsRuntime.open(models["labels"]).predict_proba(texts)
    np.testing.assert_array_equal(Source(models["labels"]).answers(texts), expected)
    words = Source(models["words"])
    rows = words.answers(texts)
    assert rows.shape == (2, words.model.tokenizer.size)
    # The padding and the unknown word are never predicted.
    assert np.isnan(rows).sum() == 4
    np.testing.assert_allclose(np.nansum(rows, axis=1), 1, atol=0.2)


def test_a_directory_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        Source(tmp_path)
