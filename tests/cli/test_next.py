"""next: the most probable next words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_workplace import NOTES, Run, as_stdin, rows_of

from foretell.config import WordsSettings
from tests.builders import write_random


def test_next_gives_k_words_likeliest_first(run: Run) -> None:
    for format in ("jsonl", "csv"):
        answer = run("next", "notes-model", "What stands in the", "-k", "3", "--format", format)
        rows = rows_of(answer)
        assert (len(rows), list(rows[0])) == (3, ["word", "probability"])
        assert rows == sorted(rows, key=lambda row: -float(row["probability"]))
        assert answer.err == ""


def test_the_space_of_a_token_is_shown(run: Run, tmp_path: Path) -> None:
    settings = WordsSettings(tokens="subword", units=6, embedding_size=6)
    model = str(
        write_random(tmp_path / "subwords", settings, text="the mind\nto the mind\nthe mind")
    )
    lines = run("next", model, "the ", "-k", "50").out.splitlines()
    assert lines
    assert all(line.startswith("␣") for line in lines)
    rows = rows_of(run("next", model, "the ", "-k", "50", "--json"))
    assert all(row["word"].startswith(" ") for row in rows)


@pytest.mark.parametrize("command", ["next", "complete --words 5 --seed 2", "score"])
def test_a_text_a_file_and_standard_input_are_one_text(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    name, *options = command.split()
    prompt = "\n".join(NOTES)
    file = tmp_path / "prompt.txt"
    file.write_text(f"{prompt}\n")
    literal = run(name, "notes-model", prompt, *options)
    assert (literal.code, literal.err) == (0, "")
    assert run(name, "notes-model", str(file), *options).out == literal.out
    monkeypatch.setattr(sys, "stdin", as_stdin(f"{prompt}\n"))
    assert run(name, "notes-model", "-", *options).out == literal.out
    files = [
        run(name, "notes-model", "notes.txt", *options, *more).out for more in ((), ("--literal",))
    ]
    assert files[0] != files[1]


def test_next_finishes_an_unfinished_word(run: Run) -> None:
    assert run("next", "notes-model", "the obsta", "--unfinished").out == "obstacle  1.0000\n"
    assert run("next", "notes-model", "the xyz", "--unfinished").out == ""
    notes = run("next", "notes-model", "the qqq obsta", "--unfinished").err
    assert ("qqq" in notes, "obsta" in notes) == (True, False)
    answer = run("complete", "notes-model", "the obsta", "--unfinished", "--words", "1")
    assert answer.out == "the obstacle\n"
