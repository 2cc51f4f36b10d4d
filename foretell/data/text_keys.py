"""What texts have in common that differ only in case and white space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def text_key(text: str) -> bytes:
    """Return a digest of 16 bytes that is the same for texts which differ only in case and white
    space.
    """
    plain = " ".join(text.casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def places_of_equal(keys: Iterable[bytes]) -> dict[bytes, list[int]]:
    """Return the places of equal keys by the key, in order of the first."""
    groups: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return groups


def equal_texts(texts: Iterable[str]) -> dict[bytes, list[int]]:
    """Return the places of equal texts by their key, in order of the first."""
    return places_of_equal(map(text_key, texts))
