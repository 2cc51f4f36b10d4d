"""score: how probable a text is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run, report_of

from foretell.config import WordsSettings
from tests.builders import write_random


def score(run: Run, *argv: str) -> dict[str, Any]:
    return report_of(run("score", "notes-model", *argv, "--json"))


def test_a_cache_changes_the_score_and_nothing_else(run: Run) -> None:
    """The text repeats its words, and `evaluate` gives the same metrics and those of a keyboard."""
    plain, cached = (score(run, "notes.txt", *argv) for argv in ((), ("--cache", "50")))
    assert plain["log_probability"] != cached["log_probability"]
    changed = ("log_probability", "perplexity", "bits_per_character", "bits_per_byte")
    assert plain | {name: cached[name] for name in changed} == cached
    answer = run("evaluate", "notes-model", "notes.txt", "--cache", "50", "--json")
    assert "the lines were in the training data: the metrics are too good" in answer.err
    evaluated = report_of(answer)
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
