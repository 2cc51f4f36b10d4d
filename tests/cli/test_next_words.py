"""next: the most probable words, in every format."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.config import WordsSettings
from tests.builders import write_random


def test_next_gives_k_words_likeliest_first(run: Run) -> None:
    answer = run("next", "notes-model", "What stands in the", "-k", "3", "--format", "jsonl")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert len(rows) == 3
    assert rows == sorted(rows, key=lambda row: -row["probability"])
    assert answer.err == ""


def test_next_as_csv(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("next", "notes-model", "the", "--format", "csv").out)))
    assert len(rows) == 5
    assert set(rows[0]) == {"word", "probability"}


def test_the_space_of_a_token_is_shown(run: Run, tmp_path: Path) -> None:
    settings = WordsSettings(tokens="subword", units=6, embedding_size=6)
    model = str(write_random(tmp_path / "subwords", settings, text="the mind\nto the mind\nthe mind"))
    lines = run("next", model, "the ", "-k", "50").out.splitlines()
    assert lines
    assert all(line.startswith("␣") for line in lines)
    rows = run("next", model, "the ", "-k", "50", "--format", "jsonl").out.splitlines()
    assert all(json.loads(row)["word"].startswith(" ") for row in rows)


def test_next_reads_a_file_and_standard_input_as_one_text(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = "The mind adapts .\nWhat stands in the"
    literal = run("next", "notes-model", prompt).out
    file = tmp_path / "prompt.txt"
    file.write_text(prompt + "\n")
    assert run("next", "notes-model", str(file)).out == literal
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(prompt.encode()), encoding="utf-8"))
    assert run("next", "notes-model", "-").out == literal


def test_literal_takes_the_name_of_a_file_as_a_text(run: Run) -> None:
    there = run("next", "notes-model", "notes.txt").out
    literal = run("next", "notes-model", "notes.txt", "--literal")
    assert literal.code == 0
    assert literal.out != there


def test_next_finishes_an_unfinished_word(run: Run) -> None:
    assert run("next", "notes-model", "the obsta", "--unfinished").out == "obstacle  1.0000\n"
    assert run("next", "notes-model", "the xyz", "--unfinished").out == ""


def test_next_with_a_cache(run: Run) -> None:
    prompt = "obstacle obstacle obstacle obstacle obstacle"
    plain, cached = (
        {row["word"]: float(row["probability"]) for row in csv.DictReader(io.StringIO(answer.out))}
        for answer in (
            run("next", "notes-model", prompt, "-k", "30", "--format", "csv", *argv)
            for argv in ((), ("--cache", "9"))
        )
    )
    assert cached["obstacle"] > plain["obstacle"]
