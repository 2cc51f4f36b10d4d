"""evaluate: the figures of both jobs, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli.evaluate import labels_text


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
    command = ("classify", "reviews-model", "reviews.csv", "--no-keep-columns", "--format", "jsonl")
    answer = run(*command, "--abstain-below", str(threshold)).out
    rows = [json.loads(line) for line in answer.splitlines()]
    answered = sum(row["label"] != "" for row in rows)
    assert answered / 40 == pytest.approx(report["coverage"][-1]["coverage"])
    assert "accuracy" in shown
    assert "true \\ predicted" in shown


def test_evaluate_words(run: Run) -> None:
    report = json.loads(run("evaluate", "notes-model", "notes.txt", "--json").out)
    scored = json.loads(run("score", "notes-model", "notes.txt", "--format", "jsonl").out)
    assert report["perplexity"] == pytest.approx(scored["perplexity"])


def test_evaluate_labels_as_csv_is_one_row_for_each_label(run: Run) -> None:
    report = json.loads(run("evaluate", "reviews-model", "reviews.csv", "--format", "jsonl").out)
    table = run("evaluate", "reviews-model", "reviews.csv", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["label"] for row in rows] == ["negative", "positive"]
    for row in rows:
        figures = report["labels"][row["label"]]
        assert {name: float(value) for name, value in row.items() if name != "label"} == pytest.approx(
            figures
        )


def test_evaluate_reads_any_format_that_is_named(run: Run, workplace: Path) -> None:
    lines = ({"text": text, "label": label} for text, label in (("good", "positive"), ("bad", "negative")))
    (workplace / "records").write_text("".join(json.dumps(line) + "\n" for line in lines))
    answer = run("evaluate", "reviews-model", "records", "--input-format", "jsonl", "--json")
    assert json.loads(answer.out)["texts"] == 2


def test_plain_text_has_no_columns(run: Run) -> None:
    for option in (("--text", "a"), ("--label", "b"), ("--input-format", "csv")):
        answer = run("evaluate", "notes-model", "notes.txt", *option)
        assert (answer.code, answer.out) == (2, "")
        assert "plain text for a model for words" in answer.err


def test_labels_with_control_sequences_are_shown_without_them() -> None:
    report = {
        "texts": 1, "accuracy": 1.0, "macro_f1": 1.0,
        "labels": {"a\x1b[31m\nb": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}},
        "confusion": {"names": ["a\x1b[31m\nb"], "counts": [[1]]},
    }  # fmt: skip
    text = labels_text(report)
    assert "\x1b" not in text
    assert text.count("a\u241b[31m b") == 3
