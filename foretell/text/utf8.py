"""The bytes of texts in UTF-8, the unit in which models with different tokens are compared."""

from __future__ import annotations

from foretell.text.tokenizer import Tokenizer


def utf8_bytes(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate has three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def spelled_bytes(tokenizer: Tokenizer, text: str) -> int:
    """Return the bytes to spell the unknown words of a text: those of each word, and one for its end."""
    if tokenizer.is_open:
        return 0
    return sum(utf8_bytes(word) + 1 for word in tokenizer.words(text) if tokenizer.id(word) is None)
