"""The layout of help: two columns, wrapped, and commands that can be copied however long they are."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from cli_workplace import Run

from foretell.cli.help import examples_text, paragraphs, two_columns


def test_a_short_name_shares_the_line_of_its_description_and_a_long_one_does_not() -> None:
    lines = two_columns([("-k, --count N", "Number of words."), ("--" + "x" * 30, "Long.")], 80)
    assert lines == ["  -k, --count N             Number of words.", "  --" + "x" * 30, " " * 28 + "Long."]


def test_a_description_is_wrapped_below_its_beginning() -> None:
    lines = two_columns([("--minutes X", "word " * 30)], 80)
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * 28 + "word") for line in lines[1:])


def test_a_narrow_terminal_still_gets_every_word() -> None:
    lines = two_columns([("--minutes X", "stop after some minutes, the whole command included")], 30)
    assert (
        " ".join(" ".join(lines).split()) == "--minutes X stop after some minutes, the whole command included"
    )


def test_paragraphs_stay_apart() -> None:
    assert paragraphs("one two\nthree\n\nfour", 8) == "one two\nthree\n\nfour"


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
