"""Which texts contain which n-grams. Whether a text contains an n-gram counts, not how often."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.errors import SettingsError
from foretell.ngrams.keys import FIRST_WORD, KEY_BITS, LONGEST, Keys, keys_fit

Ids = npt.NDArray[np.int32]

# Parts of a count that are sorted in parallel; a fixed number, so that every machine gives the same result.
_PARTS = 4


@dataclass(frozen=True, eq=False)
class CountedTexts:
    """Which texts hold which n-grams: a sparse matrix of zeros and ones, feature by feature.

    Attributes:
        keys: int64 [feature], ascending.
        starts: int64 [feature + 1]; feature i is in texts[starts[i]:starts[i + 1]].
        texts: int32 [entry], ascending within a feature.
        n_texts: number of texts counted.
        size: number of word ids.
        longest: words of the longest n-grams.
        min_texts: n-grams of two or more words in fewer texts were left out.
    """

    keys: Keys
    starts: Keys
    texts: Ids
    n_texts: int
    size: int
    longest: int
    min_texts: int

    @property
    def n_words(self) -> int:
        """How many of the features are single words; they come first."""
        return int(np.searchsorted(self.keys, self.size))


class _Features(NamedTuple):
    keys: Keys
    counts: Keys
    texts: Ids


def count_ngrams(
    ids: Ids,
    starts: npt.NDArray[np.integer],
    size: int,
    *,
    longest: int = LONGEST,
    min_texts: int = 2,
    max_ngrams: int | None = None,
) -> CountedTexts:
    """Find the n-grams of texts that lie one after another.

    An n-gram can be in `min_texts` texts only if both n-grams one word shorter are, so each length is looked
    for only where the one before it was found.

    Args:
        ids: int32 [word].
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        size: ids from 0 to size - 1 are known.
        longest: words of the longest n-grams.
        min_texts: leave out n-grams of two or more words that are in fewer texts. Single words all stay: the
            tokenizer has chosen them.
        max_ngrams: keep this many n-grams, those in most texts (of equals, those with the smaller key); None:
            all.

    Raises:
        SettingsError: keys would not fit in 63 bits.
    """
    if not keys_fit(size, longest):
        raise SettingsError(
            expected=f"n-grams of {longest} words whose keys fit in 63 bits",
            found=f"{size:,} words",
            where="vocabulary",
            fix="set a smaller --vocabulary",
        )
    text_of = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    at = np.flatnonzero((ids >= FIRST_WORD) & (ids < size)).astype(np.int32)
    # The n-gram that begins at a place is told by the rank of the one a word shorter, and its last word.
    rank, shorter = np.zeros(len(ids), np.int32), np.full(1, -1, np.int64)
    found: list[_Features] = []
    for n in range(1, longest + 1):
        told = rank[at].astype(np.int64) * size + ids[at + (n - 1)]
        features, rank = _distinct(told, at, text_of, min_texts if n > 1 else 1)
        head, last = np.divmod(features.keys, size)
        features = features._replace(keys=size * (shorter[head] + 1) + last)
        found.append(features)
        if n == longest:
            break
        common, shorter = np.append(features.counts >= min_texts, False), features.keys
        at = at[at < len(ids) - n]
        at = at[common[rank[at]] & common[rank[at + 1]] & (text_of[at] == text_of[at + n])]
    return _most_frequent(found, len(starts) - 1, size, longest, min_texts, max_ngrams)


def _distinct(told: Keys, at: Ids, text_of: Ids, min_texts: int) -> tuple[_Features, Ids]:
    """Find the distinct values of `told` that are in `min_texts` texts or more.

    Args:
        told: int64 [occurrence], what tells the n-grams apart.
        at: int32 [occurrence], ascending, its place among the ids.
        text_of: int32 [place].
        min_texts: leave out what fewer texts hold.

    Returns:
        The features by value; int32 [place], the rank of the feature there, -1 where there is none.
    """
    rank = np.full(len(text_of), -1, np.int32)
    # Value and place share one number; a sort of such numbers is several times faster than an argsort.
    bits = len(text_of).bit_length()
    cuts = _cuts(told, 1 << (KEY_BITS - bits))

    def part(cut: tuple[int, int]) -> tuple[_Features, Ids, Ids]:
        inside = np.flatnonzero((told >= cut[0]) & (told < cut[1]))
        packed = ((told[inside] - cut[0]) << bits) | at[inside]
        packed.sort()
        values, place = packed >> bits, (packed & ((1 << bits) - 1)).astype(np.int32)
        text = text_of[place]
        first = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
        distinct = np.append(True, text[1:] != text[:-1])
        distinct[first] = True
        counts = np.add.reduceat(distinct, first, dtype=np.int64)
        kept, repeats = counts >= min_texts, np.diff(np.append(first, len(values)))
        entries = text[distinct & np.repeat(kept, repeats)]
        local = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
        return (
            _Features(values[first[kept]] + cut[0], counts[kept], entries),
            place,
            np.repeat(local, repeats),
        )

    found: list[_Features] = []
    with ThreadPoolExecutor(_PARTS) as threads:
        n_features = 0
        for features, place, local in threads.map(part, cuts):
            rank[place] = np.where(local >= 0, local + n_features, -1)
            n_features += len(features.keys)
            found.append(features)
    return _joined(found), rank


def _cuts(told: Keys, widest: int) -> list[tuple[int, int]]:
    """Cut the range of `told` into about `_PARTS` of equal use, none wider than `widest`, none empty."""
    if not len(told):
        return []
    sample = np.sort(told[:: len(told) // 4096 + 1])
    end = int(told.max()) + 1
    inner = sample[np.arange(1, _PARTS) * len(sample) // _PARTS]
    bounds = np.unique(np.concatenate([[0, end], inner, np.arange(0, end, min(widest, end))]))
    cuts = [(int(low), int(high)) for low, high in itertools.pairwise(bounds)]
    return [(low, high) for low, high in cuts if ((told >= low) & (told < high)).any()]


def _joined(parts: list[_Features]) -> _Features:
    if not parts:
        return _Features(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))
    return _Features(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _most_frequent(
    found: list[_Features], n_texts: int, size: int, longest: int, min_texts: int, max_ngrams: int | None
) -> CountedTexts:
    keys, counts, texts = _joined(found)
    if max_ngrams is not None and len(keys) > max_ngrams:
        # The smaller keys are the shorter n-grams, so every n-gram keeps those that it is made of.
        kept = np.zeros(len(keys), bool)
        kept[np.argsort(-counts, kind="stable")[:max_ngrams]] = True
        keys, counts, texts = keys[kept], counts[kept], texts[np.repeat(kept, counts)]
    starts = np.concatenate([[0], np.cumsum(counts)])
    return CountedTexts(keys, starts, texts, n_texts, size, longest, min_texts)
