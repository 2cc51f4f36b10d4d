"""Keys of n-grams: one integer for each run of one to three token ids.

The key of an n-gram is its ids read as one number in bijective base `size`:
key(w₁…wₙ) = size · (key(w₁…wₙ₋₁) + 1) + wₙ, with key(w₁) = w₁. No two n-grams share a key, whatever
their lengths. All unigrams come before all bigrams, and all bigrams before all trigrams. A run that
contains padding or an unknown word is not an n-gram.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from foretell.arrays import Integers, Mask, NgramKeys, TokenIds

LONGEST = 3
"""Words of the longest n-grams."""

FIRST_WORD = 2
"""Ids of the style "words" below this one are the padding and the unknown word."""

KEY_BITS = 63
"""Bits of an int64 without its sign: room for a key, or for a key and values packed with it to be
sorted.
"""


def flat(texts: Sequence[Sequence[int] | TokenIds]) -> tuple[NgramKeys, Integers]:
    """Return the ids of texts one after another, int64 [word], and where each begins, [text +
    1].
    """
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return np.concatenate(
        [np.zeros(0, np.int64), *(np.asarray(text, np.int64) for text in texts)]
    ), starts


def ngram_keys(
    ids: TokenIds, starts: Integers, size: int, longest: int
) -> tuple[NgramKeys, Integers]:
    """Return all occurrences of n-grams, by length: their keys, and the texts they are in,
    [occurrence] both.

    Args:
        ids: texts one after another, [word].
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        size: ids from 0 to size - 1 are known.
        longest: words of the longest n-grams.
    """
    lengths = np.diff(starts)
    numbers = ids.astype(np.int64)
    known = (numbers >= FIRST_WORD) & (numbers < size)
    by_length = list(runs(numbers, known, np.repeat(starts[1:] - 1, lengths), size, longest))
    text_of = np.repeat(np.arange(len(lengths)), lengths)
    keys = np.concatenate([keys for keys, _ in by_length])
    return keys, np.concatenate([text_of[at] for _, at in by_length])


def runs(
    numbers: NgramKeys, known: Mask, last: Integers, size: int, longest: int
) -> Iterator[tuple[NgramKeys, Integers]]:
    """Yield, for each length from 1, the keys of all runs of known numbers and the places where
    they begin.

    `numbers` and `known` are [place]; `last`, [place], is where a run that begins there ends at the
    latest.
    """
    keys = numbers[known]
    at = np.flatnonzero(known)
    yield keys, at
    for n in range(1, longest):
        whole = at + n <= last[at]
        keys = keys[whole]
        at = at[whole]
        whole = known[at + n]
        keys = keys[whole]
        at = at[whole]
        keys = size * (keys + 1) + numbers[at + n]
        yield keys, at


def parts(ends: Integers, limit: int, max_texts: int = 1 << 30) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the texts of each part: at most `limit` words or characters, or one
    text.

    `ends`, [text + 1], is 0, and the sum of the lengths up to each text.
    """
    first = 0
    n_texts = len(ends) - 1
    while first < n_texts:
        fitting = int(np.searchsorted(ends, ends[first] + limit, side="right")) - 1
        last = min(max(fitting, first + 1), first + max_texts, n_texts)
        yield first, last
        first = last


def end_of_keys(size: int, longest: int) -> int:
    """Return the number above the largest key."""
    return sum(size**n for n in range(1, longest + 1))


def keys_fit(size: int, longest: int) -> bool:
    """Return whether the keys of all n-grams fit in 63 bits, and these have at most as many
    words.
    """
    # Their sum has as many terms as the longest n-grams have words: a damaged model can ask for
    # billions.
    return longest <= KEY_BITS and end_of_keys(size, longest) < 1 << KEY_BITS


def find(keys: NgramKeys, searched: NgramKeys) -> Integers:
    """Return the place of each searched key among ascending keys, -1 where it is not there."""
    if not len(keys):
        return np.full(len(searched), -1, np.int64)
    places = np.minimum(np.searchsorted(keys, searched), len(keys) - 1)
    return np.where(keys[places] == searched, places, -1)
