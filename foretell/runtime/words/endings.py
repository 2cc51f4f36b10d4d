"""Unfinished words: the words of the vocabulary that begin with the letters written so far."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from foretell.arrays import TokenIds
from foretell.text.tokenizer import Tokenizer

# Tokens at the end of a run without white space at which an unfinished word may begin.
MAX_TOKENS = 8

NO_IDS: TokenIds = np.zeros(0, np.int64)


class Endings:
    """The words of a vocabulary, sorted, for the search by their first letters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pairs = sorted((tokenizer.word(id), id) for id in range(tokenizer.specials, tokenizer.size))
        self._words = [word for word, _ in pairs]
        self._ids = np.array([id for _, id in pairs], np.int64)
        self._tokenizer = tokenizer

    def ids(self, beginning: str) -> TokenIds:
        """Return the ids of the words that begin with `beginning`, including itself; ascending."""
        first = bisect_left(self._words, beginning)
        # Sorted words, cut to one length, are still sorted.
        last = bisect_right(self._words, beginning, first, key=lambda word: word[: len(beginning)])
        return np.sort(self._ids[first:last])

    def split(self, text: str) -> tuple[str, str, TokenIds]:
        """Split a text before its last word, if that word may be unfinished.

        A text that ends in white space or a punctuation mark has no unfinished word, except that "don'" is
        unfinished where "don't" is in the vocabulary.

        Returns:
            the text before the unfinished word, the word as the tokenizer writes it, and the ids of the words
            that begin with it, possibly none. Without an unfinished word: the text, "" and no ids.
        """
        if not text or text[-1].isspace():
            return text, "", NO_IDS
        run = text.split()[-1]
        starts, ends_in_word = self._starts(run)
        for start in starts:
            before, beginning = text[: len(text) - len(run) + start], self._as_known(run[start:])
            ids = self.ids(beginning)
            if len(ids):
                return before, beginning, ids
        return (before, beginning, NO_IDS) if ends_in_word else (text, "", NO_IDS)

    def _as_known(self, text: str) -> str:
        return "".join(self._tokenizer.words(text))

    def _starts(self, run: str) -> tuple[list[int], bool]:
        """Return where words begin at the end of a run of letters, and whether its last token is a word."""
        tokens = [start for _, start, _ in self._tokenizer.encode_with_offsets(run)[-MAX_TOKENS:]]
        splits_punctuation = self._tokenizer.style == "words"
        starts = [at for at in tokens if not splits_punctuation or run[at].isalnum() or run[at] == "_"]
        return starts, bool(starts) and starts[-1] == tokens[-1]
