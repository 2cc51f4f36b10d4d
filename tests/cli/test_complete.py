"""complete: continuations of a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_workplace import Run, rows_of

from foretell.runtime.words.predictor import WordsRuntime


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
