"""next, complete, score, classify, evaluate, info: data on stdout, one answer per record."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run

from foretell.cli import main


def test_next_gives_k_words_likeliest_first(run: Run) -> None:
    answer = run("next", "notes-model", "What stands in the", "-k", "3", "--format", "jsonl")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert len(rows) == 3
    assert rows == sorted(rows, key=lambda row: -row["probability"])
    assert answer.err == ""


def test_next_as_csv(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("next", "notes-model", "the", "--format", "csv").out)))
    assert len(rows) == 5
    assert set(rows[0]) == {"word", "probability"}


def test_complete_goes_on_from_the_text_and_repeats_with_a_seed(run: Run) -> None:
    first, second = (
        run("complete", "notes-model", "The mind", "--words", "6", "--seed", "3") for _ in range(2)
    )
    assert first.out.startswith("The mind")
    assert len(first.out) > len("The mind\n")
    assert first == second


def test_score_counts_the_file(run: Run) -> None:
    record = json.loads(run("score", "notes-model", "notes.txt", "--format", "jsonl").out)
    assert record["perplexity"] > 1
    assert record["unknown"] == 0
    zipped = json.loads(run("score", "notes-model", "notes.txt.gz", "--format", "jsonl").out)
    assert zipped == record


def test_classify_answers_each_record_once_newlines_inside_and_all(run: Run) -> None:
    text = run("classify", "reviews-model", "reviews.csv").out.splitlines()
    rows = [
        json.loads(line)
        for line in run("classify", "reviews-model", "reviews.csv", "--format", "jsonl").out.splitlines()
    ]
    table = list(
        csv.DictReader(io.StringIO(run("classify", "reviews-model", "reviews.csv", "--format", "csv").out))
    )
    assert len(text) == len(rows) == len(table) == 40
    assert "\n" in rows[0]["text"]
    assert rows[0]["text"] == table[0]["text"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_classify_takes_texts_files_and_several_of_them(run: Run) -> None:
    # Neither a text longer than a file's name nor an empty one, which would name this folder, is a file.
    answer = run("classify", "reviews-model", "good", "reviews.csv", "bad", "a long review " * 30, "")
    assert len(answer.out.splitlines()) == 44


def test_classify_reads_standard_input(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    for arguments in (["-"], []):
        stdin = io.TextIOWrapper(io.BytesIO(b"good\n\nbad"), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)
        assert len(run("classify", "reviews-model", *arguments).out.splitlines()) == 3


FORMATS = ("text", "jsonl", "csv")


def answers(run: Run, *argv: str) -> dict[str, list[Any]]:
    """Return what classify answers in each format: lines of text, records, rows."""
    text, jsonl, table = (run("classify", "reviews-model", *argv, "--format", name).out for name in FORMATS)
    records = [json.loads(line) for line in jsonl.splitlines()]
    return {"text": text.splitlines(), "jsonl": records, "csv": list(csv.DictReader(io.StringIO(table)))}


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
    below = run("classify", "reviews-model", "reviews.csv", "--abstain-below", "0", "--format", "csv").out
    assert list(csv.DictReader(io.StringIO(below))) == always["csv"]


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


def test_classify_refuses_a_threshold_that_is_no_probability(run: Run) -> None:
    for value in ("80", "-0.5", "nan", "much"):
        answer = run("classify", "reviews-model", "good", f"--abstain-below={value}", "--format", "csv")
        assert (answer.code, answer.out) == (2, "")
        assert "--abstain-below" in answer.err or "abstain-below" in answer.err


def test_evaluate_labels(run: Run) -> None:
    answer = run("evaluate", "reviews-model", "reviews.csv", "--json")
    report = json.loads(answer.out)
    assert len(answer.out.splitlines()) == 1
    assert report["texts"] == 40
    assert {"accuracy", "macro_f1", "labels", "confusion", "calibration_error", "coverage"} <= set(report)
    assert report["coverage"][0]["coverage"] == 1
    assert report["coverage"][0]["accuracy"] == report["accuracy"]
    shown = run("evaluate", "reviews-model", "reviews.csv").out
    lines = shown[shown.index("abstain below") :].splitlines()
    for line, row in zip(lines[1:], report["coverage"], strict=True):
        assert line.split() == [
            f"{row['threshold']:.4f}",
            *(f"{100 * row['coverage']:.2f} %".split()),
            *(f"{100 * row['accuracy']:.2f} %".split()),
        ]
    # What the table says of a threshold is what classify does with it.
    threshold = report["coverage"][-1]["threshold"]
    rows = answers(run, "reviews.csv", "--abstain-below", str(threshold))["jsonl"]
    answered = sum(row["label"] != "" for row in rows)
    assert answered / 40 == pytest.approx(report["coverage"][-1]["coverage"])
    assert "accuracy" in shown
    assert "true \\ predicted" in shown


def test_evaluate_words(run: Run) -> None:
    report = json.loads(run("evaluate", "notes-model", "notes.txt", "--json").out)
    scored = json.loads(run("score", "notes-model", "notes.txt", "--format", "jsonl").out)
    assert report["perplexity"] == pytest.approx(scored["perplexity"])


def test_info_shows_model_and_presets(run: Run) -> None:
    assert "negative, positive" in run("info", "reviews-model").out
    presets = run("info", "--presets").out
    assert all(name in presets for name in ("article", "base", "cnn-lstm", "learning-rate", "iterations"))


def test_doctor_says_what_is_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    answer = run("doctor")
    assert answer.code == 0
    assert "onnxruntime" in answer.out
    assert "/nowhere (no such folder)" in answer.out


def test_doctor_says_what_is_missing_and_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell.cli import doctor

    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if "tensorflow" in name else found(name))
    answer = run("doctor")
    assert answer.code == 0
    assert "missing: tensorflow; get it with: pip install 'foretell[train]'" in answer.out


def test_a_closed_pipe_is_quiet(workplace: Path) -> None:
    script = f"yes 'a good thing' | {sys.executable} -m foretell classify reviews-model - | head -n 2"
    done = subprocess.run(script, shell=True, cwd=workplace, capture_output=True, text=True, env=os.environ)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_predicting_loads_nothing_heavy(workplace: Path) -> None:
    heavy = ("tensorflow", "keras", "onnx", "sklearn", "pandas", "pyarrow", "rich")
    script = (
        "import sys; from foretell.cli import main; code = main(sys.argv[1:]);"
        f"loaded = [name for name in {heavy} if name in sys.modules];"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    for argv in (["classify", "reviews-model", "good"], ["next", "notes-model", "the"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *argv], cwd=workplace, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "classify" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out[0].isdigit()
