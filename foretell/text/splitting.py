"""The tokens of a text before there is a vocabulary, for counts of the data before training."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

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
    tokenizer = Tokenizer.without_words(style, lowercase=lowercase)
    if tokenizer.is_open:
        return tokenizer.runs
    pieces = _Pieces(tokenizer)
    return lambda text: list(chain.from_iterable(map(pieces.__getitem__, text.split(" "))))


class _Pieces(dict[str, list[str]]):
    """The tokens of each piece so far; looking up a new one adds it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, piece: str) -> list[str]:
        tokens = self._tokenizer.runs(piece)
        if len(piece) <= _MAX_PIECE and len(self) < _MAX_PIECES:
            self[piece] = tokens
        return tokens
