"""What a training shows about its data before it begins."""

from __future__ import annotations

import time

import pytest

from foretell.config import LabelsSettings, WordsSettings
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples, read_examples
from foretell.data.split import make_split
from foretell.surveying.shown import example_rows, show_examples, show_text
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Event, Note

WORDS = Tokenizer.without_words("words", lowercase=True).runs


def notes_on(examples: Examples) -> list[str]:
    events: list[Event] = []
    show_examples(examples, [], make_split(examples), LabelsSettings(), events.append)
    return [event.text for event in events if isinstance(event, Note)]


def text_shown(corpus: Corpus) -> tuple[int, str]:
    """The tokens of a text, and what was shown of it."""
    events: list[Event] = []
    tokens = show_text(corpus, WordsSettings(), time.monotonic(), events.append)
    (note,) = events
    assert isinstance(note, Note)
    return tokens, note.text


def test_examples_are_counted() -> None:
    texts = ["a b c", "A  b c", "d e", "f", ""]
    examples = read_examples(list(zip(texts, ["x", "x", "y", "x", "y"], strict=True)))
    split = make_split(examples, valid=Examples(["g", "h"], ["x", "y"]))
    assert example_rows(examples, split, WORDS) == [
        ("texts", "4"),
        ("validation", "2"),
        ("2 labels", "x 3, y 1"),
        ("tokens", "9"),
        ("tokens in a text", "median 2, 95th percentile 3, maximum 3"),
        ("distinct tokens", "6"),
        ("duplicates", "1"),
        ("dropped", "1 with an empty text"),
    ]


def test_a_corpus_is_counted() -> None:
    tokens, shown = text_shown(Corpus.from_texts(["the mind adapts\nthe way", "way"], "n"))
    assert tokens == 6
    assert [line.split() for line in shown.splitlines()[:3]] == [
        ["n"],
        ["lines", "3"],
        ["tokens", "6"],
    ]


def test_counting_words_stops_at_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.surveying.counts._MAX_VOCABULARY", 3)
    assert "more than 3" in text_shown(Corpus.from_texts(["a b", "c d", "e"]))[1]


def test_tokens_are_counted_as_the_model_reads_them() -> None:
    examples = Examples(["很好吃，下次再来", "很难吃！", "don't go"], ["good", "bad", "bad"])
    rows = example_rows(examples, make_split(examples), WORDS)
    assert {("tokens", "14"), ("distinct tokens", "12")} <= set(rows)
    assert ("tokens in a text", "median 4, 95th percentile 8, maximum 8") in rows
    assert len(notes_on(examples)) == 1


def test_labels_that_look_alike_are_named() -> None:
    _, note = notes_on(Examples(["one", "two", "x y"], ["x", "X", "x"]))
    assert note.split(":")[0] == (
        "labels that look alike (case, white space, invisible or similar letters)"
    )
