"""Tokens of long texts, before and after there is a vocabulary, and text from them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.text import line_encoder, splitting
from foretell.text.line_encoder import LineEncoder, spelled_bytes
from foretell.text.spacing import Spacing
from foretell.text.splitting import splitter
from foretell.text.styles import Style
from foretell.text.tokenizer import Tokenizer

HARD = st.text(alphabet=st.sampled_from(list("aAσΣİẞ '’-_.,<>unk\t\r\u00a0\x1c\u0301\ud800é")), max_size=30)
LINES = st.lists(st.one_of(st.text(max_size=40), HARD).map(lambda text: text.replace("\n", " ")), max_size=5)


def slow(tokenizer: Tokenizer, lines: list[str]) -> list[int]:
    end = [] if tokenizer.end_of_line is None else [tokenizer.end_of_line]
    return [i for line in lines for i in tokenizer.encode(line) + end]


@pytest.mark.parametrize("style", ["white-space", "words", "subword", "char"])
@pytest.mark.parametrize("lowercase", [False, True])
@given(LINES, LINES)
def test_it_equals_the_tokenizer(style: str, lowercase: bool, first: list[str], second: list[str]) -> None:
    tokenizer = Tokenizer.train(["a é σ Σ unk", *first], style, lowercase=lowercase, vocabulary=1000)  # type: ignore[arg-type]
    encoder = LineEncoder(tokenizer)
    for lines in (first, second, first):
        text = "".join(f"{line}\n" for line in lines)
        assert encoder.encode(text).tolist() == slow(tokenizer, lines)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"w{k}" for k in range(40)]
    tokenizer = Tokenizer.train(words, "words", lowercase=False, vocabulary=30)
    for name, most in (("MAX_PIECES", 10), ("MAX_CHARACTERS", 20)):
        monkeypatch.setattr(line_encoder, name, most)
        encoder = LineEncoder(tokenizer)
        for start in range(0, 40, 4):
            lines = words[start : start + 4]
            assert encoder.encode("\n".join(lines)).tolist() == slow(tokenizer, lines)[:-1]
            assert len(encoder._numbers) <= 10 + 5


@given(st.lists(st.text(alphabet=st.sampled_from(list("我很กั้ខ្ម 👍🏽‍🇩🇪a.")), max_size=30), max_size=5))
def test_it_equals_the_tokenizer_in_scripts_without_spaces(lines: list[str]) -> None:
    tokenizer = Tokenizer.train(["我 很 กั้ a", *lines], "words", lowercase=False, vocabulary=1000)
    text = "".join(f"{line}\n" for line in lines)
    assert LineEncoder(tokenizer).encode(text).tolist() == slow(tokenizer, lines)


def test_unknown_words_are_spelled_with_their_ends():
    tokenizer = Tokenizer.train(["the mind"], "words", lowercase=False, vocabulary=9)
    assert spelled_bytes(tokenizer, "the mind") == 0
    # The literal <unk> of the Penn Treebank is a word of its own.
    assert spelled_bytes(tokenizer, "the <unk> café ox") == (5 + 1) + (2 + 1)


HARD_TO_SPLIT = st.text(alphabet=st.sampled_from(list("aAσΣ '’-.<>unk\t\u00a0\u3000中ก้👍🏽")), max_size=30)


@pytest.mark.parametrize("style", get_args(Style))
@pytest.mark.parametrize("lowercase", [False, True])
@given(text=st.one_of(st.text(max_size=40), HARD_TO_SPLIT))
def test_the_tokens_are_those_of_the_tokenizer(style: Style, lowercase: bool, text: str) -> None:
    tokenizer = Tokenizer.without_words(style, lowercase=lowercase)
    split = splitter(style, lowercase=lowercase)
    assert split(text) == split(text) == tokenizer.runs(text)


def test_what_a_splitter_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "_MAX_PIECES", 2)
    split = splitter("words", lowercase=False)
    assert split("a b c! a c!") == ["a", "b", "c", "!", "a", "c", "!"]
    assert split("x" * 100 + " a") == ["x" * 100, "a"]


def test_spacing_continues_a_text():
    spacing = Spacing("words")
    for word in ("What", "stands"):
        spacing.piece(word)
    assert [spacing.piece(word) for word in ("in", ",", "the")] == [" in", ",", " the"]


def test_tokens_with_their_white_space_are_joined_as_they_are():
    spacing = Spacing("subword")
    assert [spacing.piece(token) for token in ("The", " mind", "'s", " ", " way")] == [
        "The", " mind", "'s", " ", " way",
    ]  # fmt: skip


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
