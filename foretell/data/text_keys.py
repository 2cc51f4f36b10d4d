"""What texts have in common that differ only in case and white space."""

from __future__ import annotations

import hashlib


def text_key(text: str) -> bytes:
    """Return a digest of 16 bytes that is the same for texts which differ only in case and white
    space.
    """
    return hashlib.blake2b(plain_text(text), digest_size=16).digest()


def plain_text(text: str) -> bytes:
    """Return a text without case and with single spaces, in UTF-8: equal texts have the same."""
    return " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")
