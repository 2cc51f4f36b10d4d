"""Words of a text that comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.runtime.words.word_count import WordCount
from foretell.text.splitting import splitter
from tests.text.texts import ALL

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
