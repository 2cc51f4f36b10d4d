"""Commands are processes of their own, and their time and memory are measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import commands
from bench.commands import foretell, measure, run

PYTHON = [sys.executable, "-c"]


def test_a_command_has_its_output_time_and_memory(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; time.sleep(0.2); x = b'1' * 200_000_000; print(os.getcwd(), os.environ['A'])"
    )
    done = run([*PYTHON, code], folder=tmp_path, variables={"A": "b"})
    assert done.stdout == f"{tmp_path} b\n"
    assert 0.2 < done.seconds < 20
    assert 200e6 < done.peak_memory < 300e6


def test_a_command_that_fails_is_an_error_with_what_it_printed() -> None:
    with pytest.raises(RuntimeError, match=r"failed with 3: (?s:.*)no such thing"):
        run([*PYTHON, "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])


def test_foretell_runs_as_it_is_installed() -> None:
    assert "train" in foretell("--help").stdout


def test_a_measurement_is_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "measured.py").write_text("import sys; print('a table'); print(len(sys.argv[2]))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    value, done = measure("measured", "--one", "four")
    assert value == 4
    assert done.seconds > 0


def test_the_data_folder_reaches_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    assert commands.environment()["FORETELL_DATA"] == str(tmp_path)
    done = run([*PYTHON, "import os; print(os.environ['FORETELL_DATA'])"])
    assert done.stdout.strip() == str(tmp_path)
