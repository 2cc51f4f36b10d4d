"""The process: exit codes, pipes, what is imported, and a second command in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Answer, Run

from foretell.cli import main, train_labels
from foretell.cli.train_words import Training
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


# The process is importing, or reading from a pipe that stays open, when the signal arrives.
BEGINNING = """
import sys
from foretell.cli import command

sys.argv = ["foretell", "train", "labels", "-", "--out", "never"]
print("ready", flush=True)
command()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("seconds", [0.02, 0.2, 1.5])
def test_a_signal_before_the_run_is_one_line(number: signal.Signals, seconds: float, tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", BEGINNING], cwd=tmp_path, text=True, **pipes)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(seconds)
    child.send_signal(number)
    _, written = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert written == "foretell: interrupted\n"
    assert not list(tmp_path.iterdir())


def test_an_error_after_a_signal_is_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.cli.stop.signal", int(signal.SIGTERM))
    answer = run("info", "missing-model")
    assert answer.code == 1
    monkeypatch.setattr("foretell.cli.entry._run", _raise_import_error)
    assert run("info", "missing-model") == Answer(143, "", "foretell: interrupted\n")


def _raise_import_error(*_: object) -> int:
    raise ImportError("numpy.core failed")


def test_a_closed_pipe_stops_the_printing_and_not_the_training(workplace: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    script = f"{sys.executable} -m foretell train words notes.txt --out {out} 2>&1 | head -n 2"
    done = subprocess.run(script, shell=True, cwd=workplace, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 2
    assert (out / "manifest.json").exists()
    assert list(tmp_path.iterdir()) == [out]
