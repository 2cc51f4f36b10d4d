"""The benchmark of the survey (see `conftest.py`)."""

from __future__ import annotations

import pytest

from bench import survey_speed
from tests.bench.conftest import REVIEWS, Bench


def test_survey_speed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_speed, "FEW_LABELS", ("TREC", "CR"))
    rows = bench("survey_speed", "--turns", "1")["survey_speed"]
    assert [row[:2] for row in rows] == [["imdb", str(REVIEWS["train"])], ["short", "60"]]
    assert all(float(cell) >= 0 for row in rows for cell in row[2:])
