"""What texts are made of: tokens, scripts, columns; and the survey before a training."""

from __future__ import annotations

import pytest

from foretell.data.corpus import Corpus
from foretell.data.examples import Examples, read_examples
from foretell.data.split import make_split
from foretell.surveying.counts import (
    OTHER,
    script_shares,
    survey_corpus,
    survey_examples,
)
from foretell.text.tokenizer import Tokenizer

WORDS = Tokenizer.without_words("words", lowercase=True).runs


def test_examples_are_counted() -> None:
    texts = ["a b c", "A  b c", "d e", "f", ""]
    examples = read_examples(list(zip(texts, ["x", "x", "y", "x", "y"], strict=True)))
    survey = survey_examples(
        examples, make_split(examples, valid=Examples(["g", "h"], ["x", "y"])), tokens=WORDS
    )
    assert survey.rows == [
        ("texts", "4"),
        ("validation", "2"),
        ("2 labels", "x 3, y 1"),
        ("tokens", "9"),
        ("tokens in a text", "median 2, 95th percentile 3, maximum 3"),
        ("distinct tokens", "6"),
        ("duplicates", "1"),
        ("dropped", "1 with an empty text"),
    ]


def test_a_corpus_is_counted_in_one_pass() -> None:
    survey = survey_corpus(Corpus.from_texts(["the mind adapts\nthe way", "way"]), tokens=WORDS)
    assert survey.rows[:2] == [("lines", "3"), ("tokens", "6")]
    assert not any(name == "duplicates" for name, _ in survey.rows)
    few = survey_corpus(Corpus.from_texts(["a", "b c"], name="n"), tokens=WORDS, lines=["b c"])
    assert (few.name, few.rows[:2]) == ("n", [("lines", "1"), ("tokens", "2")])


def test_counting_words_stops_at_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.surveying.counts._MAX_VOCABULARY", 3)
    survey = survey_corpus(Corpus.from_texts(["a b", "c d", "e"]), tokens=WORDS)
    assert ("distinct tokens", "more than 3") in survey.rows


def test_tokens_are_counted_as_the_model_reads_them() -> None:
    examples = Examples(["很好吃，下次再来", "很难吃！", "don't go"], ["good", "bad", "bad"])
    survey = survey_examples(examples, tokens=WORDS)
    assert {("tokens", "14"), ("distinct tokens", "12")} <= set(survey.rows)
    assert not survey.notes
    notes = survey_examples(Examples(["one", "two", "x y"], ["x", "X", "x"]), tokens=WORDS).notes
    assert [note.split(":")[0] for note in notes] == [
        "labels that look alike (case, white space, invisible or similar letters)"
    ]
    assert ("tokens in a text", "median 4, 95th percentile 8, maximum 8") in survey.rows


def test_scripts_are_of_letters_alone() -> None:
    assert script_shares(["abc 123 !!", "Привет 😀"]) == {"Cyrillic": 6 / 9, "Latin": 3 / 9}
    assert script_shares(["123 … 4"]) == {}
    assert script_shares(["\u00b5\u02b0 ab"]) == {OTHER: 0.5, "Latin": 0.5}
    assert list(script_shares(["很好吃 々", "カレ ｶﾅー", "éÿ Ａ", "न"])) == [
        "Katakana",
        "Han",
        "Latin",
        "Devanagari",
    ]
