"""data: the survey, likely label errors and a corrected copy, from the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from cli_workplace import Run, report_of, reviews, rows_of


@pytest.fixture
def wrong(workplace: Path) -> str:
    """Reviews of which one has the wrong label."""
    lines = list(reviews())
    lines[10] = lines[10].replace(",positive\n", ",negative\n")
    lines.append('"good thing, number 4,\nwith a second line",negative\n')
    (workplace / "wrong.csv").write_text("text,label\n" + "".join(lines))
    return "wrong.csv"


def test_the_survey_as_text_and_json(run: Run, wrong: str, workplace: Path) -> None:
    answer = run("data", wrong, "--test", "reviews.csv", "--html", "survey.html")
    assert "41" in answer.out
    assert "2 labels" in answer.out
    assert "also in the training data" in answer.out
    assert "<meter" in (workplace / "survey.html").read_text()
    found = report_of(run("data", wrong, "--test", "reviews.csv", "--json"))
    assert (found["texts"], found["encoding"]) == (41, None)
    assert found["overlaps"][0]["equal"] == 40
    assert found["label_errors"] is None


def test_errors_are_corrected_in_a_copy_by_a_table(run: Run, wrong: str, workplace: Path) -> None:
    answer = run("data", wrong, "--check-labels", "--format", "csv")
    assert "fold 5 of 5" in answer.err
    table = rows_of(answer)
    first = table[0]
    assert (first["finding"], first["row"], first["suggested"]) == ("likely label error", "11", "positive")
    first["accept"] = "yes"
    with (workplace / "accepted.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerows(table)
    before = (workplace / wrong).read_bytes()
    answer = run("data", wrong, "--accept", "accepted.csv", "--out", "clean.csv")
    assert (answer.code, "wrote clean.csv: 1 label changed" in answer.err) == (0, True)
    assert (workplace / wrong).read_bytes() == before
    with (workplace / "clean.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert (len(labels), labels[10]) == (41, "positive")


def test_errors_are_accepted_above_a_probability(run: Run, wrong: str) -> None:
    command = ("data", wrong, "--check-labels", "--json")
    found = report_of(run(*command))["label_errors"]
    count = sum(each["suggested_probability"] >= 0.5 for each in found["errors"])
    answer = run(*command, "--accept-above", "0.5", "--out", "clean.csv")
    assert f"{count} label" in answer.err
    text = run("data", wrong, "--check-labels", "--show", "1").out
    assert "likely label errors" in text
    assert "more likely" not in run("data", wrong, "--check-labels", "--show", "0").out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--check-labels --accept-above 2 --out clean.csv", 2, "from 0 to 1, found 2.0"),
        ("--check-labels --accept-above 0.9 --out reviews.csv", 2, "another file than the data"),
        ("--accept tickets.csv --out clean.csv", 1, "named 'text'"),
        ("--html no-folder/page.html", 1, "a file that can be written"),
    ],
)
def test_what_cannot_be_written_is_one_line(run: Run, options: str, code: int, message: str) -> None:
    answer = run("data", "reviews.csv", *options.split())
    assert answer.code == code
    assert message in answer.err.splitlines()[-1]
