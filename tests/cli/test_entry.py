"""The process: exit codes, signals, pipes, what is imported; every failure is one line."""

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
from foretell.cli.entry import describe, help_command, read_tokens, resume_command
from foretell.cli.train_words import Training
from foretell.errors import Interrupted
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


def test_a_damaged_model_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("train", "words", "notes.txt", "--out", str(tmp_path / "m")).code == 0
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    answer = run("next", str(tmp_path / "m"), "the")
    assert answer.code == 1
    assert "model.safetensors" in answer.err


def test_a_missing_extra_gives_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell import machine

    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "tensorflow" else object())
    for argv in (["train", "words", "notes.txt", "--out", "z"], ["demo", "--out", "z"]):
        answer = run(*argv)
        assert answer.code == 1
        assert "pip install 'foretell[train]'" in answer.err
        assert _is_one_line(answer.err)


def test_a_surprise_is_one_line_too() -> None:
    line, code = describe(ZeroDivisionError("a\nb"), [])
    assert code == 1
    assert "ZeroDivisionError: a b" in line


def test_an_interruption_gives_the_command_that_resumes() -> None:
    error = Interrupted(expected="a", found="b")
    line, code = describe(error, ["train", "words", "my notes.txt", "--restart", "--out", "m"])
    assert code == 130
    assert line.endswith("foretell train words 'my notes.txt' --out m --resume")
    assert resume_command(["train", "--resume"]) == "foretell train --resume"
    assert describe(KeyboardInterrupt(), [])[1] == 130


def test_a_wrong_value_names_the_help_of_its_command(run: Run) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", "never", "--dropout", "much")
    assert answer.err == (
        'foretell: Invalid value for --dropout: unable to convert "much" into a number; '
        "see foretell train labels --help\n"
    )


def test_a_wrong_option_names_the_help_that_there_is() -> None:
    assert help_command(["train", "labels", "--no"]) == "foretell train labels --help"
    assert help_command(["train", "lables"]) == "foretell train --help"
    assert help_command(["nxt"]) == "foretell --help"
    assert help_command(["next", "m"]) == "foretell next --help"


def test_errors_name_only_options_that_the_command_has(run: Run, workplace: Path) -> None:
    unclear = workplace / "unclear.csv"
    unclear.write_text("a,b,c\n1,2,3\n4,5,6\n")
    labels = run("evaluate", "reviews-model", "unclear.csv")
    assert "--text COLUMN" in labels.err or "--label COLUMN" in labels.err
    for command in ("evaluate", "export", "train labels"):
        text = run(*command.split(), "--help").out
        assert "--text" in text
        assert "--label" in text
        assert "--input-format" in text


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("complete notes-model the --temperature -1", "--temperature"),
        ("next notes-model the -k 0", "-k"),
        ("train words notes.txt --out never --units 0", "--units"),
        ("train labels reviews.csv --out never --checkpoint-seconds 0", "--checkpoint-seconds"),
        ("train words notes.txt --out never --preset article --valid notes.txt", "--valid"),
        ("classify reviews-model good --abstain-below 2", "--abstain-below"),
    ],
)
def test_an_option_is_named_as_it_is_typed(run: Run, command: str, flag: str) -> None:
    assert run(*command.split()).err.startswith(f"foretell: {flag}: expected ")


def test_a_model_of_the_other_job_is_no_option(run: Run) -> None:
    assert run("next", "reviews-model", "the").err.startswith("foretell: reviews-model: expected ")


def test_control_sequences_never_reach_the_terminal(run: Run) -> None:
    for argv in (
        ["next", "missing\x1b]0;x\x07", "the"],
        ["classify", "reviews-model", "--\x1b[31m"],
        ["train", "words", "no\x1b[31m.txt", "--out", "never"],
        ["next", "missing\x9b31m", "the", "--debug"],
    ):
        answer = run(*argv)
        assert answer.code in (1, 2)
        assert not set("\x1b\x07\x9b") & set(answer.err)
        assert "\u241b" in answer.err or "\ufffd" in answer.err


def test_a_full_disk_is_one_line() -> None:
    line, code = describe(OSError(28, "No space left on device", "model.onnx"), [])
    assert code == 1
    assert line.startswith("model.onnx: expected")
    assert "No space left on device" in line


def _is_one_line(text: str) -> bool:
    return text.startswith("foretell: ") and text.count("\n") == 1 and "Traceback" not in text


def test_what_stands_after_two_dashes_is_text() -> None:
    request = read_tokens(["classify", "m", "--", "--debug", "--help-all", "--input"])
    assert request.tokens == ("classify", "m", "--", "--debug", "--help-all", "--input")
    assert not request.debug
    assert not request.all_options


def test_standard_input_does_not_look_like_an_option() -> None:
    (token,) = read_tokens(["-"]).tokens
    assert token == "-"
    assert not token.startswith("-")
