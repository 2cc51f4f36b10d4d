"""Tokens of long texts, before and after there is a vocabulary, and text from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer

HARD = st.text(alphabet=st.sampled_from(list("aAσΣİẞ '’-_.,<>unk\t\r\u00a0\x1c\u0301\ud800é")), max_size=30)
UNSPACED = st.text(alphabet=st.sampled_from(list("我很กั้ខ្ម 👍🏽‍🇩🇪a.")), max_size=30)
LINES = st.lists(
    st.one_of(st.text(max_size=40), HARD, UNSPACED).map(lambda text: text.replace("\n", " ")), max_size=5
)


def slow(tokenizer: Tokenizer, lines: list[str]) -> list[int]:
    end = [] if tokenizer.end_of_line is None else [tokenizer.end_of_line]
    return [i for line in lines for i in tokenizer.encode(line) + end]


@pytest.mark.parametrize("style", ["white-space", "words", "subword", "char"])
@pytest.mark.parametrize("lowercase", [False, True])
@given(LINES, LINES)
def test_it_equals_the_tokenizer(style: str, lowercase: bool, first: list[str], second: list[str]) -> None:
    tokenizer = Tokenizer.train(["a é σ Σ unk 我 很 กั้", *first], style, lowercase=lowercase, vocabulary=1000)  # type: ignore[arg-type]
    for lines in (first, second, first):
        text = "".join(f"{line}\n" for line in lines)
        assert tokenizer.encode_lines(text).tolist() == slow(tokenizer, lines)


def test_unknown_words_are_spelled_with_their_ends():
    tokenizer = Tokenizer.train(["the mind"], "words", lowercase=False, vocabulary=9)
    assert tokenizer.spelled_bytes("the mind") == 0
    # The literal <unk> of the Penn Treebank is a word of its own.
    assert tokenizer.spelled_bytes("the <unk> café ox") == (5 + 1) + (2 + 1)


def test_bytes_become_their_character_with_the_last_one():
    spacing = Spacing("char")
    assert [spacing.piece(token) for token in ("a", "<0xE4>", "<0xBD>", "<0xA0>", "b")] == [
        "a",
        "",
        "",
        "你",
        "b",
    ]
    assert [spacing.piece(token) for token in ("<0xE4>", "b")] == ["", "\ufffdb"]
    assert spacing.piece("<0xE4>") == ""
    assert spacing.end() == "\ufffd"
    assert spacing.end() == ""
