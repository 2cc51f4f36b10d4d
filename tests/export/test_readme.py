"""The README of an export: its programs print the model's own answer, in Python and in JavaScript."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from export_workplace import Copies, exported

from foretell.export.readme import example
from foretell.export.source import Source
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

# Every kind of program that a README may hold; "labels-article" reads a start of text.
KINDS = ("words", "words-article", "labels", "labels-article", "labels-tfidf")


def program(folder: Path, language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert match
    return match[1]


def expected_answer(models: dict[str, Path], name: str) -> dict[str, float]:
    text = example(Source(models[name]))
    if name.startswith("labels"):
        return dict(LabelsRuntime.open(models[name]).classify([text]).__next__().probabilities)
    return {each.word: each.probability for each in WordsRuntime.open(models[name]).next(text, k=1000)}


def check_answer(models: dict[str, Path], name: str, printed: str) -> None:
    answer = json.loads(printed)
    expected = expected_answer(models, name)
    if isinstance(answer, list):
        answer = (
            {each["word"]: each["probability"] for each in answer}
            if isinstance(answer[0], dict)
            else dict(answer)
        )
        # The words that foretell never predicts have no probability to compare.
        answer = {word: p for word, p in answer.items() if word in expected}
        assert len(answer) >= 3
    else:
        assert list(answer) == list(expected)
    for key, probability in answer.items():
        assert probability == pytest.approx(expected[key], abs=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_the_program_of_the_readme_in_python(models: dict[str, Path], copies: Copies, name: str) -> None:
    out = copies[name].path
    code = program(out, "python")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 12
    done = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    check_answer(models, name, done.stdout.splitlines()[-1])


def unpack_for_node(ort_web: Path, folder: Path) -> None:
    """Put the build for browsers where Node.js looks for the package; its own build needs another package.

    The build for browsers loads Node.js's own modules by `require`, which ES modules do not have.
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


@pytest.mark.parametrize("name", KINDS)
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


def test_what_changes_without_the_tfidf_scores_is_stated(copies: Copies) -> None:
    result = copies["labels-tfidf"]
    without = result.without_tfidf
    assert without is not None
    assert without.count == 200
    text = (result.path / "README.md").read_text()
    assert f"difference of a probability is {without.largest:.2g}" in text
    assert f"the mean difference is {without.mean:.2g}" in text
    assert f"{100 * without.changed:.1f} % of the texts get another label" in text
    assert "leave this input out" in text
    assert "tfidf_scores" not in (copies["labels"].path / "README.md").read_text()
    assert copies["labels"].without_tfidf is None


@pytest.mark.parametrize("name", ["labels", "labels-tfidf"])
def test_every_file_is_listed(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    out = exported(models, name, "onnx", tmp_path)
    listed = (out / "README.md").read_text().partition("## Files")[2]
    for path in out.iterdir():
        assert path.name in listed or path.name in ("README.md", "package.json")
