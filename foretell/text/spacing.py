"""Words back to readable text: what white space stands before each."""

from __future__ import annotations


class Spacing:
    """Sets words one after another: each `piece` is the word with the white space that belongs before it.

    A stream may be continued: give the words that are already written to `piece` first and drop the results.

    Args:
        style: the tokenizer's style; only "words" sets punctuation, the others put a space between all words.
    """

    _CLOSING = frozenset(".,!?;:)]}…%’”»")
    _OPENING = frozenset("([{“‘«#$€£¿¡")
    _JOINING = frozenset("-–—/_@")
    _PAIRED = frozenset("\"'`")

    def __init__(self, style: str) -> None:
        self._style = style
        self._glued = True
        self._open: set[str] = set()

    def piece(self, word: str) -> str:
        """Return `word` with a space before it where one belongs; a line break resets the line."""
        if word == "\n":
            self._glued, self._open = True, set()
            return word
        before_glued = self._glued
        self._glued = False
        if self._style != "words":
            return word if before_glued else f" {word}"
        if word in self._PAIRED:
            closes = word in self._open
            self._open ^= {word}
            self._glued = not closes
            return word if closes or before_glued else f" {word}"
        self._glued = word in self._OPENING or word in self._JOINING
        no_space = before_glued or word in self._CLOSING or word in self._JOINING
        return word if no_space else f" {word}"
