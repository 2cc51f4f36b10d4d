"""The survey of the data before training."""

from __future__ import annotations

import pytest

from foretell.data.corpus import Corpus
from foretell.data.examples import Examples, read_examples
from foretell.data.split import make_split
from foretell.data.survey import survey_corpus, survey_examples
from foretell.text.splitting import splitter


def test_examples_are_counted() -> None:
    texts = ["a b c", "A  b c", "d e", "f", ""]
    examples = read_examples(list(zip(texts, ["x", "x", "y", "x", "y"], strict=True)))
    survey = survey_examples(examples, make_split(examples, fraction=0.5, seed=1))
    assert (survey.records, survey.tokens, survey.vocabulary) == (4, 9, 6)
    assert (survey.median_tokens, survey.p95_tokens, survey.max_tokens) == (2, 3, 3)
    assert (survey.labels, survey.duplicates, survey.valid) == ({"x": 3, "y": 1}, 1, 2)
    text = "\n".join(survey.lines())
    for part in ("x 3, y 1", "validation", "duplicate", "dropped 1 record with an empty text"):
        assert part in text


def test_a_corpus_is_counted_in_one_pass() -> None:
    survey = survey_corpus(Corpus.from_texts(["the mind adapts\nthe way", "way"]))
    assert (survey.unit, survey.records, survey.tokens, survey.vocabulary) == ("lines", 3, 6, 4)
    assert survey.duplicates is None
    assert not any("duplicates" in line for line in survey.lines())
    few = survey_corpus(Corpus.from_texts(["a", "b c"], name="n"), lines=["b c"])
    assert (few.name, few.records, few.tokens) == ("n", 1, 2)


def test_counting_words_stops_at_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.data.survey._MAX_VOCABULARY", 3)
    survey = survey_corpus(Corpus.from_texts(["a b", "c d", "e"]))
    assert ("distinct tokens", "more than 3") in survey.rows()


def test_many_labels_are_shortened() -> None:
    examples = Examples([f"t{i}" for i in range(40)], [f"l{i % 20:02}" for i in range(40)])
    assert any("and 8 more" in value for _, value in survey_examples(examples).rows())


def test_warnings_about_the_data_are_among_the_notes() -> None:
    examples = Examples(["one", "two", "three words here"], ["x", "X", "x"])
    notes = survey_examples(examples).notes
    assert [note.split(":")[0] for note in notes] == [
        "labels that differ only in case or white space",
        "67 % of the texts consist of a single token",
    ]


def test_tokens_are_counted_as_the_model_reads_them() -> None:
    examples = Examples(["很好吃，下次再来", "很难吃！", "don't go"], ["good", "bad", "bad"])
    survey = survey_examples(examples, tokens=splitter("words", lowercase=True))
    assert (survey.median_tokens, survey.max_tokens, survey.tokens, survey.vocabulary) == (4, 8, 14, 12)
    assert not survey.notes
    assert ("tokens in a text", "median 4, 95th percentile 8, maximum 8") in survey.rows()
