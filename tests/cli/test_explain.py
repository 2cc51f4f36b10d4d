"""explain: the effect of each word."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from cli_workplace import Answer, Run, report_of, rows_of, tickets

from foretell.runtime.labels.classifier import LabelsRuntime

TEXT = "good thing, awful second line"


def test_explain_shows_the_label_and_the_words(run: Run, workplace: Path) -> None:
    answer = run("explain", "reviews-model", TEXT)
    found = LabelsRuntime(workplace / "reviews-model").explain(TEXT)
    lines = answer.out.splitlines()
    assert lines[0].split() == [found.label, f"{found.probability:.4f}"]
    strongest = max(found.words, key=lambda word: abs(word.effect))
    assert lines[2].split()[:2] == [strongest.text, f"{strongest.effect:+.3f}"]
    assert len(lines) == 2 + len(found.words)
    assert len(run("explain", "reviews-model", TEXT, "-k", "2").out.splitlines()) == 4
    whole = report_of(run("explain", "reviews-model", TEXT, "--json"))
    assert whole["running"] == pytest.approx(found.running)
    table = rows_of(run("explain", "reviews-model", TEXT, "--format", "csv"))
    assert len(table) == len(whole["words"]) == len(found.words)
    for row, word in zip(table, found.words, strict=True):
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
    assert [block.splitlines()[0] for block in blocks] == [
        f"it {word} again" for word, _ in tickets()
    ]


def test_explain_writes_a_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    answer = run(
        "explain", "reviews-model", "good <img src=x onerror=alert(1)>", "--html", str(page)
    )
    assert answer.out.startswith(("positive", "negative"))
    html = page.read_text(encoding="utf-8")
    assert "<img" not in html
    assert "&lt;" in html
    wrong = run(
        "explain", "reviews-model", "good", "--html", str(tmp_path / "nowhere" / "why.html")
    )
    assert (wrong.code, wrong.out) == (1, "")
    assert "nowhere/why.html: expected a file that can be written" in wrong.err
