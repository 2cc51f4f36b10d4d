"""Near-duplicates: texts that are alike but for some words, such as edited copies of a template.

A text is the set of its words and of its pairs of neighbouring words, without case and punctuation.
All numbers count as the same word, and each letter of a script that is written without spaces as
one. Two texts are near-duplicates where at least `MIN_SHARED` of what either has is in both
(Jaccard similarity). A text of few words is the set of all its letters and digits as one word.

Pairs are found by min-hashing (Broder, 1997, "On the Resemblance and Containment of Documents"), so
that time and memory grow with the number of texts, not with its square.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from foretell.arrays import Integers, Mask
from foretell.data.text_keys import places_of_equal

MIN_SHARED = 0.5
"""Jaccard similarity from which on two texts are near-duplicates."""

MIN_WORDS = 8
"""Different words, numbers left out, below which only texts with the same letters and digits are
near-duplicates.
"""

MAX_CHARACTERS = 20_000
"""Characters of a text that are compared, from its beginning."""

MAX_TEXTS = 250_000
"""Texts that are compared; of more, the first."""

_SKETCH = 96
"""Words and pairs of a text that are compared: those with the smallest hashes."""
_BANDS = 24
_ROWS = 3
_COLUMNS = (1 << 31) - 1
"""Hashes are below it: they are the columns of a sparse matrix."""

# They choose how an emoji is shown.
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_DIGITS = re.compile(r"\d+")
_NUMBER = "0"


class _Spaced(dict[int, str]):
    """For `str.translate`: letters, their marks and digits in Unicode's form NFKD, a space for the
    rest.
    """

    def __missing__(self, code: int) -> str:
        found = unicodedata.normalize("NFKD", chr(code))
        is_mark = unicodedata.category(found[0]) in ("Mn", "Mc")
        is_kept = found[0].isalnum() or (is_mark and code not in _VARIATION_SELECTORS)
        self[code] = _UNSPACED.sub(r" \g<0> ", found) if is_kept else " "
        return self[code]


_SPACED = _Spaced()


def _spaced(text: str) -> str:
    return text.casefold().translate(_SPACED)


def letters(text: str) -> bytes:
    """Return the letters and digits of a text, without case; b"": it has none."""
    return _spaced(text).replace(" ", "").encode("utf-8", "surrogatepass")


def copies(texts: Sequence[str]) -> list[list[int]]:
    """Return groups of near-duplicates, or where most texts are such, of texts with the same
    letters and digits: in texts of a template what differs is what has to be labelled.
    """
    groups = near_duplicates(texts)
    if sum(map(len, groups)) > len(texts) / 2:
        groups = list(places_of_equal(map(letters, texts)).values())
    return groups


def near_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Return groups of near-duplicates: their places in `texts`, ascending.

    Each text of a group is one of another text of the group, perhaps not of all.
    """
    earlier = _earlier_alike(texts[:MAX_TEXTS], len(texts))
    linked = np.flatnonzero(earlier >= 0)
    links = (np.ones(len(linked)), (linked, earlier[linked]))
    graph = sparse.coo_array(links, (len(earlier), len(earlier)))
    group_of: Integers = connected_components(graph, directed=False)[1]
    groups = defaultdict[int, list[int]](list)
    for place in np.union1d(linked, earlier[linked]).tolist():
        groups[group_of[place]].append(place)
    return list(groups.values())


def nearly_in(texts: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Return which texts of `others` are near-duplicates of one of `texts`: of the place of each
    the place of such a text.
    """
    first = texts[:MAX_TEXTS]
    earlier = _earlier_alike([*first, *others], len(first))[len(first) :]
    return {place: earlier[place] for place in np.flatnonzero(earlier >= 0).tolist()}


def _earlier_alike(texts: Sequence[str], n_first: int) -> Integers:
    """Return for each text the place of an earlier near-duplicate among the `n_first` first; -1:
    none is known.
    """
    features, places = _features(texts)
    earlier = np.full(len(texts), -1)
    generator = np.random.default_rng(0)
    for _ in range(_BANDS if len(places) else 0):
        band: Integers = np.zeros(len(places), np.uint64)
        for factor in generator.integers(1, 1 << 63, _ROWS, np.uint64) | np.uint64(1):
            hashes = _mixed(features.indices.astype(np.uint64) * factor)
            band = _mixed(band + np.minimum.reduceat(hashes, features.indptr[:-1]))
        # Texts of the same band are compared with the first of them.
        _, first_of_band, band_of = np.unique(band, return_index=True, return_inverse=True)
        first = first_of_band[band_of]
        is_open = (earlier[places] < 0) & (places[first] < n_first) & (places[first] < places)
        rows = np.flatnonzero(is_open)
        near = rows[_are_alike(features, first[rows], rows)]
        earlier[places[near]] = places[first[near]]
    return earlier


def _features(texts: Sequence[str]) -> tuple[sparse.csr_array, Integers]:
    """Return the features of the texts that have some, [text, hash], and their places."""
    number_of = defaultdict[str, int](count(1).__next__)
    rows = list[Integers]()
    places = list[int]()
    for place, text in enumerate(texts):
        words = _spaced(_DIGITS.sub(_NUMBER, text[:MAX_CHARACTERS])).split()
        if not words:
            continue
        if len({*words} - {_NUMBER}) < MIN_WORDS:
            words = [_spaced(text).replace(" ", "")]
        ids = np.array([number_of[word] for word in words], np.uint64) << np.uint64(32)
        pairs = ids[:-1] + (ids[1:] >> np.uint64(32))
        hashes = np.unique(_mixed(np.concatenate([ids, pairs])) % np.uint64(_COLUMNS))
        rows.append(hashes[:_SKETCH].astype(np.int32))
        places.append(place)
    columns = np.concatenate(rows) if rows else np.empty(0, np.int32)
    cells = (np.ones(len(columns), np.int16), columns, np.cumsum([0, *map(len, rows)]))
    return sparse.csr_array(cells, (len(rows), _COLUMNS)), np.array(places, np.int64)


def _are_alike(features: sparse.csr_array, one: Integers, other: Integers) -> Mask:
    """Whether rows share enough of their features, [pair]."""
    shared = features[one].multiply(features[other]).sum(axis=1)
    sizes = np.diff(features.indptr)
    is_alike: Mask = shared >= MIN_SHARED * (sizes[one] + sizes[other] - shared)
    return is_alike


def _mixed(values: Integers) -> Integers:
    """Return values as pseudorandom numbers of 64 bits (a round of MurmurHash3's finalizer)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return values ^ (values >> np.uint64(33))
