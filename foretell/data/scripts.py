"""The scripts of texts: which share of the letters is Latin, Cyrillic, Han, and so on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

OTHER = "other letters"
_LATIN = "Latin"
_END = 0x30000

# Blocks of Unicode 16 by script, from the first code point to the last: a script's letters and marks, with
# some signs that stand in its blocks. Letters elsewhere are counted as OTHER.
_BLOCKS: tuple[tuple[str, int, int], ...] = (
    (_LATIN, 0x41, 0x5A), (_LATIN, 0x61, 0x7A), (_LATIN, 0xAA, 0xAA), (_LATIN, 0xBA, 0xBA),
    (_LATIN, 0xC0, 0xD6), (_LATIN, 0xD8, 0xF6), (_LATIN, 0xF8, 0x24F), (_LATIN, 0x250, 0x2AF),
    (_LATIN, 0x1D00, 0x1DBF), (_LATIN, 0x1E00, 0x1EFF), (_LATIN, 0x2C60, 0x2C7F), (_LATIN, 0xA720, 0xA7FF),
    (_LATIN, 0xAB30, 0xAB6F), (_LATIN, 0xFF21, 0xFF3A), (_LATIN, 0xFF41, 0xFF5A),
    ("Greek", 0x370, 0x3FF), ("Greek", 0x1F00, 0x1FFF),
    ("Cyrillic", 0x400, 0x52F), ("Cyrillic", 0x1C80, 0x1C8F), ("Cyrillic", 0x2DE0, 0x2DFF),
    ("Cyrillic", 0xA640, 0xA69F),
    ("Armenian", 0x530, 0x58F), ("Hebrew", 0x590, 0x5FF), ("Hebrew", 0xFB1D, 0xFB4F),
    ("Arabic", 0x600, 0x6FF), ("Arabic", 0x750, 0x77F), ("Arabic", 0x860, 0x8FF), ("Arabic", 0xFB50, 0xFDFF),
    ("Arabic", 0xFE70, 0xFEFE),
    ("Syriac", 0x700, 0x74F), ("Thaana", 0x780, 0x7BF), ("N'Ko", 0x7C0, 0x7FF),
    ("Devanagari", 0x900, 0x97F), ("Devanagari", 0xA8E0, 0xA8FF),
    ("Bengali", 0x980, 0x9FF), ("Gurmukhi", 0xA00, 0xA7F), ("Gujarati", 0xA80, 0xAFF),
    ("Oriya", 0xB00, 0xB7F), ("Tamil", 0xB80, 0xBFF), ("Telugu", 0xC00, 0xC7F), ("Kannada", 0xC80, 0xCFF),
    ("Malayalam", 0xD00, 0xD7F), ("Sinhala", 0xD80, 0xDFF), ("Thai", 0xE00, 0xE7F), ("Lao", 0xE80, 0xEFF),
    ("Tibetan", 0xF00, 0xFFF), ("Myanmar", 0x1000, 0x109F), ("Georgian", 0x10A0, 0x10FF),
    ("Georgian", 0x1C90, 0x1CBF), ("Georgian", 0x2D00, 0x2D2F),
    ("Hangul", 0x1100, 0x11FF), ("Hangul", 0x3130, 0x318F), ("Hangul", 0xA960, 0xA97F),
    ("Hangul", 0xAC00, 0xD7FF), ("Ethiopic", 0x1200, 0x139F), ("Ethiopic", 0x2D80, 0x2DDF),
    ("Cherokee", 0x13A0, 0x13FF), ("Cherokee", 0xAB70, 0xABBF), ("Khmer", 0x1780, 0x17FF),
    ("Mongolian", 0x1800, 0x18AF),
    ("Hiragana", 0x3041, 0x309F), ("Katakana", 0x30A1, 0x30FF), ("Katakana", 0x31F0, 0x31FF),
    ("Katakana", 0xFF66, 0xFF9F),
    ("Han", 0x3005, 0x3007), ("Han", 0x3021, 0x3029), ("Han", 0x3400, 0x4DBF), ("Han", 0x4E00, 0x9FFF),
    ("Han", 0xF900, 0xFAFF), ("Han", 0x20000, 0x2FFFF),
    ("emoji and symbols", 0x2600, 0x27BF), ("emoji and symbols", 0x1F300, 0x1FAFF),
)  # fmt: skip
_NAMES = ("", *dict.fromkeys(name for name, _, _ in _BLOCKS))

_NO_LETTERS = bytes(code for code in range(0x80) if not chr(code).isalpha())
_AT_ONCE = 1 << 20


class ScriptCounts:
    """Counts letters by script; `add` texts, then ask for the `shares`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._waiting: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """Count the letters of a text."""
        if text.isascii():
            self._counts[_LATIN] += len(text.encode("ascii").translate(None, _NO_LETTERS))
            return
        self._waiting.append(text)
        self._size += len(text)
        if self._size >= _AT_ONCE:
            self._count()

    def shares(self) -> dict[str, float]:
        """Return the share of each script among the letters, the largest first; empty without letters."""
        self._count()
        total = self._counts.total()
        order = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return {name: count / total for name, count in order if count}

    def _count(self) -> None:
        text = "".join(self._waiting)
        self._waiting, self._size = [], 0
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        scripts = np.bincount(_table()[np.minimum(codes, _END)], minlength=len(_NAMES))
        for name, count in zip(_NAMES[1:], scripts[1:].tolist(), strict=True):
            if count:
                self._counts[name] += count
        # What is in no block is mostly spaces, digits and punctuation: few kinds of characters.
        rest = _distinct_rest(codes)
        letters = [code for code in rest if chr(code).isalpha()]
        if letters:
            self._counts[OTHER] += int(np.isin(codes, letters).sum())


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each script among the letters of texts, the largest first."""
    counts = ScriptCounts()
    for text in texts:
        counts.add(text)
    return counts.shares()


def _distinct_rest(codes: npt.NDArray[np.uint32]) -> list[int]:
    """Return the distinct code points beyond ASCII that are in no block."""
    beyond = codes[codes > 0x7F]
    outside: list[int] = np.unique(beyond[_table()[np.minimum(beyond, _END)] == 0]).tolist()
    return outside


@functools.cache
def _table() -> npt.NDArray[np.uint8]:
    """Return the place in `_NAMES` of the script of each code point; the last entry is for all others."""
    table = np.zeros(_END + 1, np.uint8)
    for name, first, last in _BLOCKS:
        table[first : last + 1] = _NAMES.index(name)
    return table
