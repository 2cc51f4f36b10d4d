"""compare: two models on the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run, report_of, rows_of

from foretell.artifacts import directory
from foretell.config import LabelsSettings
from tests.builders import write_random


@pytest.fixture
def other(workplace: Path) -> str:
    """A second model with the labels of the first, and random weights."""
    if not (workplace / "other-model").exists():
        settings = LabelsSettings(embedding_size=4, units=4)
        write_random(
            workplace / "other-model", settings, ["negative", "positive"], text="good bad thing"
        )
    return "other-model"


def test_it_shows_metrics_the_test_and_texts(run: Run, other: str) -> None:
    command = ("compare", "reviews-model", other, "reviews.csv")
    found = report_of(run(*command, "--json"))
    assert found["models"] == ["reviews-model", other]
    for name, key in (("reviews-model", "a"), (other, "b")):
        alone = report_of(run("evaluate", name, "reviews.csv", "--json"))
        assert found[key]["accuracy"] == alone["accuracy"]
        assert found[key]["macro_f1"] == alone["macro_f1"]
    assert found["differ"]
    shown = run(*command, "--show", "2")
    assert "A: 40 of the 40 texts were in the training data" in shown.err
    text = shown.out
    assert "McNemar's exact test: p = " in text
    assert f"{len(found['differ'])} texts with different labels, the first 2:" in text
    assert "different labels" not in run(*command, "--show", "0").out
    rows = rows_of(run(*command, "--format", "csv"))
    assert [row["text"] for row in rows] == [each["text"] for each in found["differ"]]


def test_each_model_is_opened_once(run: Run, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    read = directory.read_stored

    def counting(path: Path, listed: Any) -> Any:
        opened.append(path.name)
        return read(path, listed)

    monkeypatch.setattr(directory, "read_stored", counting)
    report_of(run("compare", "reviews-model", other, "reviews.csv", "--json"))
    assert opened == ["reviews-model", other]
