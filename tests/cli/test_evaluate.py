"""evaluate and compare, of one label for each text and of several."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from cli_workplace import Run, report_of, rows_of

from foretell.cli.reports import labels_text
from foretell.runtime.labels.evaluation import evaluation_report


def test_evaluate_labels(run: Run) -> None:
    answer = run("evaluate", "reviews-model", "reviews.csv", "--json")
    report = json.loads(answer.out)
    assert len(answer.out.splitlines()) == 1
    assert report["texts"] == 40
    assert {"accuracy", "macro_f1", "labels", "confusion", "calibration_error", "coverage"} <= set(
        report
    )
    assert report["coverage"][0]["coverage"] == 1
    assert report["coverage"][0]["accuracy"] == report["accuracy"]
    # What the table says of a threshold is what classify does with it.
    threshold = report["coverage"][-1]["threshold"]
    command = ("classify", "reviews-model", "reviews.csv", "--no-keep-columns", "--format", "jsonl")
    rows = rows_of(run(*command, "--abstain-below", str(threshold)))
    answered = sum(row["label"] != "" for row in rows)
    assert answered / 40 == pytest.approx(report["coverage"][-1]["coverage"])
    assert "true \\ predicted" in run("evaluate", "reviews-model", "reviews.csv").out


def test_intervals_are_shown_and_the_table_has_the_metrics(run: Run) -> None:
    report = report_of(run("evaluate", "reviews-model", "reviews.csv", "--json"))
    text = run("evaluate", "reviews-model", "reviews.csv").out
    low, high = report["intervals"]["accuracy"]
    assert f"({100 * low:.2f} % to {100 * high:.2f} %)" in text
    rows = rows_of(run("evaluate", "reviews-model", "reviews.csv", "--format", "csv"))
    assert [row["label"] for row in rows] == ["negative", "positive"]
    for row in rows:
        metrics = report["labels"][row["label"]]
        assert {name: float(row[name]) for name in metrics} == pytest.approx(metrics)


def test_wrong_answers_are_shown_where_somebody_asks(run: Run, workplace: Path) -> None:
    lines = ["good,negative", "bad,positive", "good thing,positive", "bad thing,negative"]
    (workplace / "wrong.csv").write_text("\n".join(["text,label", *lines]))
    command = ("evaluate", "reviews-model", "wrong.csv")
    assert "Wrong answers" not in run(*command).out
    assert report_of(run(*command, "--json")).get("mistakes", []) == []
    text = run(*command, "--show", "1").out
    assert "Wrong answers, the most probable ones first:" in text
    found = report_of(run(*command, "--show", "5", "--json"))["mistakes"]
    assert found
    assert all(each["label"] != each["predicted"] for each in found)
    probabilities = [each["probability"] for each in found]
    assert probabilities == sorted(probabilities, reverse=True)


def test_a_label_without_texts_has_no_metrics_that_are_shown() -> None:
    report = evaluation_report(["a", "b"], np.eye(3)[[0, 2]], ["a", "b", "c"])
    lines = [line.split()[:5] for line in labels_text(report).splitlines()]
    assert ["c", "–", "–", "–", "0"] in lines
    assert ["b", "0.0000", "0.0000", "0.0000", "1"] in lines


def test_a_report_of_hundreds_of_labels_can_be_read() -> None:
    names = [f"label {number:03}" for number in range(200)]
    # Label 7 is taken for label 8, and nothing else is wrong.
    rows = np.eye(200)[[8 if place == 7 else place for place in range(200)] * 2]
    report = evaluation_report([*names, *names], rows, names)
    lines = labels_text(report).splitlines()
    assert len(lines) < 60
    assert any(
        "200 labels, 200 of them in this data. The 30 with the lowest F1" in x for x in lines
    )
    # Where nothing is confused, there is no table of it.
    right = labels_text(evaluation_report([*names, *names], np.eye(200)[[*range(200)] * 2], names))
    assert ("confused" in "".join(lines), "confused" in right) == (True, False)
    first = next(place for place, line in enumerate(lines) if line.startswith("label 0"))
    assert lines[first].startswith("label 007")
    assert lines[first + 1].startswith("label 008")
    assert any(line.split() == ["label", "007", "label", "008", "2"] for line in lines)


def test_slices_are_the_metrics_of_each_value(run: Run, workplace: Path) -> None:
    rows = [
        ("web", "good thing", "positive"),
        ("mail", "bad thing", "negative"),
        ("web", "awful", "negative"),
    ]
    lines = "".join(",".join(row) + "\n" for row in rows)
    (workplace / "sliced.csv").write_text("source,text,label\n" + lines)
    command = ("evaluate", "reviews-model", "sliced.csv", "--by", "source")
    report = report_of(run(*command, "--json"))
    assert [(row["value"], row["texts"]) for row in report["slices"]["values"]] == [
        ("web", 2),
        ("mail", 1),
    ]
    table = rows_of(run(*command, "--format", "csv"))
    assert [(row["source"], row["texts"]) for row in table] == [("web", "2"), ("mail", "1")]
    assert float(table[0]["accuracy"]) == report["slices"]["values"][0]["accuracy"]


def test_the_threshold_that_costs_least(run: Run) -> None:
    command = ("evaluate", "reviews-model", "reviews.csv", "--cost", "fp=5,fn=1")
    threshold = report_of(run(*command, "--json"))["threshold"]
    assert threshold["positive"] == "positive"
    assert threshold["chosen"]["cost"] <= threshold["at_half"]["cost"]
    text = run(*command).out
    assert "threshold of 'positive'" in text
    assert "The threshold was chosen on this data: expect a higher cost on new texts." in text
    other = report_of(run(*command, "--positive", "negative", "--json"))
    assert other["threshold"]["positive"] == "negative"


WORDS = {"bug": "crash", "ux": "ugly", "billing": "refund"}


@pytest.fixture(scope="module")
def data(workplace: Path) -> Path:
    """A file with none to three labels a text."""
    rows = []
    for i in range(60):
        given = [name for place, name in enumerate(WORDS) if i >> place & 1]
        rows.append(
            (
                f"{' '.join(WORDS[name] for name in given)} thing {i}",
                " | ".join(given) or "|",
                "ab"[i % 2],
            )
        )
    path = workplace / "several.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "labels", "source"), *rows])
    return path


@pytest.fixture
def model(run: Run, data: Path) -> Path:
    folder = data.with_name("several-model")
    if not folder.exists():
        done = run(
            "train", "labels", str(data), "--multi-label", "|", "--out", str(folder), "--json"
        )
        assert done.code == 0, done.err
        assert "3 labels" in done.err
        assert "micro_f1" in json.loads(done.out)
    return folder


def test_every_command_works_with_several_labels(
    run: Run, data: Path, model: Path, tmp_path: Path
) -> None:
    settings = json.loads((model / "config.json").read_text())["settings"]
    assert settings["multi_label"] == "|"
    answer = report_of(run("classify", str(model), "--literal", "crash ugly thing", "--json"))
    assert answer["labels"] == [
        name for name in answer["probabilities"] if name in answer["label"].split("|")
    ]
    assert list(answer["probabilities"]) == ["billing", "bug", "ux"]
    survey = report_of(run("data", str(data), "--multi-label", "|", "--json"))
    assert survey["labels"] == {"billing": 28, "bug": 30, "ux": 30}

    # The separator is that of the model.
    report = report_of(run("evaluate", str(model), str(data), "--json", "--by", "source"))
    assert report["texts"] == 60
    assert report["labels"]["bug"]["support"] == 30
    assert [each["value"] for each in report["slices"]["values"]] == ["a", "b"]
    assert "Micro F1" in run("evaluate", str(model), str(data)).out
    table = rows_of(run("evaluate", str(model), str(data), "--format", "csv"))
    assert [each["label"] for each in table] == ["billing", "bug", "ux"]

    # A label that the model lacks is never given: its text counts as wrong.
    ours = answer["label"]
    odd = tmp_path / "odd.csv"
    odd.write_text(f"text,label\ncrash ugly thing,{ours}\ncrash ugly thing,{ours}|odd\n")
    report = report_of(run("evaluate", str(model), str(odd), "--json"))
    assert (report["unknown_labels"], report["accuracy"]) == (["odd"], 0.5)
    assert report["labels"]["odd"]["recall"] == 0

    why = report_of(run("explain", str(model), "crash ugly thing", "--label", "ux", "--json"))
    assert why["label"] == "ux"

    exported = run(
        "export", str(model), "--to", "onnx", "--out", str(tmp_path / "copy"), "--data", str(data)
    )
    assert exported.code == 0, exported.err
    assert len(json.loads((tmp_path / "copy" / "model.json").read_text())["thresholds"]) == 3


def test_what_needs_one_label_a_text_is_refused(run: Run, data: Path, model: Path) -> None:
    for command, says in (
        (("evaluate", str(model), str(data), "--cost", "fp=1,fn=2"), "no cost"),
        (("evaluate", str(model), str(data), "--folds", "2"), "no folds"),
        (("compare", str(model), str(model), str(data)), "a model with one label for each text"),
        (
            ("classify", str(model), "--literal", "x", "--abstain-below", "0.5"),
            "each label has a threshold",
        ),
        (("train", "labels", str(data), "--multi-label", "x", "--out", "nowhere"), "a separator"),
    ):
        done = run(*command)
        assert done.code != 0
        assert says in done.err.strip().splitlines()[-1]
