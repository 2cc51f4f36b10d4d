"""compare: two models from the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.config import LabelsSettings
from tests.builders import write_random


@pytest.fixture
def other(workplace: Path) -> str:
    """A second model with the labels of the first, and random weights."""
    if not (workplace / "other-model").exists():
        settings = LabelsSettings(embedding_size=4, units=4)
        write_random(workplace / "other-model", settings, ["negative", "positive"], text="good bad thing")
        write_random(workplace / "odd-model", settings, ["negative", "odd"])
    return "other-model"


def test_it_shows_figures_the_test_and_texts(run: Run, other: str) -> None:
    command = ("compare", "reviews-model", other, "reviews.csv")
    found = json.loads(run(*command, "--json").out)
    assert found["models"] == ["reviews-model", other]
    for name, key in (("reviews-model", "a"), (other, "b")):
        alone = json.loads(run("evaluate", name, "reviews.csv", "--json").out)
        assert found[key]["accuracy"] == alone["accuracy"]
        assert found[key]["macro_f1"] == alone["macro_f1"]
    assert found["differ"]
    text = run(*command, "--show", "2").out
    assert "McNemar's exact test: p = " in text
    assert f"{len(found['differ'])} texts with different labels, the first 2:" in text
    assert "different labels" not in run(*command, "--show", "0").out
    rows = list(csv.DictReader(io.StringIO(run(*command, "--format", "csv-raw").out, newline="")))
    assert [row["text"] for row in rows] == [each["text"] for each in found["differ"]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("reviews-model notes-model reviews.csv", 2, "expected a model for labels, found one for words"),
        ("reviews-model odd-model reviews.csv", 2, "the same labels"),
        ("reviews-model other-model tickets.csv --text body --label team", 1, "finance, hardware, software"),
        ("reviews-model other-model reviews.csv --label nosuch", 1, "text, label"),
        ("reviews-model other-model missing.csv", 1, "missing.csv"),
        ("reviews-model other-model reviews.csv --show -1", 2, "--show: expected 0 or more"),
        ("reviews-model other-model", 2, "DATA"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    run: Run, other: str, arguments: str, code: int, message: str
) -> None:
    del other
    answer = run("compare", *arguments.split())
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err.splitlines()[-1]
