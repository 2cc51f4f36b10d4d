"""Exports: what is written, checked, refused, read back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from export_workplace import MODELS, TEXTS, TWO, Copies, exported, padded, tfidf_inputs

from foretell import machine
from foretell.arrays import Floats
from foretell.artifacts.directory import read_model
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, MissingExtraError, SettingsError, UsageError
from foretell.export import check, model_export
from foretell.export.formats import files_of, read_back
from foretell.export.model_export import export_model, write_export
from foretell.export.source import ExportSource
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

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
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            entry["size"],
            entry["sha256"],
        )
    assert result.size == sum(entry["size"] for entry in description["files"].values())


def test_a_model_that_was_read_is_exported_too(models: dict[str, Path], tmp_path: Path) -> None:
    assert export_model(read_model(models["labels"]), tmp_path / "out").difference is not None
    in_memory = dataclasses.replace(read_model(models["labels"]), path=None)
    with pytest.raises(ArtifactError, match="read from a directory"):
        export_model(in_memory, tmp_path / "other")


@pytest.mark.parametrize("name", ["labels", "words"])
def test_the_loss_of_8_bits_is_measured(
    models: dict[str, Path], copies: Copies, name: str, tmp_path: Path
) -> None:
    if name == "labels":
        data: Any = DATA
        predicted = LabelsRuntime(models[name]).predict_proba(DATA.texts).argmax(axis=1)
        hits = [TWO[i] == label for i, label in zip(predicted, DATA.labels, strict=True)]
    else:
        # What the model often writes itself, so that it is right five times.
        words = ["the", "mind", "the", "the", "the", "the"]
        runtime = WordsRuntime(models[name])
        data = [" ".join(words)]
        hits = [
            runtime.next(" ".join(words[:n]), k=1)[0].word == word for n, word in enumerate(words)
        ]
        assert sum(hits) == 5
    result = export_model(models[name], tmp_path / "out", int8=True, data=data, max_loss=1)
    assert result.difference is None
    assert result.loss is not None
    assert (result.loss.count, result.loss.before) == (len(hits), np.mean(hits))
    assert json.loads((tmp_path / "out" / "model.json").read_text())["precision"] == "int8"
    assert (tmp_path / "out" / "model.onnx").read_bytes() != (
        copies[name].path / "model.onnx"
    ).read_bytes()


def test_too_large_a_loss_is_refused_and_nothing_is_written(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = [verdict.label for verdict in LabelsRuntime(models["labels"]).classify(TEXTS)]
    rare = min(TWO, key=right.count)

    def wrong(*_: Any) -> Any:
        return lambda *_: np.array([[rare == label for label in TWO]], float)

    monkeypatch.setattr(model_export, "read_back", wrong)
    with pytest.raises(
        ArtifactError,
        match=r"max-loss: .* within 0.01 .* in 8 bits, found 0\.\d+ on 10 texts; leave out int8",
    ):
        export_model(models["labels"], tmp_path / "out", int8=True, data=Examples(TEXTS, right))
    with pytest.raises(ArtifactError, match="on 200 texts"):
        export_model(models["labels"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("labels", {"format": "pickle"}, UsageError, "format: expected one of onnx, web"),
        ("labels", {"int8": True}, UsageError, "data: "),
        ("labels", {"data": LINES}, UsageError, "data: expected labelled texts"),
        ("words", {"data": DATA}, UsageError, "expected plain text for a language model"),
        ("labels", {"max_loss": 2}, SettingsError, "max_loss"),
        ("nothing", {}, ArtifactError, "nothing"),
        ("labels", {"format": "web"}, MissingExtraError, r"install .*\[train\]'"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    if error is MissingExtraError:
        monkeypatch.setattr(machine, "find_spec", lambda _: None)
    with pytest.raises(error, match=message):
        export_model(models.get(name, tmp_path / name), tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_onnx_needs_no_tensorflow(models: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from foretell.export.model_export import export_model; "
        "export_model(*sys.argv[1:]); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    arguments = [str(models["labels"]), str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


SENTENCE = "the mind adapts and converts"


@pytest.mark.parametrize(
    "name", ["words-counted", "words-article", "labels-tfidf", "labels-cnn-lstm"]
)
def test_weights_of_8_bits_are_read_back(
    models: dict[str, Path], name: str, tmp_path: Path
) -> None:
    source = ExportSource(models[name])
    for file, content in files_of(source, "onnx", int8=True).items():
        (tmp_path / file).write_bytes(content)
    answer = read_back(tmp_path, source)
    expected = source.answers([SENTENCE])[0]
    known = ~np.isnan(expected)
    copied = answer(source.ids(SENTENCE), source.tfidf_scores(SENTENCE))[-1]
    difference = np.abs(copied[known] - expected[known]).max()
    assert 0 < difference < 0.1


@pytest.mark.parametrize(("shift", "accepted"), [(0.9e-4, True), (1.1e-4, False), (np.nan, False)])
def test_a_difference_above_the_tolerance_is_refused(
    models: dict[str, Path], shift: float, accepted: bool
) -> None:
    source = ExportSource(models["labels"])
    texts = ["the mind", "adapts"]
    rows = iter(source.answers(texts).astype(np.float64))

    def answer(*_: object) -> Floats:
        return next(rows)[None] + np.array([[0.0, shift]])

    if accepted:
        assert check.check_same(source, answer, texts) == pytest.approx(shift, rel=1e-3)
    else:
        with pytest.raises(ArtifactError, match=r"within 0\.0001 of foretell's on 2 texts"):
            check.check_same(source, answer, texts)


def test_an_older_export_is_replaced_and_nothing_else(
    models: dict[str, Path], tmp_path: Path
) -> None:
    out = exported(models, "words", "onnx", tmp_path)
    exported(models, "labels", "onnx", tmp_path)
    assert json.loads((out / "model.json").read_text())["job"] == "labels"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"mine\.txt, which is not part of an export"):
        exported(models, "words", "onnx", tmp_path)
    shutil.copytree(models["labels"], tmp_path / "model")
    with pytest.raises(ArtifactError, match="which is not part of an export"):
        export_model(models["words"], tmp_path / "model")
    assert read_model(tmp_path / "model").job == "labels"
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="found a file"):
        export_model(models["words"], tmp_path / "file")


def test_what_fails_its_check_does_not_replace_an_older_export(tmp_path: Path) -> None:
    write_export({"a/b.txt": b"old"}, {"labels": ["\ud800"]}, tmp_path / "out", lambda _: None)
    # Half of a surrogate pair is written.
    assert json.loads((tmp_path / "out" / "model.json").read_bytes())["labels"] == ["\ud800"]

    def fail(folder: Path) -> None:
        assert (folder / "a/b.txt").read_bytes() == b"new"
        raise ArtifactError(expected="a good copy", found="a bad one")

    with pytest.raises(ArtifactError, match="a bad one"):
        write_export({"a/b.txt": b"new"}, {"job": "labels"}, tmp_path / "out", fail)
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("content", ["", "[]", '{"foretell_export": 1}'])
def test_a_folder_with_another_model_json_is_not_an_export(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"model\.json, which is not part of an export"):
        write_export({}, {}, tmp_path, lambda _: None)
    assert (tmp_path / "model.json").read_text() == content


LABELS = [name for name in MODELS if name.startswith("labels")]


@pytest.mark.parametrize("name", LABELS)
def test_the_graph_answers_as_the_whole_classifier(
    models: dict[str, Path], copies: Copies, name: str
) -> None:
    runtime = LabelsRuntime(models[name])
    session = onnxruntime.InferenceSession(str(copies[name].path / "model.onnx"))
    ids = runtime.tokenizer.encode_batch(TEXTS)
    expected = runtime.predict_proba(TEXTS)
    inputs = {"ids": padded(ids), **tfidf_inputs(runtime.model, TEXTS)}
    np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=1e-6)
    for text, each, row in zip(TEXTS, ids, expected, strict=True):
        inputs = {"ids": np.array([each or [0]]), **tfidf_inputs(runtime.model, [text])}
        alone = session.run(None, inputs)[0][0]
        np.testing.assert_allclose(alone, row, atol=1e-6)


def test_the_scores_of_the_tfidf_models_can_be_left_out(
    models: dict[str, Path], copies: Copies
) -> None:
    without = LabelsRuntime(dataclasses.replace(read_model(models["labels-tfidf"]), tfidf=()))
    session = onnxruntime.InferenceSession(str(copies["labels-tfidf"].path / "model.onnx"))
    assert [each.name for each in session.get_inputs()] == ["ids"]
    ids = padded(without.tokenizer.encode_batch(TEXTS))
    found = session.run(None, {"ids": ids})[0]
    np.testing.assert_allclose(found, without.predict_proba(TEXTS), atol=1e-6)


def test_its_operators_are_standard(copies: Copies) -> None:
    graph = onnx.load(str(copies["labels"].path / "model.onnx"))
    assert {each.domain for each in graph.opset_import} == {""}
    assert {node.domain for node in graph.graph.node} == {""}
    assert [each.name for each in graph.graph.input] == ["ids"]
    assert [each.name for each in graph.graph.output] == ["probabilities"]
    words = onnx.load(str(copies["words"].path / "model.onnx")).graph
    # ONNX Runtime for JavaScript has no optional inputs.
    assert "skip" in {each.name for each in words.input}
    assert not {each.name for each in words.input} & {each.name for each in words.initializer}
