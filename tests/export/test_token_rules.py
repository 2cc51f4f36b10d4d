"""The rules of a tokenizer for another language."""

from __future__ import annotations

import re

import pytest

from foretell.export.token_rules import lowercases, token_rules
from foretell.text.tokenizer import Style, Tokenizer


def _code_points(ranges: str) -> set[int]:
    return {
        code
        for first, last in re.findall(r"\\u\{([0-9a-f]+)\}-\\u\{([0-9a-f]+)\}", ranges)
        for code in range(int(first, 16), int(last, 16) + 1)
    }


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("style", ["words", "keras", "white-space", "subword", "char"])
def test_the_rules_are_the_tokenizers(style: Style, lowercase: bool) -> None:
    tokenizer = Tokenizer.train(["The mind"], style, lowercase=lowercase, vocabulary=10)
    rules = token_rules(tokenizer)
    assert rules["lowercase"] == lowercases(tokenizer) == lowercase
    for name in ("style", "size", "pad", "start", "unknown", "end_of_line"):
        assert rules[name] == getattr(tokenizer, name)
    assert rules["first_byte"] == (tokenizer.size - 256 if style in ("subword", "char") else None)


def test_letters_and_spaces_are_listed() -> None:
    rules = token_rules(Tokenizer.train(["a"], "words", lowercase=True, vocabulary=10))
    letters, spaces = _code_points(rules["letters"]), _code_points(rules["spaces"])
    assert {ord(letter) for letter in "azAZ09_éßΑ日\u0301"} <= letters
    assert {ord(space) for space in " \t\n\u00a0\u2003\u3000"} <= spaces
    assert not letters & spaces
    assert not letters & {ord(sign) for sign in ".,!?'🙂\u200b"}
