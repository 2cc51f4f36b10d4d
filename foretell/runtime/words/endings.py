"""Unfinished words: which words of the vocabulary begin with what is written so far."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from foretell.runtime.words.sampling import Integers
from foretell.text.tokenizer import Tokenizer

# Pieces of a run without white space, counted from its end, at which a word may be taken to begin.
MOST_PIECES = 8


class Endings:
    """The words of a vocabulary by how they begin."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pairs = sorted((tokenizer.word(id), id) for id in range(tokenizer.specials, tokenizer.size))
        self._words = [word for word, _ in pairs]
        self._ids = np.array([id for _, id in pairs], np.int64)
        self._tokenizer = tokenizer

    def ids(self, beginning: str) -> Integers:
        """Return the ids of the words that begin with `beginning`, itself among them; ascending."""
        first = bisect_left(self._words, beginning)
        # Cut to its length, the sorted words are sorted still.
        last = bisect_right(self._words, beginning, first, key=lambda word: word[: len(beginning)])
        return np.sort(self._ids[first:last])

    def split(self, text: str) -> tuple[str, str, Integers]:
        """Part a text from its last word, if that can be the beginning of one.

        A text that ends in white space or a punctuation mark has no unfinished word, except that "don'" is
        one where "don't" is known.

        Returns:
            the text before the unfinished word, the word as the tokenizer writes it, and the ids of the words
            that begin so. Without an unfinished word: the text, "" and none. With one that nothing begins
            with: the text before, the word and none.
        """
        if not text or text[-1].isspace():
            return text, "", self.ids_of_none
        run = text.split()[-1]
        starts, is_open = self._starts(run)
        for start in starts:
            before, beginning = text[: len(text) - len(run) + start], self._as_known(run[start:])
            found = self.ids(beginning)
            if len(found):
                return before, beginning, found
        return (before, beginning, self.ids_of_none) if is_open else (text, "", self.ids_of_none)

    @property
    def ids_of_none(self) -> Integers:
        """No ids at all."""
        return np.zeros(0, np.int64)

    def _as_known(self, text: str) -> str:
        return "".join(self._tokenizer.words(text))

    def _starts(self, run: str) -> tuple[list[int], bool]:
        """Return where words begin at the end of a run without white space, and whether it ends in one."""
        spans = [start for _, start, _ in self._tokenizer.encode_with_offsets(run)[-MOST_PIECES:]]
        marks = self._tokenizer.style == "words"
        starts = [start for start in spans if not marks or run[start].isalnum() or run[start] == "_"]
        return starts, bool(starts) and starts[-1] == spans[-1]
