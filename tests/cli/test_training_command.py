"""train: where options come from, what is shown, what is left behind."""

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
from cli_workplace import TINY, Run

from foretell.cli.options import LabelsOptions, WordsOptions, given
from foretell.config import LabelsSettings, WordsSettings, from_dict


def settings_of(model: Path) -> dict[str, object]:
    settings: dict[str, object] = json.loads((model / "config.json").read_text())["settings"]
    return settings


@pytest.mark.parametrize(
    ("options", "settings"), [(WordsOptions, WordsSettings), (LabelsOptions, LabelsSettings)]
)
def test_every_setting_is_a_flag_with_help(run: Run, options: type, settings: type) -> None:
    job = "words" if settings is WordsSettings else "labels"
    text = run("train", job, "--help").out
    for name in settings.__dataclass_fields__:  # type: ignore[attr-defined]
        assert f"--{name.replace('_', '-')}" in text
    assert given(options()) == {}
    assert given(options(units=7, lowercase=False)) == {"units": 7, "lowercase": False}
    assert given(None) == {}


def test_flag_then_environment_then_file_then_preset(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'units = 6\nembedding_size = 6\nlearning-rate = 0.6\nlowercase = true\nkeep = "last"\nepochs = 9\n'
    )
    monkeypatch.delenv("FORETELL_EMBEDDING_SIZE")
    monkeypatch.setenv("FORETELL_UNITS", "5")
    out = tmp_path / "m"
    answer = run("train", "labels", "reviews.csv", "--out", str(out), "--config", str(file), "--epochs", "2")
    assert answer.code == 0, answer.err
    found = settings_of(out)
    assert found["epochs"] == 2
    assert found["units"] == 5
    assert found["embedding_size"] == 6
    assert found["learning_rate"] == 0.6
    assert found["keep"] == "last"
    assert found["batch_size"] == 64


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("uints = 3", "did you mean units?"),
        ("units = [3]", "one value"),
        ("units = ", "TOML"),
        ("[units]\nx = 1", "one value"),
        ("units = 0.5", "whole number"),
    ],
)
def test_a_bad_file_is_refused(
    run: Run, tmp_path: Path, content: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETELL_UNITS")
    file = tmp_path / "settings.toml"
    file.write_text(content)
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--config", str(file))
    assert answer.code == 2
    assert says in answer.err
    assert not (tmp_path / "m").exists()


def test_labels_with_json_print_one_object(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--json")
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) == 1
    assert 0 <= json.loads(answer.out)["accuracy"] <= 1
    assert "negative 20, positive 20" in answer.err
    assert "report.html" in answer.err
    assert (tmp_path / "m" / "run" / "report.html").is_file()


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


def test_without_json_stdout_is_empty(run: Run, tmp_path: Path) -> None:
    assert run("train", "words", "notes.txt", "--out", str(tmp_path / "m")).out == ""


def test_valid_data_of_ones_own(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--valid", "reviews.csv", "--out", str(tmp_path / "m"))
    assert answer.code in (0, 1), answer.err
    assert "leak" in answer.err or "reviews.csv" in answer.err


def test_held_out_text_of_ones_own(run: Run, tmp_path: Path) -> None:
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


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_saves_a_checkpoint_and_the_printed_command_resumes(workplace: Path, tmp_path: Path) -> None:
    out = tmp_path / "long model"
    environment = {**os.environ, **TINY}
    command = ["train", "words", "notes.txt", "--out", str(out), "--epochs", "30"]
    with subprocess.Popen(
        [sys.executable, "-m", "foretell", *command],
        cwd=workplace, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        metrics = out.with_name(out.name + ".run") / "metrics.jsonl"
        _wait_for(metrics.exists)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    last = said.splitlines()[-1]
    match = re.search(r"resume with: (foretell train words .*--resume)$", last)
    assert match, said
    assert f"'{out}'" in match[1]
    assert "Traceback" not in said
    shorter = match[1].replace("foretell", f"{sys.executable} -m foretell", 1)
    done = subprocess.run(
        shorter, shell=True, cwd=workplace, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert from_dict("words", dict(settings_of(out))).epochs == 30


def _wait_for(happens: object) -> None:
    assert callable(happens)
    for _ in range(12_000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_the_simple_model_is_named_where_it_is_better() -> None:
    from foretell.cli.train import comparison

    assert "linear model" in comparison({"accuracy": 0.8, "baseline_accuracy": 0.9})
    assert comparison({"accuracy": 0.9, "baseline_accuracy": 0.9}) == ""
    assert "n-gram" in comparison({"valid_perplexity": 90.0, "baseline_perplexity": 80.0})
    assert comparison({"accuracy": 0.9, "valid_perplexity": None}) == ""
