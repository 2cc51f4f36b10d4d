"""classify: one answer for each record, always, in every format."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_workplace import Run, as_stdin, rows_of
from python_calamine import CalamineWorkbook


def test_classify_takes_texts_files_and_several_of_them(run: Run) -> None:
    # Neither a text longer than a file's name nor an empty one, which would name this folder, is a
    # file.
    answer = run(
        "classify", "reviews-model", "good", "reviews.csv", "bad", "a long review " * 30, ""
    )
    assert len(answer.out.splitlines()) == 44


def test_classify_reads_standard_input(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    for arguments in (["-"], []):
        monkeypatch.setattr(sys, "stdin", as_stdin("good\n\nbad"))
        assert len(run("classify", "reviews-model", *arguments).out.splitlines()) == 3


def test_an_answer_keeps_the_columns_of_its_record(run: Run, workplace: Path) -> None:
    with (workplace / "tickets.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    for format in ("jsonl", "csv"):
        rows = rows_of(
            run("classify", "reviews-model", "--format", format, "tickets.csv", "--text", "body")
        )
        assert [{name: row[name] for name in records[0]} for row in rows] == records
        extra = ["probabilities"] if format == "jsonl" else []
        assert list(rows[0]) == [
            "body",
            "team",
            "subject",
            "label",
            "probability",
            *extra,
            "reason",
            "flags",
        ]
    command = ("tickets.csv", "--text", "body", "--no-keep-columns", "--format", "csv")
    alone = rows_of(run("classify", "reviews-model", *command))
    assert list(alone[0]) == ["text", "label", "probability", "reason", "flags"]
    assert [row["text"] for row in alone] == [record["body"] for record in records]


def test_columns_keep_their_types(run: Run, tmp_path: Path) -> None:
    record = {
        "text": "good",
        "id": 7,
        "score": 1.5,
        "tags": ["a", "b"],
        "nothing": None,
        "is": True,
    }
    source = tmp_path / "typed.jsonl"
    source.write_text(json.dumps(record) + "\n")
    (row,) = rows_of(run("classify", "reviews-model", "--json", str(source)))
    assert {name: row[name] for name in record} == record
    (cells,) = rows_of(run("classify", "reviews-model", "--format", "csv", str(source)))
    assert [cells[name] for name in record] == ["good", "7", "1.5", "a; b", "", "True"]
    table = pa.table({"text": ["good"], "when": [date(2026, 1, 2)], "n": [float("nan")]})
    pq.write_table(table, tmp_path / "typed.parquet")
    (row,) = rows_of(run("classify", "reviews-model", "--json", str(tmp_path / "typed.parquet")))
    assert (row["when"], row["n"]) == ("2026-01-02", None)


def test_labels_that_are_there_are_not_looked_at(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "several.jsonl"
    records = [{"text": "good", "label": ["a", "b;c"]}, {"text": "bad", "label": []}]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = rows_of(run("classify", "reviews-model", "--json", str(source)))
    assert [(row["text"], row["label"]) for row in rows] == [
        (r["text"], r["label"]) for r in records
    ]
    assert {row["foretell_label"] for row in rows} <= {"negative", "positive"}


def test_a_column_keeps_its_name_and_the_answer_gets_another(run: Run, workplace: Path) -> None:
    with (workplace / "reviews.csv").open(newline="") as file:
        truth = [row["label"] for row in csv.DictReader(file)]
    for format in ("jsonl", "csv"):
        rows = rows_of(run("classify", "reviews-model", "--format", format, "reviews.csv"))
        assert [row["label"] for row in rows] == truth
        assert {row["foretell_label"] for row in rows} == {"negative", "positive"}


def test_columns_that_the_first_record_lacks(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "mixed.jsonl"
    records = [
        {"text": "good", "a": 1},
        {"text": "bad", "b": 2},
        {"text": "dull", "label": "mine", "a": 3},
    ]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    first, second, third = rows_of(run("classify", "reviews-model", "--json", str(source)))
    assert first["a"] == 1
    assert second["b"] == 2
    # The name of an answer means the same in every line.
    assert third["label"] in ("negative", "positive")
    table = run("classify", "reviews-model", str(source), "--format", "csv")
    rows = rows_of(table)
    assert [row["a"] for row in rows] == ["1", "", "3"]
    assert list(rows[0]) == ["text", "a", "label", "probability", "reason", "flags"]
    assert "left out columns that the first record does not have: 'b'" in table.err


def test_an_answer_comes_before_the_next_text_is_asked_for(workplace: Path) -> None:
    command = [sys.executable, "-m", "foretell", "classify", "reviews-model", "--format", "jsonl"]
    with subprocess.Popen(
        command, cwd=workplace, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"good thing\n")
        process.stdin.flush()
        # Blocks for ever where the answer waits in a buffer.
        assert json.loads(process.stdout.readline())["text"] == "good thing"
        process.stdin.write(b"bad thing\nthe last one")
        process.stdin.close()
        assert len(process.stdout.read().splitlines()) == 2
    assert process.returncode == 0


def answers(run: Run, *argv: str) -> dict[str, list[Any]]:
    """Return the answers alone in each format: lines of text, records, rows."""
    command = ("classify", "reviews-model", *argv, "--no-keep-columns")
    text = run(*command).out.splitlines()
    records, table = (rows_of(run(*command, "--format", name)) for name in ("jsonl", "csv"))
    return {"text": text, "jsonl": records, "csv": table}


def test_classify_writes_a_file_whole_or_not_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    texts = ("Schöne Möbel", "=good")
    for name, encoding in (("a.csv", "utf-8-sig"), ("a.jsonl", "utf-8")):
        # A shell leaves the ~ of --out=~/a.csv as it is.
        answer = run("classify", "reviews-model", *texts, f"--out=~/{name}")
        assert (answer.code, answer.out) == (0, "")
        assert answer.err == f"wrote {tmp_path / name}: 2 answers\n"
        to_stdout = run("classify", "reviews-model", *texts, "--format", name.partition(".")[2])
        written = (tmp_path / name).read_bytes().decode(encoding)
        assert "".join(written.splitlines()) == "".join(to_stdout.out.splitlines())
    # Spreadsheet programs recognise UTF-8 by its mark.
    assert (tmp_path / "a.csv").read_bytes().startswith(b'\xef\xbb\xbf"text",')
    # In a workbook a text is never a formula, and a number stays one.
    assert run("classify", "reviews-model", *texts, f"--out={tmp_path / 'a.XLSX'}").code == 0
    header, *rows = (
        CalamineWorkbook.from_path(tmp_path / "a.XLSX").get_sheet_by_index(0).to_python()
    )
    assert header[:3] == ["text", "label", "probability"]
    assert [row[0] for row in rows] == [*texts]
    assert all(isinstance(row[2], float) for row in rows)
    failed = run("classify", "reviews-model", "missing.csv", "--out", str(tmp_path / "b.xlsx"))
    assert failed.code == 1
    assert {each.name for each in tmp_path.iterdir()} == {"a.csv", "a.jsonl", "a.XLSX"}


def test_classify_abstains_below_a_probability_in_every_format(run: Run) -> None:
    found = answers(run, "reviews.csv", "--abstain-below", "1")
    always = answers(run, "reviews.csv")
    assert len(found["text"]) == len(found["jsonl"]) == len(found["csv"]) == 40
    for line, record, row in zip(*found.values(), strict=True):
        assert line.startswith(" ")
        assert line.endswith("  [below 1]")
        assert (
            (record["label"], record["reason"]) == (row["label"], row["reason"]) == ("", "below 1")
        )
        assert (
            float(row["probability"])
            == record["probability"]
            == max(record["probabilities"].values())
        )
    for line, record, row in zip(*always.values(), strict=True):
        assert line.split()[0] == record["label"] == row["label"] != ""
        assert record["reason"] == row["reason"] == ""
    assert answers(run, "reviews.csv", "--abstain-below", "0")["csv"] == always["csv"]
