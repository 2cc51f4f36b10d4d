"""The code of README, docs and an example: every block is checked, and all Python that can run
runs.

`test_docs_commands.py` runs the shell commands (soak). README's Python runs in test_readme.py.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import runpy
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cyclopts import App
from docs_blocks import DOCS, PAGES, ROOT, blocks, foretell_commands, python_of
from encoders import tiny_encoder

from foretell import presets
from foretell.cli.app import make_app
from foretell.cli.entry import read_tokens

# Pages whose Python a test runs: here, in test_docs_commands.py, test_readme.py and tests/hub.
# article.md compares fragments of programs, some for TensorFlow 1.
PYTHON_RUNS = {
    "README.md",
    "annotate.md",
    "article.md",
    "cluster.md",
    "continue.md",
    "data.md",
    "distil.md",
    "explain.md",
    "export.md",
    "hub.md",
    "multi-label.md",
    "outside-knowledge.md",
    "python.md",
    "serving.md",
    "tracking.md",
    "what-is-an-lstm.md",
}
LANGUAGES = {"", "html", "nginx", "sh", "python", "json", "js", "text", "{toctree}", "{eval-rst}"}


@pytest.fixture(scope="module")
def app() -> App:
    return make_app()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_valid(
    page: Path, app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fences = sum(
        line.strip().startswith("```") for line in page.read_text(encoding="utf-8").splitlines()
    )
    known = sum(len(blocks(page, language)) for language in LANGUAGES)
    assert fences == 2 * known, "a block in another language, which no test checks"
    assert not python_of(page) or page.name in PYTHON_RUNS, "Python that no test runs"
    for name in [name for name in os.environ if name.startswith("FORETELL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for block in (block for language in LANGUAGES for block in blocks(page, language)):
        match block.language:
            case "python":
                # "f(a=1, ...)" leaves arguments out.
                ast.parse(block.text.replace(", ...)", ")"))
            case "json":
                json.loads(block.text)
            case "sh":
                shell = subprocess.run(
                    ["bash", "-n"], input=block.text, text=True, capture_output=True
                )
                assert (shell.returncode, shell.stderr) == (0, ""), block.text
                for command in foretell_commands(block.text):
                    # Every option and every value is one that the command takes.
                    app.parse_args(read_tokens(command)[0], exit_on_error=False, print_error=False)
            case "js" if shutil.which("node"):
                (tmp_path / "block.mjs").write_text(block.text)
                subprocess.run(["node", "--check", "block.mjs"], check=True)


def test_the_annotation_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("annotate.md", {})
    assert names["counts"].answers == 21
    assert names["metrics"].accuracy.value > 0.5
    assert (tmp_path / "labels.csv").read_text().count("\n") == 22


# Trainings of a second: the code is that of the page, the sizes are not.
TINY = {
    "units": 4,
    "embedding_size": 4,
    "epochs": 1,
    "min_steps": 1,
    "max_steps": 2,
    "length": 20,
    "folds": 0,
}
ONE_SPLIT = "cv=[(list(range(120)), list(range(120, 200)))]"
SIZES = {
    'preset="base"': 'preset="quick"',
    "train_sizes=[0.25, 0.5, 1.0]": "train_sizes=[0.5, 1.0]",
    "cv=5": ONE_SPLIT,
    "cv=2": ONE_SPLIT,
    "n_permutations=100": "n_permutations=1",
    "unlabelled=more, ": "",
    "check_labels=True": "check_labels=False",
    "found.label_check.errors[:3]": "found.label_check",
}


@pytest.fixture
def tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets whose trainings take a second."""
    pytest.importorskip("tensorflow")
    labels = dataclasses.replace(presets.LABELS_PRESETS["quick"], **TINY)
    monkeypatch.setitem(presets.LABELS_PRESETS, "quick", labels)
    words = dataclasses.replace(
        presets.WORDS_PRESETS["base"], embedding_size=4, epochs=1, min_steps=2
    )
    monkeypatch.setitem(presets.WORDS_PRESETS, "base", words)


