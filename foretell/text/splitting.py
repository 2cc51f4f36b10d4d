"""The tokens of a text before there is a vocabulary, for counts of the data before training."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from foretell.text.styles import Style
from foretell.text.tokenizer import Tokenizer

# Bounds on the memory: more different pieces than this are split each time they occur, and so are long ones,
# which hardly occur twice.
_MAX_PIECES = 1 << 19
_MAX_PIECE = 64


def splitter(style: Style, *, lowercase: bool) -> Callable[[str], list[str]]:
    """Return a function that gives the tokens of a text, each different piece between two spaces split once.

    The tokens of "subword" are not known before training: the function gives the runs of letters or signs
    that they are parts of.

    Args:
        style: the tokenizer's style.
        lowercase: convert letters to lower case first.
    """
    split = Tokenizer.without_words(style, lowercase=lowercase)
    if split.is_open:
        return split.runs
    once = lru_cache(_MAX_PIECES)(split.runs)

    def tokens(text: str) -> list[str]:
        pieces = text.split(" ")
        return [token for each in pieces for token in (once if len(each) <= _MAX_PIECE else split.runs)(each)]

    return tokens
