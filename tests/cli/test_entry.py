"""The process: exit codes, pipes, what is imported, and a second command in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run

from foretell.cli import main, train_labels
from foretell.cli.training import Training
from foretell.training.options import TrainOptions


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "classify" in capsys.readouterr().out


def test_main_reads_the_process_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["foretell", "info"])
    assert main() == 2
    assert "--presets" in capsys.readouterr().err


def test_each_command_of_a_process_has_its_own_start(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    real = Training.options

    def options(self: Training, **how: Any) -> TrainOptions:
        started.append(how["started"])
        return real(self, **how)

    monkeypatch.setattr(Training, "options", options)
    monkeypatch.setattr(train_labels, "check_possible", lambda _: None)
    for name in ("first", "second"):
        before = time.monotonic()
        answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / name), "--minutes", "0.5")
        assert answer.code == 0, answer.err
        # --minutes counts from the start of this command, whatever the process did before.
        assert before <= started.pop() <= before + 0.5


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
