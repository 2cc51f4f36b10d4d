"""The process: exit codes, signals, pipes, what is imported; every failure is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_workplace import Answer, Run

from foretell import machine
from foretell.cli.entry import describe
from foretell.errors import Interrupted
from foretell.installation import install_command, program


def test_debug_shows_the_traceback_and_the_line(run: Run) -> None:
    answer = run("next", "missing-model", "the", "--debug")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert answer.err.splitlines()[-1].startswith("foretell: missing-model")


def test_a_closed_pipe_is_quiet(workplace: Path) -> None:
    script = (
        f"yes 'a good thing' | {sys.executable} -m foretell classify reviews-model - | head -n 2"
    )
    done = subprocess.run(
        script, shell=True, cwd=workplace, capture_output=True, text=True, env=os.environ
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
    script = f"set -o pipefail; {sys.executable} -m foretell train labels --help | head -n 1"
    assert (
        subprocess.run(["bash", "-c", script], capture_output=True, env=os.environ).returncode == 0
    )


def test_predicting_loads_nothing_heavy(workplace: Path) -> None:
    # Only help prints with rich.
    script = (
        "import sys; from foretell.cli.entry import main\n"
        "heavy = ['tensorflow', 'keras', 'onnx', 'sklearn', 'pandas', 'pyarrow', 'ray', 'rich']\n"
        "for command in ('classify reviews-model good', 'next notes-model the', 'doctor', "
        "'--help',\n"
        "                'classify --help', 'train words --help', 'train labels --help'):\n"
        "    heavy = heavy[:-1] if command == '--help' else heavy\n"
        "    assert main(command.split()) == 0\n"
        "    assert not [name for name in heavy if name in sys.modules], command\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_loads_no_network_modules() -> None:
    script = (
        "import sys; from foretell.cli.entry import main\n"
        "assert main(['--help']) == 0\n"
        "loaded = [name for name in ('email', 'http.client', 'ssl') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("classify reviews-model good", ">&-"),
        ("classify reviews-model good", "2>&-"),
        ("info reviews-model", "<&-"),
        ("info reviews-model", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_no_error(workplace: Path, command: str, closed: str) -> None:
    script = f"{sys.executable} -m foretell {command} {closed}"
    done = subprocess.run(
        script, shell=True, cwd=workplace, capture_output=True, text=True, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_fails() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "foretell", "info", "--presets"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
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
@pytest.mark.parametrize(("name", "seconds"), [("SIGINT", 0.02), ("SIGHUP", 1.0)])
def test_a_signal_before_the_run_is_one_line(name: str, seconds: float, tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", BEGINNING], cwd=tmp_path, text=True, **pipes
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.send_signal(signal.Signals[name])
        _, written = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.Signals[name]
    assert written == "foretell: interrupted\n"
    assert not list(tmp_path.iterdir())


# Python is ending the process when the signal arrives.
ENDING = """
import os, sys, time
from foretell.cli import command

class Slow:
    def __del__(self, write=os.write, sleep=time.sleep):
        write(2, b"ending\\n")
        sleep(0.5)

slow = Slow()
sys.argv = ["foretell", "--version"]
command()
"""


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_signal_while_the_process_ends_does_not_change_its_exit_code() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING], stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == "ending\n"
        child.send_signal(signal.SIGTERM)
    assert child.returncode == 0


def test_an_error_after_a_signal_is_an_interruption(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_import_error(*_: object, **__: object) -> int:
        raise ImportError("numpy.core failed")

    interrupted = Answer(143, "", "foretell: interrupted\n")
    monkeypatch.setattr("foretell.cli.stop.signal", int(signal.SIGTERM))
    # A pipe that the same Ctrl-C has ended is empty.
    assert run("info", "missing-model") == interrupted
    monkeypatch.setattr("foretell.cli.entry._run", raise_import_error)
    assert run("info", "missing-model") == interrupted


# Where each import has a callback of a weak reference, and Python drops what is raised in it.
SWALLOWING = """
import signal, weakref
from foretell.cli import stop

class Thing:
    pass

stop.listen()
thing = Thing()
watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
del thing
print("went on")
"""


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_signal_in_a_callback_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWING], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "foretell: interrupted\n")


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("train words notes.txt --out z", "tensorflow", "train"),
        ("demo --out z", "tensorflow", "train"),
        ("serve notes-model", "fastapi", "serve"),
    ],
)
def test_a_missing_extra_gives_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, package: str, extra: str
) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == package else object())
    answer = run(*command.split())
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert answer.err.endswith(f"found no {package}; {install_command(extra)}\n")


def test_every_error_is_one_line_with_an_exit_code() -> None:
    resumed = describe(
        Interrupted(expected="a", found="b"),
        ["train", "words", "my notes.txt", "--restart", "--out", "m"],
    )
    assert resumed == (
        f"interrupted; resume with: {program()} train words 'my notes.txt' --out m --resume",
        130,
    )
    dashed = describe(
        Interrupted(expected="a", found="b"), ["train", "labels", "--out", "m", "--", "-x.csv"]
    )
    assert dashed[0].endswith("foretell train labels --out m --resume -- -x.csv")
    for stopped, code in (
        (KeyboardInterrupt(), 130),
        (KeyboardInterrupt("a sentence"), 130),
        (KeyboardInterrupt(15), 143),
    ):
        assert describe(stopped, []) == ("interrupted", code)
    line, code = describe(ZeroDivisionError("a\nb"), [])
    assert (code, "ZeroDivisionError: a b" in line) == (1, True)
    line, code = describe(MemoryError(), [])
    assert (code, line.startswith("expected enough memory, found none left; give")) == (1, True)
    line, code = describe(OSError(28, "No space left on device", "model.onnx"), [])
    assert (code, line.startswith("model.onnx: expected")) == (1, True)
    assert "No space left on device; free some space, then run it again" in line
