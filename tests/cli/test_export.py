"""export: what it writes, for people and for programs, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_workplace import Run


def test_export_shows_where_and_how_well(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "reviews-onnx"
    answer = run("export", "reviews-model", "--out", str(out))
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"{out}: ")
    assert "on 200 texts" in answer.out
    assert {"README.md", "model.json", "model.onnx", "tokenizer.json"} <= {p.name for p in out.iterdir()}


def test_export_in_8_bits_as_json(run: Run, tmp_path: Path) -> None:
    for model, data in (("reviews-model", "reviews.csv"), ("notes-model", "notes.txt")):
        out = str(tmp_path / model)
        answer = run("export", model, "--int8", "--data", data, "--max-loss", "1", "--json", "--out", out)
        assert answer.code == 0, answer.err
        found = json.loads(answer.out)
        assert found["format"] == "onnx"
        assert 0 <= found["accuracy_int8"] <= 1
        assert found["measured_on"] >= 40
        assert found["difference"] is None


def test_columns_of_the_data_can_be_named(run: Run, workplace: Path, tmp_path: Path) -> None:
    (workplace / "named.csv").write_text("a,b,c\ngood,positive,1\nbad,negative,2\n")
    options = ("--int8", "--max-loss", "1", "--data", "named.csv", "--format", "csv")
    answer = run(
        "export", "reviews-model", *options, "--text", "a", "--label", "b", "--out", str(tmp_path / "x")
    )
    assert answer.code == 0, answer.err
    (row,) = csv.DictReader(io.StringIO(answer.out))
    assert row["measured_on"] == "2"


def test_the_folder_of_data_sets_is_not_the_data_of_an_export(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    assert run("export", "reviews-model", "--out", str(tmp_path / "x")).code == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--int8"], 2, "--data"),
        (["--to", "pickle"], 2, "pickle"),
        (["--format", "pickle"], 2, "pickle"),
        (["--json", "--format", "csv"], 2, "--json"),
        (["--to", "web", "--runtime", "missing.tgz"], 1, "missing.tgz"),
        (["--int8", "--data", "missing.csv"], 1, "missing.csv"),
    ],
)
def test_export_refuses(run: Run, tmp_path: Path, options: list[str], code: int, says: str) -> None:
    answer = run("export", "reviews-model", "--out", str(tmp_path / "out"), *options)
    assert answer.code == code
    assert answer.out == ""
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
