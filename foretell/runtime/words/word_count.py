"""The words of a text that is written token by token, where a token is a part of a word."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from foretell.text.splitting import splitter

MAX_TOKENS_A_WORD = 32
"""A continuation of n words ends after n times as many tokens, also within a word."""

# Words at the end of a run without spaces that a further token may still change, and one is not counted
# before.
_MAX_WORDS_OPEN = 8


class WordCount:
    """Counts words as the style "words" splits them, of text that comes in pieces.

    Args:
        words: how many words the text may have.
    """

    def __init__(self, words: int) -> None:
        self._words_left = words
        self._run = ""

    def is_complete_before(self, piece: str) -> bool:
        """Add a piece of text; return whether the text before had all its words.

        The piece then begins another word, or follows the last one with white space.
        """
        if piece[:1].isspace():
            self._words_left -= len(_splitter()(self._run))
            self._run = ""
            if self._words_left <= 0:
                return True
        self._run += piece
        words = _splitter()(self._run)
        if len(words) > _MAX_WORDS_OPEN:
            n_closed = len(words) - _MAX_WORDS_OPEN // 2
            self._words_left -= n_closed
            words = words[n_closed:]
            self._run = "".join(words)
        return len(words) > self._words_left


@cache
def _splitter() -> Callable[[str], list[str]]:
    return splitter("words", lowercase=False)
