"""The screen before training."""

from __future__ import annotations

import pytest

from foretell.data.corpus import Corpus
from foretell.data.examples import Examples, read_examples
from foretell.data.split import split
from foretell.data.survey import check_learnable, survey_corpus, survey_examples
from foretell.errors import DataError


def test_examples_are_counted() -> None:
    texts = ["a b c", "A  b c", "d e", "f", ""]
    examples = read_examples(list(zip(texts, ["x", "x", "y", "x", "y"], strict=True)))
    found = survey_examples(examples, split(examples, 0.25, 1))
    assert (found.records, found.words, found.vocabulary) == (4, 9, 6)
    assert (found.median_words, found.p95_words, found.max_words) == (2, 3, 3)
    assert (found.labels, found.duplicates, found.leaks) == ({"x": 3, "y": 1}, 1, 1)
    text = "\n".join(found.lines())
    for said in ("x 3, y 1", "held out", "duplicates", "leak avoided", "dropped 1 record with an empty text"):
        assert said in text


def test_a_corpus_is_counted_in_one_pass() -> None:
    found = survey_corpus(Corpus.from_texts(["the mind adapts\nthe way", "way"]))
    assert (found.unit, found.records, found.words, found.vocabulary) == ("lines", 3, 6, 4)
    assert found.duplicates is None
    assert not any("duplicates" in line for line in found.lines())


def test_counting_words_stops_at_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.data.survey._MOST_WORDS", 3)
    found = survey_corpus(Corpus.from_texts(["a b", "c d", "e"]))
    assert ("distinct words", "more than 3") in found.rows()


def test_many_labels_are_shortened() -> None:
    examples = Examples([f"t{i}" for i in range(40)], [f"l{i % 20:02}" for i in range(40)])
    assert any("and 8 more" in value for _, value in survey_examples(examples).rows())


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (Examples([], [], dropped={"an empty text": 2}), r"found none \(2 dropped with an empty text\)"),
        (
            Examples(["a", "b"], ["x", "x"]),
            "expected two labels or more to tell apart, found only 'x', 2 times",
        ),
        (Examples(["a", "b", "c"], ["1", "2", "3"]), "3 different labels for 3 texts"),
    ],
)
def test_what_cannot_be_learned_is_told(examples: Examples, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_learnable(examples)


def test_two_labels_can_be_learned() -> None:
    check_learnable(Examples(["a", "b"], ["x", "y"]))
