"""Options: their help, their values from flag, environment, file and preset."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from cli_workplace import Run, settings_of

from foretell.cli.app import COMMANDS
from foretell.cli.help import examples_text
from foretell.cli.options import InputFormat, Output
from foretell.cli.output import Format
from foretell.cli.setting_flags import (
    PURPOSES,
    setting_infos,
)
from foretell.config import Job, LabelsSettings, WordsSettings
from foretell.data.formats import FORMATS
from foretell.errors import UsageError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS

# serve answers over HTTP, demo shows what it does, label asks.
WITHOUT_OUTPUT = {"serve", "demo", "label"}
READS_RECORDS = {
    "train labels", "classify", "explain", "evaluate", "export", "score", "data", "compare",
    "label", "serve",
}  # fmt: skip


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in WITHOUT_OUTPUT])
def test_format_selects_the_output_of_every_command(run: Run, command: str) -> None:
    text = " ".join(run(*command.split(), "--help").out.split())
    assert "--format text|jsonl|csv|csv-raw" in text
    assert "--json Short for --format jsonl." in text


@pytest.mark.parametrize("command", COMMANDS)
def test_one_flag_names_the_format_of_the_input(run: Run, command: str) -> None:
    assert ("--input-format" in run(*command.split(), "--help").out) == (command in READS_RECORDS)


def test_every_format_of_the_data_layer_can_be_named() -> None:
    # A folder is seen to be one.
    assert set(get_args(InputFormat)) == set(FORMATS) - {"folder"}


def test_json_is_short_for_jsonl() -> None:
    assert [Output(format=format).chosen() for format in get_args(Format)] == list(get_args(Format))
    assert Output(json=True).chosen() == Output(json=True, format="jsonl").chosen() == "jsonl"
    with pytest.raises(UsageError, match="--json and --format csv"):
        Output(json=True, format="csv").chosen()


@pytest.mark.parametrize("value", ["1.5", "many", ""])
def test_a_whole_number_is_not_rounded(run: Run, value: str) -> None:
    answer = run("next", "notes-model", "the", "-k", value)
    assert (answer.code, answer.out) == (2, "")
    assert "whole number" in answer.err


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
    settings = settings_of(out)
    assert settings["epochs"] == 2
    assert settings["units"] == 5
    assert settings["embedding_size"] == 6
    assert settings["learning_rate"] == 0.6
    assert settings["keep"] == "last"
    assert settings["batch_size"] == 64


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("uints = 3", "did you mean units?"),
        ("units = [3]", "Invalid value for [units]"),
        ("units = ", "TOML"),
        ("[units]\nx = 1", "units.x"),
        ("units = 0.5", "whole number"),
        ("config = 'other.toml'", "'config'"),
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


KINDS: dict[Job, type] = {"words": WordsSettings, "labels": LabelsSettings}


def flags(text: str) -> dict[str, str]:
    """Return the flags that a help text lists, each with the title of its group."""
    listed, title = {}, ""
    for line in text.splitlines():
        if re.fullmatch(r"\w[\w ]*", line):
            title = line
        elif match := re.match(r"  --(\[no-\])?([\w-]+)", line):
            listed[match[2]] = title
    return listed


@pytest.mark.parametrize("job", KINDS)
def test_help_shows_the_common_settings_by_purpose_and_help_all_every_one(run: Run, job: Job) -> None:
    common, every = (flags(run("train", job, flag).out) for flag in ("--help", "--help-all"))
    for f in dataclasses.fields(KINDS[job]):
        flag = f.name.replace("_", "-")
        assert every[flag] == f.metadata["purpose"].capitalize()
        assert (flag in common) == f.metadata["common"]
    titles = [title for title in dict.fromkeys(every.values()) if title.lower() in PURPOSES]
    assert titles == [purpose.capitalize() for purpose in PURPOSES]
    assert set(common) < set(every)


@pytest.mark.parametrize("job", KINDS)
def test_help_says_what_a_setting_does_with_its_range_and_its_values(run: Run, job: Job) -> None:
    text = " ".join(run("train", job, "--help-all").out.split())
    for info in setting_infos(job):
        assert " ".join(info.flag_help().split()) in text
        assert info.help.endswith(".")
        # Verbs and sentences, in the words of the field.
        assert not re.search(r"\b(held|mixture|most_|believe|tells)\b", info.help)


def test_values_of_presets_are_shown_where_they_differ() -> None:
    labels = {info.name: info for info in setting_infos("labels")}
    assert labels["minutes"].preset_values() == "quick 1.5 · base 15 · best 60 · article, cnn-lstm 0"
    assert labels["seed"].preset_values() == "default 1"
    assert labels["linear"].preset_values() == "quick, base, best on · article, cnn-lstm off"
    assert labels["minutes"].range() == "0 or more"
    assert labels["dropout"].range() == "0 to 0.95"
    assert labels["optimizer"].range() == ""
    assert (
        labels["vocabulary"]
        .flag_help()
        .endswith("[1 to 1000000; quick 20000 · base, best 30000 · article, cnn-lstm 996]")
    )


@pytest.mark.parametrize(("job", "presets"), [("words", WORDS_PRESETS), ("labels", LABELS_PRESETS)])
def test_every_setting_has_its_value_in_every_preset(job: Job, presets: dict[str, object]) -> None:
    infos = setting_infos(job)
    assert {info.name for info in infos} == {f.name for f in dataclasses.fields(KINDS[job])}
    for info in infos:
        assert info.presets == {name: getattr(preset, info.name) for name, preset in presets.items()}


def test_without_a_flag_nothing_is_wrong_where_pydantic_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pydantic")
    from foretell.cli import main

    for name in [name for name in os.environ if name.startswith("FORETELL_")]:
        monkeypatch.delenv(name)
    for command in ("train labels", "train words"):
        words, out = command.split(), ["--out", str(tmp_path / "m")]
        data = str(tmp_path / "missing.csv")
        assert main([*words, data, *out]) == 1
        assert "missing.csv" in capsys.readouterr().err


def test_a_long_example_is_continued_between_words_and_still_runs() -> None:
    command = 'printf "%s|" "a text   of several words, one after another" second third fourth fifth sixth'
    lines = examples_text([command], 60).splitlines()
    assert lines[0] == "Examples"
    assert len(lines) > 2
    assert all(len(line) <= 60 for line in lines)
    shell = "\n".join(lines[1:])
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"{word}|" for word in shlex.split(command)[2:])


def test_titles_are_bold_on_a_terminal_and_plain_without_colours(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1mTime\x1b[0m" in run("train", "labels", "--help").out
    monkeypatch.delenv("FORCE_COLOR")
    assert "\x1b" not in run("train", "labels", "--help").out


def test_a_switch_shows_both_forms_a_choice_its_values_and_a_default_its_value(run: Run) -> None:
    text = " ".join(run("train", "labels", "--help-all").out.split())
    assert "--[no-]lowercase Convert text to lower case. [default on]" in text
    assert "--optimizer adam|sgd" in text
    assert "--checkpoint-seconds N Save a checkpoint every N seconds. [default 60]" in text
    assert "--out DIR Write the model directory DIR. [required]" in text
    assert "False" not in text
