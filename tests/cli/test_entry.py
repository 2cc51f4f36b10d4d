"""The process: exit codes, pipes, what is imported, and a second command in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli import main
from foretell.training.labels import train as labels_trainer


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "classify" in capsys.readouterr().out


def test_main_reads_the_process_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["foretell", "info"])
    assert main() == 2
    assert "--presets" in capsys.readouterr().err


def test_a_second_command_in_a_process_has_the_whole_of_its_minutes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets = []
    real = labels_trainer.Budget

    def budget(minutes: float, started: float | None) -> object:
        assert started is not None
        budgets.append(time.monotonic() - started)
        return real(minutes, started)

    monkeypatch.setattr(labels_trainer, "Budget", budget)
    for name in ("first", "second"):
        out = tmp_path / name
        answer = run("train", "labels", "reviews.csv", "--out", str(out), "--minutes", "0.5")
        assert answer.code == 0, answer.err
        assert (out / "config.json").is_file()
    assert len(budgets) == 2
    # Reading 40 texts: the first training, which takes seconds, is no part of the second command.
    assert budgets[1] < 1


def test_debug_shows_the_traceback_and_the_line(run: Run) -> None:
    answer = run("next", "missing-model", "the", "--debug")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert answer.err.splitlines()[-1].startswith("foretell: missing-model")


def test_a_text_after_two_dashes_is_no_option(run: Run) -> None:
    assert "--debug" in run("classify", "reviews-model", "--", "--debug").out


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_fails() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "foretell", "info", "--presets"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
