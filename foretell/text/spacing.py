"""Words back to text: the white space before each word."""

from __future__ import annotations

import codecs

from foretell.text.styles import BYTES, OPEN, joined_without_space

_BYTES = {token: byte for byte, token in enumerate(BYTES)}


class Spacing:
    """Joins words to text: each `piece` is a word with the white space before it.

    To continue a text, pass its words to `piece` first and ignore the results.

    Args:
        style: the tokenizer's style. "words" has spaces as English punctuation has them, and none
            in scripts without spaces between words; "white-space" and "keras" a space between all
            words. "subword" and "char" have the white space in their tokens.
    """

    _CLOSING = frozenset(".,!?;:)]}…%’”»")
    _OPENING = frozenset("([{“‘«#$€£¿¡")
    _JOINING = frozenset("-–—/_@")
    _PAIRED = frozenset("\"'`")

    def __init__(self, style: str) -> None:
        self._style = style
        self._is_open = style in OPEN
        self._bytes = b""
        self._before = ""
        self._glued = True
        self._open: set[str] = set()

    def piece(self, word: str) -> str:
        """Return `word` with the space before it, if any; a line break starts a new line.

        Of a character in bytes all but the last give "", and that one the character.
        """
        if self._is_open:
            return self._exact(word)
        if word == "\n":
            self._glued = True
            self._open = set()
            self._before = ""
            return word
        no_space = self._glued
        self._glued = False
        if self._style == "words":
            joins = self._joins(word)
            no_space = no_space or joins or joined_without_space(self._before, word)
            self._before = word
        return word if no_space else f" {word}"

    def _joins(self, word: str) -> bool:
        """Whether a word is a mark without a space before it; note whether one stands after it."""
        closes = word in self._open
        if word in self._PAIRED:
            self._open ^= {word}
            self._glued = not closes
            return closes
        self._glued = word in self._OPENING or word in self._JOINING
        return word in self._CLOSING or word in self._JOINING

    def end(self) -> str:
        """Return what is left at the end of a text: U+FFFD for the bytes of an incomplete
        character.
        """
        left = self._bytes
        self._bytes = b""
        return "\ufffd" if left else ""

    def _exact(self, token: str) -> str:
        byte = _BYTES.get(token)
        if byte is None:
            return self.end() + token
        text, used = codecs.utf_8_decode(self._bytes + bytes([byte]), "replace", False)
        self._bytes = (self._bytes + bytes([byte]))[used:]
        return text
