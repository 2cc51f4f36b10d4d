"""Each format answers as foretell does, is written whole or not at all, and its README's programs run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from export_workplace import MODELS, TEXT, TWO, write

from foretell import machine
from foretell.artifacts.directory import open_verified, read_model, write_model
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, MissingExtraError, SettingsError, UsageError
from foretell.export import model_export
from foretell.export.model_export import export_model
from foretell.export.readme import example
from foretell.export.source import Source
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.words.kneser_ney_fit import count

LABELS = [name for name in MODELS if name.startswith("labels")]
# Every kind of program that a README may hold.
TOLD = ("words", "words-article", "labels", "labels-article")
TEXTS = [
    "", "!", "xyzzy", "the", "the mind", "the mind the mind adapts", "what stands in the way ? " * 9,
    "ΑΣ don't CAFÉ", "the obstacle " * 7, "to action advances action " * 3,
]  # fmt: skip
DATA = Examples([f"{text} the" for text in TEXTS], ["bad", "good"] * 5)


def exported(models: dict[str, Path], name: str, format: Any, folder: Path, **options: Any) -> Path:
    export_model(models[name], folder / "out", format, **options)
    return folder / "out"


@pytest.mark.parametrize("name", LABELS)
def test_one_graph_answers_as_the_whole_classifier_does(
    models: dict[str, Path], name: str, tmp_path: Path
) -> None:
    out = exported(models, name, "onnx", tmp_path)
    runtime = LabelsRuntime.open(models[name])
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))
    ids = runtime.tokenizer.encode_batch(TEXTS)
    batch = np.zeros((len(ids), max(map(len, ids))), np.int64)
    for row, each in zip(batch, ids, strict=True):
        row[: len(each)] = each
    expected = runtime.predict_proba(TEXTS)
    np.testing.assert_allclose(session.run(None, {"ids": batch})[0], expected, atol=1e-6)
    for each, row in zip(ids, expected, strict=True):
        alone = session.run(None, {"ids": np.array([each or [0]])})[0][0]
        np.testing.assert_allclose(alone, row, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format", ["onnx", "keras"])
def test_the_copy_was_compared_on_200_texts(
    models: dict[str, Path], name: str, format: Any, tmp_path: Path
) -> None:
    done = export_model(models[name], tmp_path / "out", format)
    assert done.difference is not None
    assert 0 <= done.difference < 1e-5
    assert done.whole
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert described["labels"] == MODELS[name][1]
    for file, entry in described["files"].items():
        content = (tmp_path / "out" / file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])
    assert done.size == sum(entry["size"] for entry in described["files"].values())


@pytest.mark.parametrize("name", ["words", "words-article", "labels", "labels-article"])
def test_litert_with_builtin_operators(models: dict[str, Path], name: str, tmp_path: Path) -> None:
    done = export_model(models[name], tmp_path / "out", "litert")
    assert done.difference is not None
    assert 0 <= done.difference < 1e-5
    # A linear model is a part of this one's answer, and not of the file.
    assert done.whole == (name != "labels")
    said = (tmp_path / "out" / "README.md").read_text()
    assert ("network alone" in said) == (not done.whole)
    assert json.loads((tmp_path / "out" / "model.json").read_text())["answer"] == (
        "whole" if done.whole else "network"
    )
    assert b"Flex" not in (tmp_path / "out" / "model.tflite").read_bytes()


@pytest.mark.parametrize("format", ["onnx", "keras", "litert"])
def test_of_a_language_model_with_an_n_gram_model_the_network_alone_is_written(
    models: dict[str, Path], format: Any, tmp_path: Path
) -> None:
    model = read_model(models["words"])
    ids = np.array(model.tokenizer.encode(TEXT), np.int32)
    ngrams = count(ids, model.tokenizer.size, order=3).model
    half = Interpolation((0.5, 0.5, 0.5))
    write_model(dataclasses.replace(model, kneser_ney=ngrams, interpolation=half), tmp_path / "mixed")
    done = export_model(tmp_path / "mixed", tmp_path / "out", format)
    assert done.difference is not None
    assert 0 <= done.difference < 1e-5
    assert not done.whole
    said = (tmp_path / "out" / "README.md").read_text()
    assert "mixes it with an n-gram model, which no exported format holds" in said
    assert json.loads((tmp_path / "out" / "model.json").read_text())["answer"] == "network"


def program(folder: Path, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def expected_answer(models: dict[str, Path], name: str) -> dict[str, float]:
    text = example(Source(models[name]))
    if name.startswith("labels"):
        return dict(LabelsRuntime.open(models[name]).classify([text]).__next__().probabilities)
    found = WordsRuntime.open(models[name]).next(text, k=1000)
    return {each.word: each.probability for each in found}


def check_answer(models: dict[str, Path], name: str, printed: str) -> None:
    answer = json.loads(printed)
    expected = expected_answer(models, name)
    if isinstance(answer, list):
        answer = (
            {each["word"]: each["probability"] for each in answer}
            if isinstance(answer[0], dict)
            else dict(answer)
        )
        # What foretell never gives as a next word has no probability to compare.
        answer = {word: p for word, p in answer.items() if word in expected}
        assert len(answer) >= 3
    else:
        assert list(answer) == list(expected)
    for key, probability in answer.items():
        assert probability == pytest.approx(expected[key], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "format"),
    [*((name, "onnx") for name in TOLD), ("labels", "keras"), ("words", "litert")],
)
def test_the_program_of_the_readme_in_python(
    models: dict[str, Path], name: str, format: Any, tmp_path: Path
) -> None:
    out = exported(models, name, format, tmp_path)
    code = program(out, "python")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 12
    # The package that the README names is not on every machine; TensorFlow has the same interpreter.
    code = code.replace(
        "from ai_edge_litert.interpreter import", "from tensorflow.lite.python.interpreter import"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    check_answer(models, name, done.stdout.splitlines()[-1])


def unpack_for_node(ort_web: Path, folder: Path) -> None:
    """Put the build for browsers where Node.js looks for the package; the other needs a second package.

    This build asks for Node.js's own modules by `require`, which a module has not.
    """
    folder.mkdir(parents=True)
    with tarfile.open(ort_web) as archive:
        for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
            file = archive.extractfile(f"package/dist/{name}")
            assert file
            (folder / name).write_bytes(file.read())
    (folder / "package.json").write_text('{"type": "module", "exports": "./ort.wasm.min.mjs"}')
    (folder.parent / "require.mjs").write_text(
        'import { createRequire } from "node:module"; globalThis.require = createRequire(import.meta.url);'
    )


@pytest.mark.parametrize("name", TOLD)
def test_the_program_of_the_readme_in_javascript(
    models: dict[str, Path], name: str, tmp_path: Path, node: str, ort_web: Path
) -> None:
    out = exported(models, name, "onnx", tmp_path)
    (out / "example.mjs").write_text(program(out, "js"))
    unpack_for_node(ort_web, out / "node_modules" / "onnxruntime-web")
    done = subprocess.run(
        [node, "--import", "./node_modules/require.mjs", "example.mjs"],
        cwd=out, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    check_answer(models, name, done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "format"), [("labels", "onnx"), ("words", "onnx"), ("labels-article", "litert")]
)
def test_8_bits_are_measured(models: dict[str, Path], name: str, format: Any, tmp_path: Path) -> None:
    data = DATA if name.startswith("labels") else ["the mind adapts and converts to its own purposes"] * 3
    done = export_model(models[name], tmp_path / "out", format, int8=True, data=data, max_loss=1)
    export_model(models[name], tmp_path / "whole", format)
    assert done.loss is not None
    assert done.difference is None
    assert done.loss.count == (10 if data is DATA else 27)
    if data is DATA:
        predicted = LabelsRuntime.open(models[name]).predict_proba(DATA.texts).argmax(axis=1)
        assert done.loss.before == np.mean(
            [TWO[i] == label for i, label in zip(predicted, DATA.labels, strict=True)]
        )
    assert json.loads((tmp_path / "out" / "model.json").read_text())["precision"] == "int8"
    file = "model.onnx" if format == "onnx" else "model.tflite"
    assert (tmp_path / "out" / file).read_bytes() != (tmp_path / "whole" / file).read_bytes()
    assert "8 bits" in (tmp_path / "out" / "README.md").read_text()


def test_too_large_a_loss_is_refused_and_nothing_is_written(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = [verdict.label for verdict in LabelsRuntime.open(models["labels"]).classify(TEXTS)]
    rare = min(TWO, key=right.count)

    def wrong(*_: Any) -> Any:
        return lambda _: np.array([[rare == label for label in TWO]], float)

    monkeypatch.setattr(model_export.onnx_format, "read_back", wrong)
    with pytest.raises(
        ArtifactError, match=r"within 0.01 .* in 8 bits, found 0\.\d+ on 10 texts; .*--max-loss"
    ):
        export_model(models["labels"], tmp_path / "out", int8=True, data=Examples(TEXTS, right))
    with pytest.raises(ArtifactError, match="on 200 texts"):
        export_model(models["labels"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_sense_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    model, out = models["labels"], tmp_path / "out"
    for options in ({"format": "pickle"}, {"int8": True}, {"format": "keras", "int8": True, "data": DATA}):
        with pytest.raises(UsageError):
            export_model(model, out, **options)
    with pytest.raises(SettingsError, match="max-loss"):
        export_model(model, out, max_loss=2)
    with pytest.raises(ArtifactError):
        export_model(tmp_path / "nothing", out)
    assert not out.exists()


def test_a_linear_model_alone_is_not_litert(tmp_path: Path) -> None:
    alone = write(tmp_path / "alone", "labels", Ensemble(network=0.0, linear=1.0))
    with pytest.raises(UsageError, match="linear model alone"):
        export_model(alone, tmp_path / "out", "litert")
    assert export_model(alone, tmp_path / "out", "onnx").difference is not None


def test_a_missing_extra_gives_the_command(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    for format in ("onnx", "web", "keras", "litert"):
        with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[train\]'"):
            export_model(models["labels"], tmp_path / "out", format)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_onnx_needs_no_tensorflow(models: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from foretell.export.model_export import export_model; "
        "export_model(*sys.argv[1:]); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    arguments = [str(models["labels"]), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_older_export_is_replaced_and_nothing_else(models: dict[str, Path], tmp_path: Path) -> None:
    out = exported(models, "words", "onnx", tmp_path)
    exported(models, "labels", "onnx", tmp_path)
    assert json.loads((out / "model.json").read_text())["job"] == "labels"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"mine\.txt, which no export wrote"):
        exported(models, "words", "onnx", tmp_path)
    shutil.copytree(models["labels"], tmp_path / "model")
    with pytest.raises(ArtifactError, match="which no export wrote"):
        export_model(models["words"], tmp_path / "model")
    assert open_verified(tmp_path / "model").job == "labels"
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="found a file"):
        export_model(models["words"], tmp_path / "file")
