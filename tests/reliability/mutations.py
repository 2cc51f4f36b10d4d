"""Damage to bytes, by a seed."""

from __future__ import annotations

import random


def mutate(content: bytes, random: random.Random) -> bytes:
    """Return the content with one to eight changes: bits, bytes, parts removed, repeated or exchanged."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        kind = random.randrange(6)
        at = random.randrange(len(changed) + 1)
        stop = min(len(changed), at + random.choice((1, 2, 8, 64)))
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            changed[at:at] = random.choice(PIECES)
        elif kind == 2:
            del changed[at:stop]
        elif kind == 3:
            changed[at:at] = changed[at:stop] * random.choice((1, 3, 50))
        elif kind == 4:
            changed[at:stop] = random.randbytes(stop - at)
        else:
            del changed[at if at > len(changed) // 2 else len(changed) - at :]
    return bytes(changed)


PIECES = (
    b"\0", b'"', b"'", b",", b"\t", b"\r", b"\n", b"\\", b"[", b"]", b"{", b"}", b":", b"null", b"NaN",
    b"1e400", b"-1", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"PAR1",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"__label__", b"<unk>", "\u202e".encode(), b"\x1b[31m", b"9" * 400,
    b"[" * 3000, b'{"a":' * 1200,
)  # fmt: skip
"""What parsers stumble over."""
