"""Unfinished words: the words of the vocabulary that begin with the letters written so far."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from foretell.arrays import TokenIds
from foretell.text.scripts import in_unspaced_script
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
        unfinished where "don't" is in the vocabulary. A character of a script without spaces is a word of its
        own: it is unfinished only where the vocabulary has it with further marks. A subword is unfinished
            where
        longer ones begin with it and the space before it; otherwise, as with characters, the next token
        continues the word.

        Returns:
            the text before the unfinished word, the word as the tokenizer writes it, and the ids of the words
            that begin with it, possibly none. Without an unfinished word: the text, "" and no ids.
        """
        if self._tokenizer.is_open:
            return self._split_subword(text)
        if not text or text[-1].isspace():
            return text, "", NO_IDS
        run = text.split()[-1]
        starts, ends_in_word = self._starts(run)
        place = len(text) - len(run)
        if ends_in_word and self._is_character(run[starts[-1]]):
            return self._at_character(text, place + starts[-1])
        for start in starts:
            before, beginning = text[: place + start], self._as_known(run[start:])
            ids = self.ids(beginning)
            if len(ids):
                return before, beginning, ids
        return (before, beginning, NO_IDS) if ends_in_word else (text, "", NO_IDS)

    def _split_subword(self, text: str) -> tuple[str, str, TokenIds]:
        if self._tokenizer.style != "subword":
            return text, "", NO_IDS
        line = text.rpartition("\n")[2]
        begun = (self._tokenizer.runs(line) or [""])[-1]
        ids = self.ids(begun) if begun == " " or begun.strip() else NO_IDS
        if all(self._tokenizer.word(id) == begun for id in ids.tolist()):
            return text, "", NO_IDS
        n_tokens = len(self._tokenizer.encode(begun))
        _, start, _ = self._tokenizer.encode_with_offsets(line)[-n_tokens]
        return text[: len(text) - len(line) + start], begun, ids

    def _is_character(self, letter: str) -> bool:
        """Return whether the tokenizer makes a word of this letter and its marks."""
        return self._tokenizer.style == "words" and in_unspaced_script(letter)

    def _at_character(self, text: str, start: int) -> tuple[str, str, TokenIds]:
        """Return `split` of a text whose last word is the character from `start` on."""
        beginning = self._as_known(text[start:])
        ids = self.ids(beginning)
        with_marks = any(self._tokenizer.word(id) != beginning for id in ids.tolist())
        return (text[:start], beginning, ids) if with_marks else (text, "", NO_IDS)

    def _as_known(self, text: str) -> str:
        return "".join(self._tokenizer.words(text))

    def _starts(self, run: str) -> tuple[list[int], bool]:
        """Return where words begin at the end of a run of letters, and whether its last token is a word."""
        tokens = [start for _, start, _ in self._tokenizer.encode_with_offsets(run)[-MAX_TOKENS:]]
        splits_punctuation = self._tokenizer.style == "words"
        starts = [at for at in tokens if not splits_punctuation or run[at].isalnum() or run[at] == "_"]
        return starts, bool(starts) and starts[-1] == tokens[-1]
