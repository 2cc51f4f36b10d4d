"""explain: the effect of each word, for texts and for files, in every format."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from cli_workplace import Answer, Run, as_stdin, report_of, rows_of, tickets

from foretell.runtime.labels.classifier import LabelsRuntime

TEXT = "good thing, awful second line"


def test_explain_shows_the_label_and_the_words(run: Run, workplace: Path) -> None:
    answer = run("explain", "reviews-model", TEXT)
    found = LabelsRuntime.open(workplace / "reviews-model").explain(TEXT)
    lines = answer.out.splitlines()
    assert lines[0].split() == [found.label, f"{found.probability:.4f}"]
    strongest = max(found.words, key=lambda word: abs(word.effect))
    assert lines[1].split() == ["word", "effect", "without", "it"]
    assert lines[2].split()[:2] == [strongest.text, f"{strongest.effect:+.3f}"]
    assert len(lines) == 2 + len(found.words)
    assert len(run("explain", "reviews-model", TEXT, "-k", "2").out.splitlines()) == 4
    assert answer.err == ""
    assert "\x1b" not in answer.out


def test_explain_in_formats_for_programs(run: Run, workplace: Path) -> None:
    found = LabelsRuntime.open(workplace / "reviews-model").explain(TEXT)
    whole = report_of(run("explain", "reviews-model", TEXT, "--json"))
    assert (whole["text"], whole["label"]) == (TEXT, found.label)
    assert whole["running"] == pytest.approx(found.running)
    table = rows_of(run("explain", "reviews-model", TEXT, "--format", "csv"))
    assert len(table) == len(whole["words"]) == len(found.words)
    for row, word in zip(table, found.words, strict=True):
        assert row["record"] == "1"
        assert row["word"] == TEXT[int(row["start"]) : int(row["end"])] == word.text
        assert float(row["effect"]) == pytest.approx(word.effect, abs=1e-6)


def texts_of(answer: Answer) -> list[str]:
    return [row["text"] for row in rows_of(answer)]


def test_explain_explains_the_texts_of_a_file_and_not_its_name(run: Run, workplace: Path) -> None:
    with (workplace / "reviews.csv").open(newline="") as file:
        wanted = [row["text"] for row in csv.DictReader(file)]
    assert texts_of(run("explain", "reviews-model", "reviews.csv", "--json")) == wanted
    table = rows_of(run("explain", "reviews-model", "reviews.csv", "--format", "csv"))
    assert {int(row["record"]) for row in table} == set(range(1, 41))
    shown = run("explain", "reviews-model", "tickets.csv", "--text", "body", "-k", "1").out
    blocks = shown.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [f"it {word} again" for word, _ in tickets()]


def test_explain_takes_texts_files_and_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["-"], []):
        monkeypatch.setattr(sys, "stdin", as_stdin("good\n\nbad\n"))
        assert texts_of(run("explain", "reviews-model", *arguments, "--json")) == ["good", "", "bad"]
    assert texts_of(run("explain", "reviews-model", "good", "bad\nthing", "--json")) == ["good", "bad\nthing"]
    assert texts_of(run("explain", "reviews-model", "reviews.csv", "--literal", "--json")) == ["reviews.csv"]


def test_a_page_is_of_one_text(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    answer = run("explain", "reviews-model", "reviews.csv", "--html", str(page))
    assert (answer.code, answer.out) == (2, "")
    assert "one text with --html" in answer.err
    assert not page.exists()


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
