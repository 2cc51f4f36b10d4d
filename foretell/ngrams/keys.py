"""Keys of n-grams: one integer for each run of one to three token ids.

The key of an n-gram is its ids read as one number in bijective base `size`:
key(w₁…wₙ) = size · (key(w₁…wₙ₋₁) + 1) + wₙ, with key(w₁) = w₁. No two n-grams share a key, whatever their
lengths. All unigrams come before all bigrams, and all bigrams before all trigrams. A run that contains
padding or an unknown word is not an n-gram.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from foretell.arrays import Integers, NgramKeys, TokenIds

LONGEST = 3
"""Words of the longest n-grams."""

FIRST_WORD = 2
"""Ids of the style "words" below this one are the padding and the unknown word."""

KEY_BITS = 63
"""Bits of an int64 without its sign: room for a key, or for a key and values packed with it to be sorted."""


def flat(texts: Sequence[Sequence[int] | TokenIds]) -> tuple[NgramKeys, Integers]:
    """Return the ids of texts one after another, int64 [word], and where each begins, [text + 1]."""
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return np.concatenate([np.zeros(0, np.int64), *(np.asarray(text, np.int64) for text in texts)]), starts


def ngram_keys(
    ids: NgramKeys, starts: Integers, size: int, longest: int
) -> Iterator[tuple[NgramKeys, Integers]]:
    """Yield, for each length from 1, the keys of all n-grams and the positions of their first words.

    Args:
        ids: int64 [word], texts one after another.
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        size: ids from 0 to size - 1 are known.
        longest: words of the longest n-grams.
    """
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
    """Return whether the keys of all n-grams fit in 63 bits, and these have at most as many words."""
    # Their sum has as many terms as the longest n-grams have words: a damaged model can ask for billions.
    return longest <= KEY_BITS and end_of_keys(size, longest) < 1 << KEY_BITS


def find(keys: NgramKeys, searched: NgramKeys) -> Integers:
    """Return the place of each searched key among ascending keys, -1 where it is not there."""
    if not len(keys):
        return np.full(len(searched), -1, np.int64)
    places = np.minimum(np.searchsorted(keys, searched), len(keys) - 1)
    return np.where(keys[places] == searched, places, -1)
