"""Tokens before there is a vocabulary."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.text import splitting
from foretell.text.splitting import splitter
from foretell.text.styles import Style
from foretell.text.tokenizer import Tokenizer

HARD = st.text(alphabet=st.sampled_from(list("aAσΣ '’-.<>unk\t\u00a0\u3000中ก้👍🏽")), max_size=30)


@pytest.mark.parametrize("style", get_args(Style))
@pytest.mark.parametrize("lowercase", [False, True])
@given(text=st.one_of(st.text(max_size=40), HARD))
def test_the_tokens_are_those_of_the_tokenizer(style: Style, lowercase: bool, text: str) -> None:
    tokenizer = Tokenizer.without_words(style, lowercase=lowercase)
    split = splitter(style, lowercase=lowercase)
    assert split(text) == split(text) == tokenizer.runs(text)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "_MAX_PIECES", 2)
    split = splitter("words", lowercase=False)
    assert split("a b c! a c!") == ["a", "b", "c", "!", "a", "c", "!"]
    assert split("x" * 100 + " a") == ["x" * 100, "a"]
