"""next, complete and score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import NOTES, Run, as_stdin, report_of, rows_of

from foretell.config import WordsSettings
from foretell.runtime.words.predictor import WordsRuntime
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


def test_complete_stops_before_a_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("complete", "notes-model", "The mind", "--seed", "3").out
    word = whole.split()[5]
    stopped = run(
        "complete", "notes-model", "The mind", "--seed", "3", "--stop", "xyzzy", "--stop", word
    ).out
    assert stopped == whole[: whole.index(word, len("The mind"))] + "\n"
    monkeypatch.setenv("FORETELL_STOP", word)
    assert run("complete", "notes-model", "The mind", "--seed", "3").out == stopped


def test_complete_gives_several_continuations(run: Run) -> None:
    options = ("--words", "6", "--seed", "3", "-n", "3")
    shown = run("complete", "notes-model", "The mind", *options).out
    rows = rows_of(
        run("complete", "notes-model", "The mind", *options, "--json", "--alternatives", "2")
    )
    assert len(rows) == 3
    assert shown == "\n\n".join("The mind" + row["text"] for row in rows) + "\n"
    for seed, row in enumerate(rows, 3):
        alone = run("complete", "notes-model", "The mind", "--words", "6", "--seed", str(seed)).out
        assert alone == f"The mind{row['text']}\n"
        assert row["finished"] == "length"
        assert "".join(word["text"] for word in row["words"]) == row["text"]
        assert all(len(word["likeliest"]) == 2 for word in row["words"])
    cells = rows_of(run("complete", "notes-model", "The mind", *options, "--format", "csv"))
    assert [int(cell["continuation"]) for cell in cells] == [1] * 6 + [2] * 6 + [3] * 6
    assert [float(c["log_probability"]) for c in cells[:6]] == pytest.approx(
        [word["log_probability"] for word in rows[0]["words"]], abs=1e-6
    )


def test_every_flag_of_complete_does_what_it_says(run: Run, workplace: Path) -> None:
    runtime = WordsRuntime(workplace / "notes-model")
    plain = "".join(runtime.complete("The mind", words=30, seed=2))
    options = {
        "temperature": 0.2,
        "top_k": 2,
        "top_p": 0.05,
        "min_p": 0.95,
        "repetition_penalty": 9.0,
    }
    for name, value in options.items():
        wanted = "".join(runtime.complete("The mind", words=30, seed=2, **{name: value}))  # type: ignore[misc]
        flags = ("--words", "30", "--seed", "2", f"--{name.replace('_', '-')}", str(value))
        assert run("complete", "notes-model", "The mind", *flags).out == f"The mind{wanted}\n"
        assert wanted != plain


def score(run: Run, *argv: str) -> dict[str, Any]:
    return report_of(run("score", "notes-model", *argv, "--json"))


def test_a_cache_changes_the_score_and_nothing_else(run: Run) -> None:
    """The text repeats its words, and `evaluate` gives the same metrics and those of a keyboard."""
    plain, cached = (score(run, "notes.txt", *argv) for argv in ((), ("--cache", "50")))
    assert plain["log_probability"] != cached["log_probability"]
    changed = ("log_probability", "perplexity", "bits_per_character", "bits_per_byte")
    assert plain | {name: cached[name] for name in changed} == cached
    evaluated = report_of(run("evaluate", "notes-model", "notes.txt", "--cache", "50", "--json"))
    assert cached.items() < evaluated.items()
    assert set(evaluated["suggestions"]["models"]) == {"network", "cache"}
    assert score(run, "notes.txt", "--cache", "0") == plain


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_perplexity_is_per_token_where_tokens_are_not_words(
    run: Run, tmp_path: Path, command: str
) -> None:
    model = write_random(
        tmp_path / "chars", WordsSettings(tokens="char", units=6, embedding_size=6)
    )
    metrics = dict(
        line.split("  ", 1) for line in run(command, str(model), "notes.txt").out.splitlines()
    )
    assert {"perplexity per token", "bits per byte"} < set(metrics)
    assert "perplexity" not in metrics
    assert metrics["unknown"].strip() == "0"
    record = report_of(run(command, str(model), "notes.txt", "--json"))
    assert record["words"] == 20 * (12 + 9) < record["tokens"]
