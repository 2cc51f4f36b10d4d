"""Writing: a continuation ends at a stop, and each word is given as soon as it can be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.writing import Chosen, Pieces, WordCount, Writing
from foretell.text.splitting import splitter
from tests.text.texts import ALL

WARM = settings(deadline=None, max_examples=20)


STOPS = st.lists(st.text(" amnidthe.,\n", min_size=1, max_size=6), min_size=1, max_size=3)


@WARM
@given(ids=st.lists(st.integers(2, 18), max_size=20), stop=STOPS)
def test_a_stop_ends_the_text_where_the_first_of_them_begins(
    lstm: WordsRuntime, ids: list[int], stop: list[str]
) -> None:
    tokenizer = lstm.tokenizer
    pieces = [Pieces(tokenizer, [], "x") for _ in range(2)]
    whole = "".join(pieces[0].add(id) for id in ids)
    writing = Writing((Chosen(id, -1.0) for id in ids), pieces[1], tokenizer, stop)
    found = writing.whole()
    ends = [whole.find(each) for each in stop if each in whole]
    assert found.text == (whole[: min(ends)] if ends else whole)
    assert found.finished == ("stop" if ends else "length")
    assert "".join(word.text for word in found.words) == found.text
    assert [word.word for word in found.words] == [tokenizer.word(id) for id in ids[: len(found.words)]]
    assert all(word.text for word in found.words)


@WARM
@given(ids=st.lists(st.integers(2, 18), max_size=20), stop=STOPS)
def test_a_word_is_given_as_soon_as_no_stop_can_begin_in_it(
    lstm: WordsRuntime, ids: list[int], stop: list[str]
) -> None:
    pieces = Pieces(lstm.tokenizer, [], "x")
    read = [""]

    def chosen() -> Any:
        for id in ids:
            read.append(read[-1] + pieces.copy().add(id))
            yield Chosen(id, 0.0)

    def could_stop(text: str, before: int) -> bool:
        return any(each.startswith(text[start:]) for each in stop for start in range(min(before, len(text))))

    writing = Writing(chosen(), pieces, lstm.tokenizer, stop)
    for k, _ in enumerate(writing, 1):
        end = len(read[k])
        assert all(could_stop(text, end) for text in read[k:-1])
        has_ended = any(each in read[-1] for each in stop) or len(read) > len(ids)
        assert has_ended or not could_stop(read[-1], end)


split = splitter("words", lowercase=False)


def written(pieces: list[str], words: int) -> str:
    """The pieces up to so many words."""
    count, text = WordCount(words), ""
    for piece in pieces:
        if count.is_complete_before(piece):
            break
        text += piece
    return text


@pytest.mark.parametrize(
    ("pieces", "words", "text"),
    [
        (["The", " mi", "nd", " of"], 2, "The mind"),
        (list("The mind."), 2, "The mind"),
        (list("The mind."), 3, "The mind."),
        (["play", "ing", ".", "."], 1, "playing"),
        (["\n", "The", "\n", "mind"], 1, "\nThe"),
        (["", "酒", "", "店", "很"], 2, "酒店"),
        (list("a  b"), 1, "a"),
    ],
)
def test_it_ends_after_the_last_word(pieces: list[str], words: int, text: str) -> None:
    assert written(pieces, words) == text


@pytest.mark.parametrize("text", ALL)
@given(words=st.integers(1, 12))
def test_characters_are_counted_as_the_whole_text(text: str, words: int) -> None:
    found = written(list(text), words)
    assert text.startswith(found)
    # A mark can join the word before it, so a cut text may have one word less, never more.
    assert words - 1 <= len(split(found)) <= words or found == text
