"""Arguments before they are parsed: old names, options of every command, texts after two dashes."""

from __future__ import annotations

import pytest

from foretell import aliases
from foretell.cli.tokens import command_of, read_tokens


@pytest.mark.parametrize(
    ("job", "old", "current"),
    [(job, old, current) for job, table in aliases.SETTINGS.items() for old, current in table.items()],
)
def test_every_old_setting_is_an_old_flag(job: str, old: str, current: str) -> None:
    flag, name = old.replace("_", "-"), current.replace("_", "-")
    given = ["train", job, "data", f"--{flag}", "1", f"--{flag}=2", f"--no-{flag}", f"--{old}", "3"]
    assert read_tokens(given).tokens == (
        "train", job, "data", f"--{name}", "1", f"--{name}=2", f"--no-{name}", f"--{name}", "3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "old", "current"),
    [(command, old, current) for command, table in aliases.FLAGS.items() for old, current in table.items()],
)
def test_every_other_old_flag_is_renamed_for_its_command_alone(command: str, old: str, current: str) -> None:
    assert read_tokens([*command.split(), f"--{old}", "csv"]).tokens == (
        *command.split(),
        f"--{current}",
        "csv",
    )
    assert read_tokens(["score", f"--{old}"]).tokens == ("score", f"--{old}")


def test_an_old_name_of_one_job_means_nothing_to_the_other() -> None:
    assert read_tokens(["train", "labels", "--ngrams"]).tokens == ("train", "labels", "--ngrams")
    assert read_tokens(["train", "words", "--ngrams"]).tokens == ("train", "words", "--kneser-ney")


def test_what_stands_after_two_dashes_is_text() -> None:
    request = read_tokens(["classify", "m", "--", "--debug", "--help-all", "--input"])
    assert request.tokens == ("classify", "m", "--", "--debug", "--help-all", "--input")
    assert not request.debug
    assert not request.all_options


def test_options_of_every_command_are_taken_out_wherever_they_stand() -> None:
    request = read_tokens(["--debug", "info", "m"])
    assert (request.tokens, request.debug) == (("info", "m"), True)
    request = read_tokens(["train", "labels", "--help-all"])
    assert (request.tokens, request.all_options) == (("train", "labels", "--help"), True)


def test_no_argument_asks_for_help() -> None:
    assert read_tokens([]).tokens == ("--help",)


def test_standard_input_does_not_look_like_an_option() -> None:
    (token,) = read_tokens(["-"]).tokens
    assert token == "-"
    assert not token.startswith("-")


def test_the_command_is_its_first_words() -> None:
    assert command_of(["train", "words", "notes.txt"]) == "train words"
    assert command_of(["train", "--help"]) == "train"
    assert command_of(["classify", "m"]) == "classify"
    assert command_of(["--version"]) == command_of([]) == ""
