"""Exporting: every copy is compared with the model, and is written whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_workplace import MODELS, TEXT, TEXTS, TWO, Copies, write

from foretell import machine
from foretell.artifacts.directory import open_verified, read_model, write_model
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, MissingExtraError, SettingsError, UsageError
from foretell.export import model_export
from foretell.export.formats import FORMATS
from foretell.export.model_export import export_model
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.words.kneser_ney_fit import count

DATA = Examples([f"{text} the" for text in TEXTS], ["bad", "good"] * 5)
LINES = ["the mind adapts and converts to its own purposes"] * 3


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_is_compared_on_200_texts(copies: Copies, name: str) -> None:
    result = copies[name]
    assert result.difference is not None
    assert 0 <= result.difference < 1e-5
    assert result.whole
    assert result.loss is None
    description = json.loads((result.path / "model.json").read_text())
    assert description["labels"] == MODELS[name][1]
    for file, entry in description["files"].items():
        content = (result.path / file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])
    assert result.size == sum(entry["size"] for entry in description["files"].values())


def test_a_model_that_was_read_is_exported_too(models: dict[str, Path], tmp_path: Path) -> None:
    for read in (open_verified, read_model):
        assert export_model(read(models["labels"]), tmp_path / "out").difference is not None
    in_memory = dataclasses.replace(read_model(models["labels"]), path=None)
    with pytest.raises(ArtifactError, match="read from a directory"):
        export_model(in_memory, tmp_path / "other")


def test_of_a_language_model_with_a_kneser_ney_model_the_network_alone_is_written(
    models: dict[str, Path], tmp_path: Path
) -> None:
    model = read_model(models["words"])
    ids = np.array(model.tokenizer.encode(TEXT), np.int32)
    kneser_ney = count(ids, model.tokenizer.size, order=3).model
    half = Interpolation((0.5, 0.5, 0.5))
    write_model(dataclasses.replace(model, kneser_ney=kneser_ney, interpolation=half), tmp_path / "model")
    result = export_model(tmp_path / "model", tmp_path / "out")
    assert result.difference is not None
    assert 0 <= result.difference < 1e-5
    assert not result.whole
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "**This is the network alone.**" in readme
    assert json.loads((tmp_path / "out" / "model.json").read_text())["answer"] == "network"


def test_a_linear_model_alone_is_exported(tmp_path: Path) -> None:
    alone = write(tmp_path / "alone", "labels", Ensemble(network=0.0, linear=1.0))
    result = export_model(alone, tmp_path / "out")
    assert result.difference is not None
    assert result.difference < 1e-5


@pytest.mark.parametrize("name", ["labels", "words"])
def test_the_loss_of_8_bits_is_measured(
    models: dict[str, Path], copies: Copies, name: str, tmp_path: Path
) -> None:
    data = DATA if name == "labels" else LINES
    result = export_model(models[name], tmp_path / "out", int8=True, data=data, max_loss=1)
    exact = copies[name].path
    assert result.difference is None
    assert result.loss is not None
    assert result.loss.count == (10 if name == "labels" else 27)
    assert json.loads((tmp_path / "out" / "model.json").read_text())["precision"] == "int8"
    assert (tmp_path / "out" / "model.onnx").read_bytes() != (exact / "model.onnx").read_bytes()
    assert "8 bits" in (tmp_path / "out" / "README.md").read_text()
    if name == "labels":
        predicted = LabelsRuntime.open(models[name]).predict_proba(DATA.texts).argmax(axis=1)
        hits = [TWO[i] == label for i, label in zip(predicted, DATA.labels, strict=True)]
        assert result.loss.before == np.mean(hits)


def test_too_large_a_loss_is_refused_and_nothing_is_written(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = [verdict.label for verdict in LabelsRuntime.open(models["labels"]).classify(TEXTS)]
    rare = min(TWO, key=right.count)

    def wrong(*_: Any) -> Any:
        return lambda _: np.array([[rare == label for label in TWO]], float)

    monkeypatch.setattr(model_export, "read_back", wrong)
    with pytest.raises(
        ArtifactError,
        match=r"max_loss: .* within 0.01 .* in 8 bits, found 0\.\d+ on 10 texts; leave out int8",
    ):
        export_model(models["labels"], tmp_path / "out", int8=True, data=Examples(TEXTS, right))
    with pytest.raises(ArtifactError, match="on 200 texts"):
        export_model(models["labels"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_invalid_arguments_are_named_as_the_caller_names_them(
    models: dict[str, Path], tmp_path: Path
) -> None:
    model, out = models["labels"], tmp_path / "out"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"format": "pickle"}, "format: expected one of onnx, web"),
        ({"int8": True}, "data: "),
        ({"data": LINES}, "data: expected labelled texts"),
    ]
    for options, message in cases:
        with pytest.raises(UsageError, match=message):
            export_model(model, out, **options)
        with pytest.raises(UsageError, match="--"):
            export_model(model, out, **options, spell=lambda name: f"--{name}")
    with pytest.raises(UsageError, match="expected plain text for a language model"):
        export_model(models["words"], out, data=DATA)
    with pytest.raises(SettingsError, match="max_loss"):
        export_model(model, out, max_loss=2)
    with pytest.raises(ArtifactError):
        export_model(tmp_path / "nothing", out)
    assert not out.exists()


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_extra_gives_the_command(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Any
) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[train\]'"):
        export_model(models["labels"], tmp_path / "out", format)
    assert not (tmp_path / "out").exists()


def test_onnx_needs_no_tensorflow(models: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from foretell.export.model_export import export_model; "
        "export_model(*sys.argv[1:]); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    arguments = [str(models["labels"]), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
