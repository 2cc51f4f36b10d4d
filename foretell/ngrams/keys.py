"""Keys of n-grams: one integer for each run of one to three token ids.

The key of an n-gram is its ids read as one number in bijective base `size`:
key(w₁…wₙ) = size · (key(w₁…wₙ₋₁) + 1) + wₙ, with key(w₁) = w₁. No two n-grams share a key, whatever their
lengths. All unigrams come before all bigrams, and all bigrams before all trigrams. A run that contains
padding or an unknown word is not an n-gram.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]

LONGEST = 3
"""Words of the longest n-grams."""

FIRST_WORD = 2
"""Ids of the style "words" below this one are the padding and the unknown word."""

KEY_BITS = 63
"""Bits of an int64 without its sign: room for a key, or for a key and what is packed with it for one sort."""


def ngram_keys(
    ids: Keys, starts: npt.NDArray[np.integer], size: int, longest: int
) -> Iterator[tuple[Keys, npt.NDArray[np.integer]]]:
    """Yield the keys of all n-grams of one length, and the places where they begin; the shortest first."""
    known = (ids >= FIRST_WORD) & (ids < size)
    ends = np.repeat(starts[1:], np.diff(starts))
    keys, at = ids[known], np.flatnonzero(known)
    yield keys, at
    for n in range(2, longest + 1):
        whole = at + n <= ends[at]
        keys, at = keys[whole], at[whole]
        last = ids[at + (n - 1)]
        whole = known[at + (n - 1)]
        keys, at = size * (keys[whole] + 1) + last[whole], at[whole]
        yield keys, at


def end_of_keys(size: int, longest: int) -> int:
    """Return the number above the largest key."""
    return sum(size**n for n in range(1, longest + 1))


def keys_fit(size: int, longest: int) -> bool:
    """Return whether the keys of all n-grams fit in 63 bits."""
    return end_of_keys(size, longest) < 1 << KEY_BITS
