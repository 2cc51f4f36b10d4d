"""The fast encoder gives the ids of the slow one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.text import line_encoder
from foretell.text.line_encoder import LineEncoder, spelled_bytes
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
