"""train words: what is shown, what is left behind, and how an interrupted training resumes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_workplace import TINY, Run, settings_of

from foretell.cli import train_words
from foretell.config import WordsSettings, from_dict
from foretell.data.corpus import Corpus


def test_words_with_json_print_one_object(run: Run, tmp_path: Path) -> None:
    answer = run("train", "words", "notes.txt", "--out", str(tmp_path / "m"), "--json")
    assert answer.code == 0, answer.err
    assert {"accuracy", "perplexity"} & set(json.loads(answer.out))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--minutes", "20"), r"--preset best, for 20 minutes for \d+ words"),
        (("--minutes", "3"), r"--preset base, for 3 minutes for \d+ words"),
        ((), None),
        (("--minutes", "20", "--preset", "base"), None),
    ],
)
def test_minutes_choose_a_words_preset_and_say_so(
    run: Run, tmp_path: Path, options: tuple[str, ...], says: str | None
) -> None:
    answer = run("train", "words", "notes.txt", "--out", str(tmp_path / "m"), *options)
    assert answer.code == 0, answer.err
    assert bool(says and re.search(says, answer.err)) == ("--preset" in answer.err)
    # What was given stays, whatever is chosen.
    assert settings_of(tmp_path / "m")["units"] == 8
    assert settings_of(tmp_path / "m")["patience"] == (5 if says and "best" in says else 2)


def test_without_time_only_the_first_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.training.budget._MIN_CHARACTERS", 5)
    corpus = Corpus.from_texts(["the mind", "adapts", "to the way"])
    survey = train_words._survey(corpus, WordsSettings(minutes=1.0), time.monotonic() - 100)
    assert survey.records == 1
    assert "only the first 1 lines" in survey.notes[0]
    whole = train_words._survey(corpus, WordsSettings(), time.monotonic() - 100)
    assert (whole.records, whole.notes) == (3, [])


def test_without_json_stdout_is_empty(run: Run, tmp_path: Path) -> None:
    assert run("train", "words", "notes.txt", "--out", str(tmp_path / "m")).out == ""


def test_validation_text_of_ones_own(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("The obstacle becomes the way .\n" * 2)
    second.write_text("The way converts the mind .\n" * 3)
    command = ("train", "words", "notes.txt", "--valid", str(first), "--valid", str(second), "--json")
    answer = run(*command, "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    assert figures["measured_words"] == 5 * 7 - 1
    assert figures["valid_perplexity"] == figures["perplexity"]
    assert "first.txt and 1 more" in answer.err
    for says, options in {
        "exists": ("--valid", str(tmp_path / "missing.txt")),
        "--valid: expected no validation text": ("--valid", str(first), "--preset", "article"),
    }.items():
        refused = run("train", "words", "notes.txt", "--out", str(tmp_path / "n"), *options)
        assert refused.code in (1, 2)
        assert says in refused.err
        assert len(refused.err.splitlines()) == 1
        assert not (tmp_path / "n").exists()


def test_tensorboard_when_asked(run: Run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    assert (
        run("train", "words", "notes.txt", "--out", str(tmp_path / "m"), "--tensorboard", str(logs)).code == 0
    )
    assert list(logs.rglob("events.out.tfevents.*"))


def interrupted(workplace: Path, out: Path, number: int) -> tuple[int, str]:
    """Send a signal to a training that has begun; return its exit code and what it wrote to stderr."""
    command = ["train", "words", "notes.txt", "--out", str(out), "--epochs", "30"]
    with subprocess.Popen(
        [sys.executable, "-m", "foretell", *command],
        cwd=workplace, env={**os.environ, **TINY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        metrics = out.with_name(out.name + ".run") / "metrics.jsonl"
        _wait_for(metrics.exists)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_saves_a_checkpoint_and_the_printed_command_resumes(workplace: Path, tmp_path: Path) -> None:
    out = tmp_path / "long model"
    code, said = interrupted(workplace, out, signal.SIGINT)
    assert code == 130, said
    last = said.splitlines()[-1]
    match = re.search(r"resume with: (foretell train words .*--resume)$", last)
    assert match, said
    assert f"'{out}'" in match[1]
    assert "Traceback" not in said
    shorter = match[1].replace("foretell", f"{sys.executable} -m foretell", 1)
    done = subprocess.run(
        shorter, shell=True, cwd=workplace, env={**os.environ, **TINY}, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert from_dict("words", dict(settings_of(out))).epochs == 30


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", 143), pytest.param("SIGHUP", 129, marks=pytest.mark.soak)]
)
def test_a_signal_that_ends_a_training_has_its_exit_code(
    workplace: Path, tmp_path: Path, name: str, code: int
) -> None:
    found, said = interrupted(workplace, tmp_path / "m", signal.Signals[name])
    assert found == code, said
    assert said.splitlines()[-1].endswith("--resume")


def _wait_for(happens: object) -> None:
    assert callable(happens)
    for _ in range(12_000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_a_model_is_continued_with_new_words(run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("a zebra stands in the way\n" * 20)
    options = ("--continue", "notes-model", "--old", "notes.txt", "--out", str(tmp_path / "m"), "--json")
    answer = run("train", "words", str(new), *options)
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["continued"]["new_words"] >= 2
    assert len(json.loads((tmp_path / "m" / "config.json").read_text())["ancestors"]) == 1
    assert "old text: " in answer.err


def test_what_does_not_fit_the_model_to_continue(run: Run, tmp_path: Path) -> None:
    for options, found in (
        (("--old", "notes.txt"), "old: expected a model to continue, whose old text this is, found none"),
        (("--continue", "reviews-model"), "expected a language model to continue, found a classifier"),
        (("--continue", "notes-model", "--tokens", "char"), "as in the model to continue, found char"),
    ):
        answer = run("train", "words", "notes.txt", *options, "--out", str(tmp_path / "m"))
        assert answer.code != 0
        assert found in answer.err
