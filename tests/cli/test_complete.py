"""complete: every option, every format, and what is written as it comes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run

from foretell.config import WordsSettings
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import write_random


def test_complete_goes_on_from_the_text_and_repeats_with_a_seed(run: Run) -> None:
    first, second = (
        run("complete", "notes-model", "The mind", "--words", "6", "--seed", "3") for _ in range(2)
    )
    assert first.out.startswith("The mind")
    assert len(first.out) > len("The mind\n")
    assert first == second


def test_complete_stops_before_a_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("complete", "notes-model", "The mind", "--seed", "3").out
    word = whole.split()[5]
    stopped = run("complete", "notes-model", "The mind", "--seed", "3", "--stop", "xyzzy", "--stop", word).out
    assert stopped == whole[: whole.index(word, len("The mind"))] + "\n"
    monkeypatch.setenv("FORETELL_STOP", word)
    assert run("complete", "notes-model", "The mind", "--seed", "3").out == stopped
    wrong = run("complete", "notes-model", "The mind", "--stop", "")
    assert (wrong.code, wrong.out) == (2, "")


def test_complete_limits_tokens_of_which_a_word_has_several(run: Run, tmp_path: Path) -> None:
    settings = WordsSettings(tokens="char", units=6, embedding_size=6)
    model = str(write_random(tmp_path / "chars", settings))
    options = ("--words", "9", "--seed", "3", "--max-tokens", "7", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(run("complete", model, "the", *options).out)))
    assert 0 < len(rows) <= 7
    assert "".join(row["text"] for row in rows)
    assert run("complete", model, "the", "--max-tokens", "-1").code == 2


def test_complete_gives_several_continuations(run: Run) -> None:
    options = ("--words", "6", "--seed", "3", "-n", "3")
    shown = run("complete", "notes-model", "The mind", *options).out
    lines = run(
        "complete", "notes-model", "The mind", *options, "--format", "jsonl", "--alternatives", "2"
    ).out
    rows = [json.loads(line) for line in lines.splitlines()]
    assert len(rows) == 3
    assert shown == "\n\n".join("The mind" + row["text"] for row in rows) + "\n"
    for seed, row in enumerate(rows, 3):
        alone = run("complete", "notes-model", "The mind", "--words", "6", "--seed", str(seed)).out
        assert alone == f"The mind{row['text']}\n"
        assert row["finished"] == "length"
        assert "".join(word["text"] for word in row["words"]) == row["text"]
        assert all(len(word["likeliest"]) == 2 for word in row["words"])
    table = run("complete", "notes-model", "The mind", *options, "--format", "csv").out
    cells = list(csv.DictReader(io.StringIO(table)))
    assert [int(cell["continuation"]) for cell in cells] == [1] * 6 + [2] * 6 + [3] * 6
    assert [float(c["log_probability"]) for c in cells[:6]] == pytest.approx(
        [word["log_probability"] for word in rows[0]["words"]], abs=1e-6
    )


@pytest.mark.parametrize(
    ("flag", "option"),
    [
        (("--temperature", "0.2"), {"temperature": 0.2}),
        (("--top-k", "2"), {"top_k": 2}),
        (("--top-p", "0.05"), {"top_p": 0.05}),
        (("--min-p", "0.95"), {"min_p": 0.95}),
        (("--repetition-penalty", "9"), {"repetition_penalty": 9.0}),
    ],
)
def test_every_flag_of_complete_does_what_it_says(
    run: Run, workplace: Path, flag: tuple[str, ...], option: dict[str, Any]
) -> None:
    runtime = WordsRuntime.open(workplace / "notes-model")
    plain, wanted = (
        "The mind" + "".join(runtime.complete("The mind", words=30, seed=2, **how)) for how in ({}, option)
    )
    found = run("complete", "notes-model", "The mind", "--words", "30", "--seed", "2", *flag)
    assert (found.out, found.err) == (wanted + "\n", "")
    assert wanted != plain


def test_complete_may_write_unknown_words(run: Run) -> None:
    options = ("--words", "300", "--temperature", "5", "--seed", "1")
    assert "<unk>" not in run("complete", "notes-model", "The mind", *options).out
    assert "<unk>" in run("complete", "notes-model", "The mind", *options, "--no-avoid-unknown").out


def test_complete_finishes_an_unfinished_word(run: Run) -> None:
    answer = run("complete", "notes-model", "the obsta", "--unfinished", "--words", "1")
    assert answer.out == "the obstacle\n"


def test_complete_continues_the_text_of_a_file(run: Run, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("The mind\n")
    options = ("--words", "5", "--seed", "2")
    literal = run("complete", "notes-model", "The mind", *options).out
    assert run("complete", "notes-model", str(prompt), *options).out == literal


def test_a_prompt_brings_no_control_sequence_to_the_terminal(run: Run) -> None:
    out = run("complete", "notes-model", "\x1b]0;x\x07 The mind", "--words", "2", "--seed", "1").out
    assert out.startswith("\u241b]0;x\u2407 The mind")
    many = run("complete", "notes-model", "\x1b[31m The mind", "--words", "2", "-n", "2").out
    assert "\x1b" not in many


def test_complete_with_a_cache(run: Run) -> None:
    options = ("--words", "6", "--seed", "3", "--format", "jsonl")
    plain, cached = (
        json.loads(run("complete", "notes-model", "The mind the mind", *argv, *options).out)
        for argv in ((), ("--cache", "9"))
    )
    assert plain["log_probability"] != cached["log_probability"]
