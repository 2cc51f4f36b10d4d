"""The programs of an export's README and of examples/ run and print what foretell gives."""

from __future__ import annotations

import csv
import io
import json
import re
import runpy
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from export_workplace import Copies, exported, files_of_folder
from page_workplace import opened, until

from foretell.export.model_export import export_model
from foretell.export.readme import example
from foretell.export.source import ExportSource
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

# Every kind of program that a README may hold; "labels-article" reads a start of text.
KINDS = ("words", "words-article", "labels", "labels-article", "labels-tfidf")


def program(folder: Path, language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert match
    return match[1]


def expected_answer(models: dict[str, Path], name: str) -> dict[str, float]:
    text = example(ExportSource(models[name]))
    if name.startswith("labels"):
        return dict(LabelsRuntime(models[name]).classify([text]).__next__().probabilities)
    return {each.word: each.probability for each in WordsRuntime(models[name]).next(text, k=1000)}


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


# The programs leave files to the end of the process.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", KINDS)
def test_the_program_of_the_readme_in_python(
    models: dict[str, Path], copies: Copies, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    code = program(copies[name].path, "python")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 12
    monkeypatch.chdir(copies[name].path)
    exec(compile(code, "README.md", "exec"), {})
    check_answer(models, name, capsys.readouterr().out.splitlines()[-1])


def unpack_for_node(ort_web: Path, folder: Path) -> None:
    """Put the build for browsers where Node.js looks for the package; its own build needs another
    package.

    The build for browsers loads Node.js's own modules by `require`, which ES modules do not have.
    """
    folder.mkdir(parents=True)
    with tarfile.open(ort_web) as archive:
        for name in (
            "ort.wasm.min.mjs",
            "ort-wasm-simd-threaded.mjs",
            "ort-wasm-simd-threaded.wasm",
        ):
            file = archive.extractfile(f"package/dist/{name}")
            assert file
            (folder / name).write_bytes(file.read())
    (folder / "package.json").write_text('{"type": "module", "exports": "./ort.wasm.min.mjs"}')
    (folder.parent / "require.mjs").write_text(
        'import { createRequire } from "node:module"; globalThis.require = '
        "createRequire(import.meta.url);"
    )


def test_the_program_of_the_readme_in_javascript(
    models: dict[str, Path], tmp_path: Path, node: str, ort_web: Path
) -> None:
    """Of a classifier with TF-IDF scores; test_in_the_browser has those of other models."""
    out = exported(models, "labels-tfidf", "onnx", tmp_path)
    (out / "example.mjs").write_text(program(out, "js"))
    unpack_for_node(ort_web, out / "node_modules" / "onnxruntime-web")
    done = subprocess.run(
        [node, "--import", "./node_modules/require.mjs", "example.mjs"],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    check_answer(models, "labels-tfidf", done.stdout.splitlines()[-1])


EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = [
    "the mind adapts",
    "what stands in the way",
    "",
    'said "action", and\nmore action',
    "xyzzy",
] * 200


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs a program with arguments and standard input, and returns what it
    prints.
    """

    def run(program: str, *arguments: str | Path, given: str = "") -> str:
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        runpy.run_path(str(EXAMPLES / program), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_autocomplete(models: dict[str, Path], run: Callable[..., str]) -> None:
    said = run("autocomplete.py", models["words"], given="the mind\nwhat stands in\n\n")
    assert said.count("next: ") == 2
    assert "  what stands in " in said
    assert said.count("%") == 6


def test_route_tickets(models: dict[str, Path], run: Callable[..., str], tmp_path: Path) -> None:
    source = tmp_path / "tickets.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "body"), *enumerate(TEXTS)])
    run("route_tickets.py", models["labels"], source, tmp_path / "sorted")
    verdicts = list(LabelsRuntime(models["labels"]).classify(TEXTS, abstain_below=0.7))
    expected = {name: [] for name in ("bad", "good", "unsure")}
    for number, verdict in enumerate(verdicts):
        expected[verdict.label or "unsure"].append(str(number))
    found = {}
    for path in (tmp_path / "sorted").iterdir():
        with path.open(newline="") as file:
            found[path.stem] = [row["id"] for row in csv.DictReader(file)]
    assert found == {name: ids for name, ids in expected.items() if ids}
    assert len(found) >= 2


def test_pandas_column(models: dict[str, Path], run: Callable[..., str], tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(TEXTS[:20])])
    rows = list(
        csv.DictReader(io.StringIO(run("pandas_column.py", models["labels"], source), newline=""))
    )
    verdicts = LabelsRuntime(models["labels"]).classify(TEXTS[:20])
    for row, text, verdict in zip(rows, TEXTS, verdicts, strict=False):
        assert row["text"] == text
        assert row["predicted"] == verdict.label
        assert float(row["probability"]) == pytest.approx(verdict.probability, abs=1e-4)
    assert len(rows) == 20


def test_search(run: Callable[..., str], tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    rows = [
        (f"a {'fine' if good else 'poor'} thing {n}", good) for n in range(12) for good in (0, 1)
    ]
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    said = run("search.py", source, "1")
    assert re.match(r"macro F1 [01]\.\d+ with \{'dropout': ", said)


def test_fastapi_dependency(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="needs the extra serve")
    from fastapi.testclient import TestClient

    monkeypatch.setenv("FORETELL_MODEL", str(models["labels"]))
    program = runpy.run_path(str(EXAMPLES / "fastapi_dependency.py"))
    with TestClient(program["app"]) as client:
        answer = client.post("/tickets", json={"subject": "the mind", "body": "adapts"})
        assert client.post("/tickets", json={"subject": "no body"}).status_code == 422
    (verdict,) = LabelsRuntime(models["labels"]).classify(["the mind adapts"])
    assert answer.json() == {
        "team": verdict.label,
        "probability": pytest.approx(verdict.probability),
    }


def test_browser(models: dict[str, Path], ort_web: Path, browser: Any, tmp_path: Path) -> None:
    export_model(models["labels"], tmp_path / "model", "web", runtime=ort_web)
    (tmp_path / "browser.html").write_bytes((EXAMPLES / "browser.html").read_bytes())
    with files_of_folder(tmp_path) as address, opened(browser, address, ready=False) as page:
        page.goto(f"{address}browser.html")
        until(page, "() => document.querySelector('#mood').textContent === 'Write a few words.'")
        page.fill("#review", "the mind adapts")
        (verdict,) = LabelsRuntime(models["labels"]).classify(["the mind adapts"])
        shown = f"{verdict.label} ({100 * verdict.probability:.0f} %)"
        until(page, "(text) => document.querySelector('#mood').textContent === text", shown)
