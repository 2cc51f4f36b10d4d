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
        before_glued = self._glued or (
            self._style == "words" and joined_without_space(self._before, word)
        )
        self._before = word
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
