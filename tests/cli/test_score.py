"""score: files, standard input and texts, in every format."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cli_workplace import NOTES, Run

from foretell.config import WordsSettings
from tests.builders import write_random


def test_score_counts_the_file(run: Run) -> None:
    record = json.loads(run("score", "notes-model", "notes.txt", "--format", "jsonl").out)
    assert record["perplexity"] > 1
    assert record["unknown"] == 0
    zipped = json.loads(run("score", "notes-model", "notes.txt.gz", "--format", "jsonl").out)
    assert zipped == record


def score(run: Run, *argv: str) -> dict[str, float]:
    answer = run("score", "notes-model", *argv, "--format", "jsonl")
    assert answer.code == 0, answer.err
    record: dict[str, float] = json.loads(answer.out)
    return record


def test_a_literal_text_has_the_score_of_a_file_with_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(NOTES)
    literal = score(run, text)
    assert literal["words"] == 12 + 9
    stdin = io.TextIOWrapper(io.BytesIO(text.encode() + b"\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert score(run, "-") == literal


def test_the_name_of_a_file_can_be_scored_as_a_text(run: Run) -> None:
    assert score(run, "notes.txt", "--literal")["tokens"] < 10 < score(run, "notes.txt")["tokens"]


def test_score_for_people_is_one_figure_a_line(run: Run) -> None:
    lines = run("score", "notes-model", "notes.txt").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "tokens", "words", "characters", "bytes", "unknown", "log probability", "perplexity",
        "bits per character", "bits per byte",
    ]  # fmt: skip


def test_a_cache_changes_the_score_and_nothing_else(run: Run) -> None:
    """The text repeats its words, and `evaluate` gives the same figures."""
    plain, cached = (score(run, "notes.txt", *argv) for argv in ((), ("--cache", "50")))
    assert plain["log_probability"] != cached["log_probability"]
    changed = ("log_probability", "perplexity", "bits_per_character", "bits_per_byte")
    assert plain | {name: cached[name] for name in changed} == cached
    evaluated = run("evaluate", "notes-model", "notes.txt", "--cache", "50", "--json")
    assert json.loads(evaluated.out) == cached
    assert score(run, "notes.txt", "--cache", "0") == plain


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_perplexity_is_per_token_where_tokens_are_not_words(run: Run, tmp_path: Path, command: str) -> None:
    model = write_random(tmp_path / "chars", WordsSettings(tokens="char", units=6, embedding_size=6))
    figures = dict(line.split("  ", 1) for line in run(command, str(model), "notes.txt").out.splitlines())
    assert {"perplexity per token", "bits per byte"} < set(figures)
    assert "perplexity" not in figures
    assert figures["unknown"].strip() == "0"
    record = json.loads(run(command, str(model), "notes.txt", "--format", "jsonl").out)
    assert record["words"] == 20 * (12 + 9) < record["tokens"]


def test_a_cache_out_of_range_or_of_a_classifier_is_refused(run: Run) -> None:
    for argv in (
        ("score", "notes-model", "notes.txt", "--cache", "10001"),
        ("evaluate", "reviews-model", "reviews.csv", "--cache", "5"),
    ):
        answer = run(*argv)
        assert (answer.code, answer.out) == (2, "")
        assert len(answer.err.splitlines()) == 1
