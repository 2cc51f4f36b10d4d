"""`--multi-label`: train, classify, evaluate, explain and export by the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_workplace import Run

WORDS = {"bug": "crash", "ux": "ugly", "billing": "refund"}


@pytest.fixture(scope="module")
def data(workplace: Path) -> Path:
    """A file with none to three labels a text."""
    rows = []
    for i in range(60):
        given = [name for place, name in enumerate(WORDS) if i >> place & 1]
        rows.append(
            (f"{' '.join(WORDS[name] for name in given)} thing {i}", " | ".join(given) or "|", "ab"[i % 2])
        )
    path = workplace / "several.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "labels", "source"), *rows])
    return path


@pytest.fixture
def model(run: Run, data: Path) -> Path:
    folder = data.with_name("several-model")
    if not folder.exists():
        done = run("train", "labels", str(data), "--multi-label", "|", "--out", str(folder), "--json")
        assert done.code == 0, done.err
        assert "3 labels" in done.err
        assert "micro_f1" in json.loads(done.out)
    return folder


def test_every_command_works_with_several_labels(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    settings = json.loads((model / "config.json").read_text())["settings"]
    assert settings["multi_label"] == "|"
    answer = json.loads(run("classify", str(model), "--literal", "crash ugly thing", "--json").out)
    assert answer["labels"] == [
        name for name in answer["probabilities"] if name in answer["label"].split("|")
    ]
    assert list(answer["probabilities"]) == ["billing", "bug", "ux"]
    (row,) = csv.DictReader(
        io.StringIO(run("classify", str(model), "--literal", "crash", "--format", "csv").out)
    )
    assert "labels" not in row
    assert "thing" in run("classify", str(model), str(data)).out

    survey = json.loads(run("data", str(data), "--multi-label", "|", "--json").out)
    assert survey["labels"] == {"billing": 28, "bug": 30, "ux": 30}

    # The separator is that of the model.
    report = json.loads(run("evaluate", str(model), str(data), "--json", "--by", "source").out)
    assert report["texts"] == 60
    assert report["labels"]["bug"]["support"] == 30
    assert [each["value"] for each in report["slices"]["values"]] == ["a", "b"]
    shown = run("evaluate", str(model), str(data)).out
    assert "micro F1" in shown
    assert "threshold" in shown
    table = list(csv.DictReader(io.StringIO(run("evaluate", str(model), str(data), "--format", "csv").out)))
    assert [each["label"] for each in table] == ["billing", "bug", "ux"]
    assert run("evaluate", str(model), str(data), "--by", "source", "--format", "csv").out.startswith(
        "source,texts"
    )

    for label in ("bug", "ux"):
        why = json.loads(run("explain", str(model), "crash ugly thing", "--label", label, "--json").out)
        assert why["label"] == label
    wrong = run("explain", str(model), "crash", "--label", "nothing")
    assert wrong.code != 0
    assert "a label of the model: billing, bug, ux" in wrong.err

    exported = run("export", str(model), "--to", "onnx", "--out", str(tmp_path / "copy"), "--data", str(data))
    assert exported.code == 0, exported.err
    assert len(json.loads((tmp_path / "copy" / "model.json").read_text())["thresholds"]) == 3


def test_what_needs_one_label_a_text_is_refused(run: Run, data: Path, model: Path) -> None:
    for command, says in (
        (("evaluate", str(model), str(data), "--cost", "fp=1,fn=2"), "no cost"),
        (("evaluate", str(model), str(data), "--folds", "2"), "no folds"),
        (("compare", str(model), str(model), str(data)), "for compare"),
        (("classify", str(model), "--literal", "x", "--abstain-below", "0.5"), "each label has a threshold"),
        (("train", "labels", str(data), "--multi-label", "x", "--out", "nowhere"), "a separator"),
    ):
        done = run(*command)
        assert done.code != 0
        assert says in done.err.strip().splitlines()[-1]