def run_page(page: str, sizes: dict[str, str], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run the Python of a page, with other sizes, but no block with one of `without`; return its
    names.
    """
    names: dict[str, Any] = {}
    code = [block for block in python_of(DOCS / page) if not any(part in block for part in without)]
    for whole in sizes:
        assert any(whole in block for block in python_of(DOCS / page)), (
            f"{page} has no {whole!r} any more"
        )
    for block in code:
        for whole, small in sizes.items():
            block = block.replace(whole, small)
        exec(block, names)
    return names


# Blocks with trainings of their own, whose calls other tests make too.
MORE_TRAININGS = ("pd.DataFrame", "LanguageModel.train", "learning_curve", "permutation_test_score")


@pytest.mark.parametrize(
    "without",
    [pytest.param(MORE_TRAININGS, id="most"), pytest.param((), id="all", marks=pytest.mark.soak)],
)
@pytest.mark.usefixtures("tiny_presets")
def test_the_python_api_by_example(
    without: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("The mind adapts and converts the obstacle .\n" * 40)
    names = run_page("python.md", SIZES, without)
    printed = capsys.readouterr().out
    assert "units: expected a number from 1 to 8192, found -1" in printed
    rows = names["calibrated"].predict_proba(names["test_texts"])
    assert rows.shape == (len(names["test_texts"]), 2)
    assert rows.sum(axis=1) == pytest.approx(1)
    assert {path.name for path in tmp_path.iterdir()} >= {"reviews-model", "reviews-onnx"}
    if not without:
        assert "texts: accuracy" in printed
        assert (tmp_path / "notes-model").is_dir()
        assert names["sizes"].tolist() == [60, 120]
        assert names["valid_scores"].shape == (2, 1)
        assert names["p_value"] in (0.5, 1.0)
    # The page on explanations opens the model that this page saved.
    why = run_page("explain.md", {})["why"]
    assert [word.text for word in why.words][:4] == ["Cold", "soup", ",", "rude"]


@pytest.mark.soak
@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.filterwarnings("ignore::foretell.errors.TooFewTextsWarning")
def test_distilling_by_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("distil.md", {"TextClassifier()": 'TextClassifier("quick", folds=2)'})
    assert names["clf"].metrics_["teacher"]["texts"] == 150
    assert "unevaluated" in names["first"].classify(["A lovely little book."])[0].flags


@pytest.mark.usefixtures("tiny_presets")
def test_a_model_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell import LanguageModel, TextClassifier

    monkeypatch.chdir(tmp_path)
    for name, labels in (("january", "ab"), ("february", "bc")):
        rows = [f"{labels[i % 2]}{i % 7} again,{labels[i % 2]}" for i in range(40)]
        Path(f"{name}.csv").write_text("\n".join(["text,label", *rows]))
        Path(f"{name}.txt").write_text(
            "\n".join(f"{name} has line {i % 9} of text" for i in range(60))
        )
    TextClassifier("quick").fit("january.csv", out="january-model")
    LanguageModel.train("january.txt", out="january-notes", units=4)
    names = run_page("continue.md", {})
    assert names["clf"].classes_.tolist() == ["a", "b", "c"]
    assert names["clf"].metrics_["continued"]["replayed"] == {"examples": 14}
    assert names["lm"].metrics["continued"]["has_old"]
    assert names["lm"].settings["units"] == 4


@pytest.mark.usefixtures("tiny_presets")
def test_several_labels_by_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.training.labels.plan.MANY_TEXTS", 10)
    assert run_page("multi-label.md", {})["clf"].classes_.tolist() == ["billing", "bug"]


@pytest.mark.usefixtures("tiny_presets")
def test_the_listener_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    run_page("tracking.md", {})
    assert "epoch 1: loss " in capsys.readouterr().out


@pytest.mark.usefixtures("tiny_presets")
def test_the_listener_for_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, list[object]] = {"metrics": [], "params": [], "artifacts": []}
    mlflow = ModuleType("mlflow")
    mlflow.start_run = nullcontext
    mlflow.log_metrics = lambda numbers, step: logged["metrics"].append((step, numbers))
    mlflow.log_params = logged["params"].append
    mlflow.log_artifacts = lambda folder, artifact_path: logged["artifacts"].append(
        (folder, artifact_path)
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    source = tmp_path / "data.csv"
    out = str(tmp_path / "model")
    source.write_text(
        "text,label\n" + "good food,pos\nbad food,neg\nkind people,pos\na long wait,neg\n" * 10
    )
    monkeypatch.setattr(sys, "argv", ["mlflow_listener.py", str(source), out])
    program = ROOT / "examples" / "mlflow_listener.py"
    runpy.run_path(str(program), run_name="__main__")
    assert len(program.read_text(encoding="utf-8").splitlines()) <= 50
    names = {name for _, numbers in logged["metrics"] for name in numbers}  # type: ignore[misc, attr-defined]
    assert {"loss", "accuracy"} <= names
    assert logged["params"][0]["preset"] == "quick"  # type: ignore[index]
    assert logged["artifacts"] == [(out, "model")]
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_vectors_and_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_encoder(tmp_path / "encoder")
    names = run_page("outside-knowledge.md", {})
    assert names["rows"].shape == (2, 50)
    assert names["is_known"].tolist() == [True, True]
    assert len(names["encoded"].vectors) == 2


def test_the_code_about_lstms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(tmp_path)
    sizes = {"epochs=8": "epochs=1, max_steps=20", "range(2000)": "range(300)", "6000": "5050"}
    names = run_page("what-is-an-lstm.md", sizes)
    count = names["Counter"]
    assert count(names["praise"].split()) == count(names["blame"].split())
    of_rnn = names["of_rnn"]
    of_lstm = names["of_lstm"]
    # The text: "after ten words about 1 % is left, after forty a hundred-millionth".
    assert 0.005 < of_rnn[9] < 0.03
    assert of_rnn[39] < 1e-7
    assert of_lstm[0][29] < of_rnn[29] < of_lstm[1][29] < of_lstm[3][29]
    assert of_lstm[3][99] > 0.01
    # Label and review: the label is the first opinion.
    for text, label in zip(names["texts"], names["labels"], strict=True):
        assert next(word for word in text.split() if word in ("good", "bad")) == label
    first, second = names["gates"]
    assert first.forget.shape == second.cell.shape == (16, 8)
    # cell = forget · previous cell + input · candidate, as the page writes it.
    expected = first.forget[1:] * first.cell[:-1] + first.input[1:] * first.candidate[1:]
    np.testing.assert_allclose(first.cell[1:], expected, atol=1e-6)
