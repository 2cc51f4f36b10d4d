"""Options that commands share: one output format, whole numbers, input by one flag."""

from __future__ import annotations

from typing import get_args

import pytest
from cli_workplace import Run

from foretell.cli.app import COMMANDS
from foretell.cli.options import InputFormat, Output, rare
from foretell.cli.output import Format
from foretell.data.formats import FORMATS
from foretell.errors import UsageError

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


def test_rare_options_have_a_group_of_their_own() -> None:
    from foretell.cli.train_words import RUN

    assert rare(RUN).name == "Run (more)"
    assert rare(RUN).sort_key == RUN.sort_key
