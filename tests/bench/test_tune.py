"""The benchmark of the search (see `conftest.py`)."""

from __future__ import annotations

import shutil

import pytest
from tuning.trial_workers import InProcess

from tests.bench.conftest import Bench


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.tuning.search.ProcessWorkers", lambda _, data, *__: InProcess(data))
    monkeypatch.setenv("FORETELL_TRIALS", "1")
    monkeypatch.setenv("FORETELL_FOLDS", "0")
    monkeypatch.setenv("FORETELL_VALID_FRACTION", "0.3")


def test_tune(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    rows = bench("tune", "--sets", "CR", "--labels", "24", "--minutes", "5")["tune"]
    assert [row[:3] for row in rows] == [["CR", "24", "1 (1 complete)"]]
    assert rows[0][5] == "trial 0"
    assert rows[0][-1] == "keeps the preset"
    capsys.readouterr()


@pytest.mark.soak
def test_the_pace_of_trials(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without taskset every command runs on all processors, and in this process.
    monkeypatch.setattr(shutil, "which", lambda _: None)
    rows = bench("tune", "--sets", "CR", "--labels", "24", "--pace", "--trials", "1", PACES=((1, 1),))[
        "tune_pace"
    ]
    assert [row[:3] for row in rows] == [["1", "1", "1"]]
    assert all(float(row[3]) >= 0 < float(row[4]) for row in rows)
