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


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("names", [("wrong.csv", "reviews.csv"), ("[wr]*e*s.csv", "wrong.csv")])
def test_several_files_are_one_survey(run: Run, names: tuple[str, str]) -> None:
    answer = run("data", *names, "--json")
    found = report_of(answer)
    assert (found["name"], found["texts"]) == ("2 files", 81)
    assert found["duplicates"]["texts"] == 41
    assert "read 2 files with 81 records" in answer.err


def test_errors_are_corrected_in_a_copy_by_a_table(run: Run, wrong: str, workplace: Path) -> None:
    answer = run("data", wrong, "--check-labels", "--format", "csv")
    assert "fold 5 of 5" in answer.err
    table = rows_of(answer)
    first = table[0]
    assert (first["finding"], first["row"], first["suggested"]) == (
        "likely label error",
        "11",
        "positive",
    )
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
