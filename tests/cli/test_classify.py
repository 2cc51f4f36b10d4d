"""classify: one answer for each record, always, with the columns of the record."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_workplace import Run, as_stdin, rows_of

from foretell.cluster.rows import ANSWER, free_names


def test_classify_takes_texts_files_and_several_of_them(run: Run) -> None:
    # Neither a text longer than a file's name nor an empty one, which would name this folder, is a file.
    answer = run("classify", "reviews-model", "good", "reviews.csv", "bad", "a long review " * 30, "")
    assert len(answer.out.splitlines()) == 44


def test_classify_reads_standard_input(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    for arguments in (["-"], []):
        monkeypatch.setattr(sys, "stdin", as_stdin("good\n\nbad"))
        assert len(run("classify", "reviews-model", *arguments).out.splitlines()) == 3


def test_an_answer_keeps_the_columns_of_its_record(run: Run, workplace: Path) -> None:
    with (workplace / "tickets.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    for format in ("jsonl", "csv"):
        rows = rows_of(run("classify", "reviews-model", "--format", format, "tickets.csv", "--text", "body"))
        assert [{name: row[name] for name in records[0]} for row in rows] == records
        extra = ["probabilities"] if format == "jsonl" else []
        assert list(rows[0]) == ["body", "team", "subject", "label", "probability", *extra, "reason", "flags"]
    alone = rows_of(
        run(
            "classify",
            "reviews-model",
            "--format",
            "csv",
            "tickets.csv",
            "--text",
            "body",
            "--no-keep-columns",
        )
    )
    assert list(alone[0]) == ["text", "label", "probability", "reason", "flags"]
    assert [row["text"] for row in alone] == [record["body"] for record in records]


def test_columns_keep_their_types(run: Run, tmp_path: Path) -> None:
    record = {"text": "good", "id": 7, "score": 1.5, "tags": ["a", "b"], "nothing": None, "is": True}
    source = tmp_path / "typed.jsonl"
    source.write_text(json.dumps(record) + "\n")
    (row,) = rows_of(run("classify", "reviews-model", "--json", str(source)))
    assert {name: row[name] for name in record} == record
    (cells,) = rows_of(run("classify", "reviews-model", "--format", "csv", str(source)))
    assert [cells[name] for name in record] == ["good", "7", "1.5", "a; b", "", "true"]
    table = pa.table({"text": ["good"], "when": [date(2026, 1, 2)], "n": [float("nan")]})
    pq.write_table(table, tmp_path / "typed.parquet")
    (row,) = rows_of(run("classify", "reviews-model", "--json", str(tmp_path / "typed.parquet")))
    assert (row["when"], row["n"]) == ("2026-01-02", None)


def test_a_column_keeps_its_name_and_the_answer_gets_another(run: Run, workplace: Path) -> None:
    with (workplace / "reviews.csv").open(newline="") as file:
        truth = [row["label"] for row in csv.DictReader(file)]
    for format in ("jsonl", "csv"):
        rows = rows_of(run("classify", "reviews-model", "--format", format, "reviews.csv"))
        assert [row["label"] for row in rows] == truth
        assert {row["foretell_label"] for row in rows} == {"negative", "positive"}
    names = free_names({"label": "", "foretell_label": "", "flags": ""}, ANSWER)
    assert (names["label"], names["flags"], names["reason"]) == (
        "foretell_foretell_label", "foretell_flags", "reason"
    )  # fmt: skip


def test_columns_are_named_as_on_the_web_page() -> None:
    page = resources.files("foretell.service.page")
    scripts = [each.read_text() for each in page.iterdir() if each.name.endswith(".js")]
    matches = [match for script in scripts if (match := re.search(r"const ANSWER\w* = \[(.*?)\]", script))]
    (names,) = (match[1] for match in matches)
    assert re.findall(r'"(\w+)"', names) == [part for part in ANSWER if part != "probabilities"]
    assert sum("`foretell_${" in script for script in scripts) == 1


def test_columns_that_the_first_record_lacks(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "mixed.jsonl"
    records = [{"text": "good", "a": 1}, {"text": "bad", "b": 2}, {"text": "dull", "label": "mine", "a": 3}]
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


def test_labels_and_texts_bring_no_control_sequence(run: Run) -> None:
    text = "good \x1b]0;x\x07 thing"
    out = run("classify", "reviews-model", text).out
    assert not set("\x1b\x07") & set(out)
    assert "good \u241b]0;x\u2407 thing" in out
    (row,) = rows_of(run("classify", "reviews-model", "--json", text))
    assert row["text"] == text


def test_an_answer_comes_before_the_next_text_is_asked_for(workplace: Path) -> None:
    command = [sys.executable, "-m", "foretell", "classify", "reviews-model", "--format", "jsonl"]
    with subprocess.Popen(command, cwd=workplace, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
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


def test_classify_abstains_below_a_probability_in_every_format(run: Run) -> None:
    found = answers(run, "reviews.csv", "--abstain-below", "1")
    always = answers(run, "reviews.csv")
    assert len(found["text"]) == len(found["jsonl"]) == len(found["csv"]) == 40
    for line, record, row in zip(*found.values(), strict=True):
        assert line.startswith(" ")
        assert line.endswith("  [below 1]")
        assert (record["label"], record["reason"]) == (row["label"], row["reason"]) == ("", "below 1")
        assert float(row["probability"]) == record["probability"] == max(record["probabilities"].values())
    for line, record, row in zip(*always.values(), strict=True):
        assert line.split()[0] == record["label"] == row["label"] != ""
        assert record["reason"] == row["reason"] == ""
    assert answers(run, "reviews.csv", "--abstain-below", "0")["csv"] == always["csv"]


def test_classify_flags_odd_texts_in_every_format(run: Run) -> None:
    odd = ["", "good xyzzy quux", "good thing number " * 30]
    found = answers(run, "good thing, number 3 with a second line", *odd)
    assert [record["flags"] for record in found["jsonl"]] == [
        [],
        ["empty"],
        ["mostly unknown words", "far shorter than any seen in training"],
        ["far longer than any seen in training"],
    ]
    for line, record, row in zip(*found.values(), strict=True):
        assert row["flags"] == "; ".join(record["flags"])
        assert line.endswith(f"  [{row['flags']}]") == bool(row["flags"])


# A child is said to have had at least the memory of the process that started it, and a test's is large.
MEASURED = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
sys.stderr.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peak memory")
def test_a_pipe_is_answered_in_order_and_in_constant_memory(workplace: Path, tmp_path: Path) -> None:
    classify = ["-m", "foretell", "classify", "reviews-model", "-", "--format", "jsonl"]
    command = [sys.executable, "-c", MEASURED, sys.executable, *classify]
    source, answers = tmp_path / "big.jsonl", tmp_path / "out.jsonl"
    peaks = []
    for count in (3_000, 12_000):
        texts = (f"good thing, number {number} " + "bad and good " * 40 for number in range(count))
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        with source.open("rb") as asked, answers.open("wb") as answered:
            done = subprocess.run(
                command, cwd=workplace, stdin=asked, stdout=answered, stderr=subprocess.PIPE, check=True
            )
        peaks.append(int(done.stderr) / 1024)
        with answers.open() as lines:
            assert [int(json.loads(line)["text"].split()[3]) for line in lines] == list(range(count))
    # 9,000 more texts are 5 MB; held with their answers as objects they would be several times that.
    assert peaks[1] - peaks[0] < 5, peaks


def test_what_came_before_a_broken_record_is_answered(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    lines = [json.dumps({"text": f"good thing, number {number}"}) for number in range(2_000)]
    broken.write_text("\n".join([*lines, "{broken"]) + "\n")
    answer = run("classify", "reviews-model", str(broken), "--format", "jsonl")
    assert answer.code == 1
    assert "line 2001" in answer.err
    # All but the last, unfinished chunk.
    assert len(answer.out.splitlines()) >= 1_500
