"""Character n-grams within words: one integer for each run of two to five characters.

A word is what stands between white space. It is lower-cased, and a space is added on both sides, so
that an n-gram can show where a word begins or ends. The key of an n-gram is its characters read as
one number, as `ngrams.keys` does with words; only characters of an alphabet count, so that five fit
in 63 bits.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.arrays import Integers, NgramKeys
from foretell.ngrams.keys import runs

LONGEST = 5
"""Characters of the longest n-grams; the shortest have two."""

MAX_ALPHABET = 6_000
"""Characters of an alphabet at most: 6,200 to the fifth power is just below 2 to the 63rd."""

Alphabet = npt.NDArray[np.uint32]
"""Code points, ascending; the first is the space. A character's number is its place."""

_SPACE = 32
_MAX_MARKS = 30
_LONG_RUN = re.compile(rf"[^\w\s]{{{_MAX_MARKS + 1},}}")  # no mark is \w or \s


def make_alphabet(texts: Sequence[str]) -> Alphabet:
    """Return the alphabet of the most frequent characters of some texts, the space included."""
    points, counts = np.unique(_code_points(_joined(texts)[0]), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    frequent = points[order][:MAX_ALPHABET]
    return np.union1d(frequent[frequent > _SPACE], np.array([_SPACE], np.uint32)).astype(np.uint32)


def character_ngrams(texts: Sequence[str], alphabet: Alphabet) -> tuple[NgramKeys, Integers]:
    """Return all occurrences of character n-grams: their keys and the texts they are in, both
    [occurrence].

    Args:
        texts: any number of texts.
        alphabet: n-grams with other characters are left out.
    """
    joined, n_words = _joined(texts)
    if not any(n_words):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    points = _code_points(joined)
    text_of_word = np.repeat(np.arange(len(texts)), n_words)
    is_space = points == _SPACE
    # A space belongs to the word after it; the last one to none.
    text_of = np.append(text_of_word, 0)[np.cumsum(is_space) - 1]
    numbers = np.minimum(np.searchsorted(alphabet, points), len(alphabet) - 1)
    # An n-gram ends with the first space after its first character, at the latest.
    spaces = np.where(is_space, np.arange(len(points)), len(points))
    last = np.append(np.minimum.accumulate(spaces[::-1])[::-1][1:], 0)
    _, *parts = runs(numbers, alphabet[numbers] == points, last, len(alphabet), LONGEST)
    return np.concatenate([keys for keys, _ in parts]), np.concatenate(
        [text_of[at] for _, at in parts]
    )


def _joined(texts: Sequence[str]) -> tuple[str, list[int]]:
    """Return the words of all texts between single spaces, and how many each text has."""
    words = [unicodedata.normalize("NFC", stream_safe(text.lower())).split() for text in texts]
    return f" {' '.join(' '.join(each) for each in words if each)} ", [len(each) for each in words]


def stream_safe(text: str) -> str:
    """Return `text` in Stream-Safe Text Format (UAX #15): sorting many marks takes quadratic
    time.
    """
    return text if text.isascii() else _LONG_RUN.sub(_broken, text)


def _broken(run: re.Match[str]) -> str:
    marks = 0
    text = ""
    for each in run[0]:
        marks = marks + 1 if unicodedata.category(each).startswith("M") else 0
        if marks > _MAX_MARKS:
            text = text + "\u034f"
            marks = 1
        text += each
    return text


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
