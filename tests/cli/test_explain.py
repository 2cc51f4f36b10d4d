"""explain, and the options of next and complete: what is printed, in every format."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime

TEXT = "good thing, awful second line"


def test_explain_tells_the_label_and_the_words(run: Run, workplace: Path) -> None:
    answer = run("explain", "reviews-model", TEXT)
    found = LabelsRuntime.open(workplace / "reviews-model").explain(TEXT)
    lines = answer.out.splitlines()
    assert lines[0].split() == [found.label, f"{found.probability:.4f}"]
    assert lines[1].startswith("along the text  ")
    assert len(lines[1].split()[-1]) == len(found.words)
    strongest = max(found.words, key=lambda word: abs(word.effect))
    assert lines[2].split() == ["word", "effect", "without", "it", "linear", "part"]
    assert lines[3].split()[:2] == [strongest.text, f"{strongest.effect:+.3f}"]
    assert len(lines) == 3 + len(found.words)
    assert len(run("explain", "reviews-model", TEXT, "-k", "2").out.splitlines()) == 5
    assert answer.err == ""
    assert "\x1b" not in answer.out


def test_explain_in_formats_for_programs(run: Run, workplace: Path) -> None:
    found = LabelsRuntime.open(workplace / "reviews-model").explain(TEXT)
    whole = json.loads(run("explain", "reviews-model", TEXT, "--json").out)
    assert (whole["text"], whole["label"]) == (TEXT, found.label)
    assert whole["running"] == pytest.approx(found.running)
    rows = [
        json.loads(line)
        for line in run("explain", "reviews-model", TEXT, "--format", "jsonl").out.splitlines()
    ]
    table = list(csv.DictReader(io.StringIO(run("explain", "reviews-model", TEXT, "--format", "csv").out)))
    assert len(rows) == len(table) == len(whole["words"]) == len(found.words)
    for row, line, word, running in zip(rows, table, found.words, found.running, strict=True):
        assert row["word"] == line["word"] == TEXT[int(line["start"]) : int(line["end"])] == word.text
        assert row["effect"] == float(line["effect"]) == pytest.approx(word.effect, abs=1e-6)
        assert row["running"] == float(line["running"]) == pytest.approx(running, abs=1e-6)


def test_explain_writes_no_formula_into_a_table(run: Run) -> None:
    text = "=1 +good @thing -bad"
    for format, mark in (("csv", "'"), ("csv-raw", "")):
        table = csv.DictReader(
            io.StringIO(run("explain", "reviews-model", "--format", format, "--", text).out)
        )
        words = [mark + sign for sign in "=+@-"]
        assert [row["word"] for row in table] == [
            words[0], "1", words[1], "good", words[2], "thing", words[3], "bad"
        ]  # fmt: skip


def test_of_a_long_text_each_point_stands_at_its_word(run: Run) -> None:
    answer = run("explain", "reviews-model", "good thing " * 250, "--format", "jsonl")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert len(rows) == 500
    assert [row["running"] is None for row in rows] == [True, False] * 250


def test_explain_reads_standard_input_as_one_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"good\n\nbad\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert json.loads(run("explain", "reviews-model", "-", "--json").out)["text"] == "good\n\nbad"


def test_explain_writes_a_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    answer = run("explain", "reviews-model", "good <img src=x onerror=alert(1)>", "--html", str(page))
    assert answer.out.startswith(("positive", "negative"))
    html = page.read_text(encoding="utf-8")
    assert "<img" not in html
    assert "&lt;" in html
    wrong = run("explain", "reviews-model", "good", "--html", str(tmp_path / "nowhere" / "why.html"))
    assert (wrong.code, wrong.out) == (1, "")
    assert "nowhere/why.html: expected a file that can be written" in wrong.err


def test_explain_in_colours_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = run("explain", "reviews-model", "good \x1b]0;title\x07 [bold]thing[/bold] awful").out
    assert "\x1b[" in out
    # What the text brings of its own shows, and does nothing.
    assert "\x1b]" not in out
    assert "\x07" not in out
    assert "bold" in out


def test_explain_has_an_answer_for_odd_texts(run: Run) -> None:
    for text in ("", " ", "\ud800", "x" * 5000):
        answer = run("explain", "reviews-model", text)
        assert answer.code == 0, answer.err
    assert "no words" in run("explain", "reviews-model", "").out


def test_explain_wants_a_model_for_labels(run: Run) -> None:
    answer = run("explain", "notes-model", "good")
    assert (answer.code, answer.out) == (2, "")
    assert "expected a model for labels" in answer.err


def test_next_finishes_an_unfinished_word(run: Run) -> None:
    assert run("next", "notes-model", "the obsta", "--unfinished").out == "obstacle  1.0000\n"
    assert run("next", "notes-model", "the xyz", "--unfinished").out == ""
    assert run("complete", "notes-model", "the obsta", "--unfinished", "--words", "1").out == "the obstacle\n"


def test_complete_stops_before_a_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("complete", "notes-model", "The mind", "--seed", "3").out
    word = whole.split()[5]
    stopped = run("complete", "notes-model", "The mind", "--seed", "3", "--stop", "xyzzy", "--stop", word).out
    assert stopped == whole[: whole.index(word, len("The mind"))] + "\n"
    monkeypatch.setenv("FORETELL_STOP", word)
    assert run("complete", "notes-model", "The mind", "--seed", "3").out == stopped
    wrong = run("complete", "notes-model", "The mind", "--stop", "")
    assert (wrong.code, wrong.out) == (2, "")


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


def test_complete_searches_with_beams(run: Run) -> None:
    options = ("--beams", "4", "-n", "2", "--words", "5", "--format", "jsonl", "--length-penalty", "0")
    rows = [
        json.loads(line) for line in run("complete", "notes-model", "The mind", *options).out.splitlines()
    ]
    assert rows[0]["log_probability"] >= rows[1]["log_probability"]
    wrong = run("complete", "notes-model", "The mind", "--beams", "2", "-n", "3")
    assert (wrong.code, wrong.out) == (2, "")
    assert "2 beams" in wrong.err


@pytest.mark.parametrize(
    ("flag", "option"),
    [
        (("--temperature", "0.2"), {"temperature": 0.2}),
        (("--top-k", "2"), {"top_k": 2}),
        (("--top-p", "0.05"), {"top_p": 0.05}),
        (("--min-p", "0.95"), {"min_p": 0.95}),
        (("--repetition-penalty", "9"), {"repetition_penalty": 9.0}),
        (("--beams", "3"), {"beams": 3}),
        (
            ("--beams", "3", "--stop", ".", "--length-penalty", "9"),
            {"beams": 3, "stop": ".", "length_penalty": 9.0},
        ),
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
