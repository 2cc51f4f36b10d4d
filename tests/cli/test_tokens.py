"""Arguments before they are parsed: options of every command, texts after two dashes."""

from __future__ import annotations

from foretell.cli.entry import read_tokens


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
