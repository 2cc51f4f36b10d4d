"""Which texts contain which n-grams. An n-gram counts once per text, however often it occurs
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foretell.arrays import Integers, NgramKeys, TokenIds
from foretell.errors import SettingsError
from foretell.ngrams.keys import FIRST_WORD, KEY_BITS, LONGEST, keys_fit


@dataclass(frozen=True, eq=False)
class CountedTexts:
    """Which texts contain which n-grams: a sparse matrix of zeros and ones, feature by feature.

    Attributes:
        keys: int64 [feature], ascending.
        starts: int64 [feature + 1]; feature i is in texts[starts[i]:starts[i + 1]].
        texts: int32 [entry], ascending within a feature.
        n_texts: number of texts counted.
        size: number of word ids.
        longest: words of the longest n-grams.
        fewest: int [feature], how many texts a feature has to be in.
    """

    keys: NgramKeys
    starts: Integers
    texts: Integers
    n_texts: int
    size: int
    longest: int
    fewest: Integers


class _Features(NamedTuple):
    """Distinct values, the number of texts that contain each, and these texts, value by value."""

    keys: NgramKeys
    counts: Integers
    texts: Integers


def count_ngrams(
    ids: TokenIds,
    starts: Integers,
    size: int,
    *,
    longest: int = LONGEST,
    min_texts: int = 2,
    max_ngrams: int | None = None,
) -> CountedTexts:
    """Find the n-grams of texts that lie one after another.

    An n-gram can be in `min_texts` texts only if both n-grams one word shorter are, so each length
    is searched only at the positions where the length before it was found.

    Args:
        ids: int32 [word].
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        size: ids from 0 to size - 1 are known.
        longest: words of the longest n-grams.
        min_texts: leave out n-grams of two or more words that are in fewer texts. Single words all
            stay: the tokenizer has selected them.
        max_ngrams: keep this many n-grams, those in most texts (of equals, those with the smaller
            key); None: all.

    Raises:
        SettingsError: keys would not fit in 63 bits.
    """
    if not keys_fit(size, longest):
        raise SettingsError(
            f"n-grams of {longest} words whose keys fit in 63 bits",
            f"{size:,} words",
            where="vocabulary",
            fix="set a smaller --vocabulary",
        )
    text_of = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    at = np.flatnonzero((ids >= FIRST_WORD) & (ids < size)).astype(np.int32)
    # An n-gram is identified by the rank of its first n - 1 words, among those at the same
    # position, and its last word: numbers small enough to be sorted together with their positions.
    rank: Integers = np.zeros(len(ids), np.int32)
    shorter = np.full(1, -1, np.int64)
    by_length: list[_Features] = []
    for n in range(1, longest + 1):
        values = rank[at].astype(np.int64) * size + ids[at + (n - 1)]
        features, rank = _distinct(values, at, text_of, min_texts if n > 1 else 1)
        head, last = np.divmod(features.keys, size)
        features = features._replace(keys=size * (shorter[head] + 1) + last)
        by_length.append(features)
        if n == longest:
            break
        common = np.append(features.counts >= min_texts, False)
        shorter = features.keys
        at = at[at < len(ids) - n]
        at = at[common[rank[at]] & common[rank[at + 1]] & (text_of[at] == text_of[at + n])]
    keys, counts, texts = (np.concatenate(arrays) for arrays in zip(*by_length, strict=True))
    if max_ngrams is None or len(keys) <= max_ngrams:
        fewest = np.where(keys < size, 1, min_texts)
    else:
        # The smaller keys are the shorter n-grams, so every n-gram keeps those that it is made of.
        kept = np.zeros(len(keys), bool)
        kept[np.argsort(-counts, kind="stable")[:max_ngrams]] = True
        keys, counts, texts = keys[kept], counts[kept], texts[np.repeat(kept, counts)]
        fewest = np.full(len(keys), counts.min(initial=len(starts)))
    entries = np.concatenate([[0], np.cumsum(counts)])
    return CountedTexts(keys, entries, texts, len(starts) - 1, size, longest, fewest)


def _distinct(
    values: NgramKeys, at: Integers, text_of: Integers, min_texts: int
) -> tuple[_Features, Integers]:
    """Return the values in `min_texts` texts or more, and int32 [position], the rank of each there,
    or -1.

    `values`, int64 [occurrence], has one number for each different n-gram; `at`, int32
    [occurrence], its ascending position among the ids; `text_of` is int32 [position].
    """
    ordered, positions = sorted_pairs(values, at, len(text_of).bit_length())
    text = text_of[positions]
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    is_new_text = np.append(True, text[1:] != text[:-1])[: len(text)] | is_first
    first = np.flatnonzero(is_first)
    counts = np.add.reduceat(is_new_text, first, dtype=np.int64)
    kept = counts >= min_texts
    repeats = np.diff(np.append(first, len(ordered)))
    entries = text[is_new_text & np.repeat(kept, repeats)]
    rank = np.full(len(text_of), -1, np.int32)
    rank[positions] = np.repeat(np.where(kept, np.cumsum(kept) - 1, -1), repeats)
    return _Features(ordered[first[kept]], counts[kept], entries), rank


def sorted_pairs(values: NgramKeys, at: Integers, bits: int) -> tuple[NgramKeys, Integers]:
    """Return values in ascending order, and the positions of each, ascending and below 2 to the
    `bits`.

    The positions of equal values ascend in what is given, too.
    """
    if int(values.max(initial=0)).bit_length() + bits > KEY_BITS:
        order = np.argsort(values, kind="stable")
        return values[order], at[order]
    # Value and position share one number; a sort of such numbers is several times faster than an
    # argsort.
    packed = (values << bits) | at
    packed.sort()
    return packed >> bits, (packed & ((1 << bits) - 1)).astype(np.int32)
