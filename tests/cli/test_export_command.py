"""export: what it prints, what it leaves; and spreadsheets, which run what they are given."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_workplace import Run

from foretell.artifacts.directory import read_model, write_model
from foretell.cli.output import Writer
from foretell.ngrams.interpolation import Interpolation
from foretell.training.words import kneser_ney_fit


def test_export_tells_where_and_how_well(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "reviews-onnx"
    answer = run("export", "reviews-model", "--out", str(out))
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"{out}: ")
    assert "on 200 texts" in answer.out
    assert {"README.md", "model.json", "model.onnx", "tokenizer.json"} <= {p.name for p in out.iterdir()}


def test_export_keeps_tensorflow_quiet(workplace: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foretell", "export", "reviews-model", "--format", "keras"]
    # As in a terminal of its own: other tests may have set this.
    alone = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        cwd=workplace, env=alone, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path / 'out'}: ")
    assert done.stderr == ""


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


def test_that_the_n_grams_of_a_language_model_stay_behind_is_told(
    run: Run, workplace: Path, tmp_path: Path
) -> None:
    model = read_model(workplace / "notes-model")
    ids = np.array(model.tokenizer.encode((workplace / "notes.txt").read_text()), np.int32)
    parts = {
        "kneser_ney": kneser_ney_fit.count(ids, model.tokenizer.size).model,
        "interpolation": Interpolation((0.5,) * 5),
    }
    write_model(dataclasses.replace(model, **parts), tmp_path / "mixed")
    answer = run("export", str(tmp_path / "mixed"), "--out", str(tmp_path / "out"))
    assert answer.code == 0, answer.err
    assert answer.err == "exports hold the network alone, without the n-gram model that foretell mixes in\n"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--int8"], 2, "--data"),
        (["--format", "pickle"], 2, "pickle"),
        (["--format", "web", "--runtime", "missing.tgz"], 1, "missing.tgz"),
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


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1"]


def table(capsys: pytest.CaptureFixture[str], format: str) -> list[dict[str, str]]:
    capsys.readouterr()
    writer = Writer(format, ["text", "number", "flags"])  # type: ignore[arg-type]
    for text in [*FORMULAS, "a=1", "'=1", ""]:
        writer.write({"text": text, "number": -1.5, "flags": ["=a", "b"]}, "")
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))


def test_csv_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, "csv")
    assert [row["text"] for row in rows] == [*(f"'{text}" for text in FORMULAS), "a=1", "'=1", ""]
    assert {row["number"] for row in rows} == {"-1.5"}
    assert {row["flags"] for row in rows} == {"'=a; b"}


def test_csv_raw_leaves_texts_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, "csv-raw")
    assert [row["text"] for row in rows] == [*FORMULAS, "a=1", "'=1", ""]
    assert {row["flags"] for row in rows} == {"=a; b"}


def test_classify_writes_both(run: Run) -> None:
    texts = ["=good thing", "-bad thing"]
    for format, mark in (("csv", "'"), ("csv-raw", "")):
        answer = run("classify", "reviews-model", "--format", format, "--", *texts)
        assert answer.code == 0, answer.err
        rows = list(csv.DictReader(io.StringIO(answer.out)))
        assert [row["text"] for row in rows] == [mark + text for text in texts]
        assert rows[0]["flags"] == "far shorter than any seen in training"


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
