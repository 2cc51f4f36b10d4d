"""N-grams of words: their keys, which texts hold them, and a linear model over them.

An n-gram is a run of one to three word ids, and its key is those ids read as one number in bijective base
`size`: key(w₁…wₙ) = size · (key(w₁…wₙ₋₁) + 1) + wₙ, with key(w₁) = w₁. No two n-grams share a key, whatever
their lengths; all words come before all pairs, all pairs before all triples. A run that holds the padding or
an unknown word is no n-gram. A text holds an n-gram or it does not: how often is not counted.

NumPy only, so that predicting loads nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.errors import ArtifactError, SettingsError

Ids = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

LONGEST = 3

# The ids of the style "words" below this are the padding and the unknown word.
_FIRST_WORD = 2
# What an int64 holds without its sign: a key, or what is packed with it for one sort.
_BITS = 63
# What one sort handles at a time in prediction: large enough that NumPy's calls cost nothing.
_KEYS_AT_ONCE = 1 << 19
# Parts of a count that are sorted side by side. Fixed, so that the machine has no say in the result.
_PARTS = 4


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A linear model over the distinct n-grams of a text.

    Attributes:
        keys: int64 [feature], the n-grams' keys, ascending and distinct.
        weights: float32 [feature, column].
        bias: float32 [column]. Two labels have one column, the log-odds of the second; more labels have one
            each, the logits of a softmax.
        size: ids from 0 to size - 1 are known; an n-gram with any other is left out.
        longest: words of the longest n-grams.
    """

    keys: Keys
    weights: Scores
    bias: Scores
    size: int
    longest: int = LONGEST

    def __len__(self) -> int:
        return len(self.keys)

    def scores(self, ids: Sequence[Sequence[int] | Ids]) -> Scores:
        """Return float32 [text, column]: the bias and the weights of the text's distinct n-grams, summed.

        A text has the same row whatever else is in the batch.

        Args:
            ids: the ids of each text, unpadded or padded.
        """
        starts = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(text) for text in ids], out=starts[1:])
        flat = np.concatenate([np.asarray(text, np.int64) for text in ids]) if ids else np.zeros(0, np.int64)
        return self.scores_of_flat(flat, starts)

    def scores_of_flat(self, ids: npt.NDArray[np.integer], starts: npt.NDArray[np.integer]) -> Scores:
        """Return what `scores` does for texts that lie one after another.

        Args:
            ids: [word].
            starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        """
        result = np.empty((len(starts) - 1, len(self.bias)), np.float32)
        for first, last in self._chunks(starts):
            result[first:last] = self._chunk_scores(
                ids[starts[first] : starts[last]], starts[first : last + 1] - starts[first]
            )
        return result

    def contributions(self, ids: Sequence[int] | Ids) -> list[tuple[int, int, Scores]]:
        """Return (start, stop, weight [column]) for each place of each known n-gram in one text.

        The n-gram is ids[start:stop]; places are in order. An n-gram that occurs again has its weight at each
        of its places, although `scores` counts it once.
        """
        flat = np.asarray(ids, np.int64)
        found: list[tuple[int, int, Scores]] = []
        for n, (keys, at) in enumerate(_keys(flat, np.array([0, len(flat)]), self.size, self.longest), 1):
            places, hits = self._look_up(keys)
            found += [
                (int(start), int(start) + n, self.weights[place])
                for start, place in zip(at[hits], places[hits], strict=True)
            ]
        return sorted(found, key=lambda each: each[:2])

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the model as named arrays, ready for safetensors; `from_arrays` takes them back."""
        return {
            "linear/keys": self.keys,
            "linear/weights": self.weights,
            "linear/bias": self.bias,
            "linear/size": np.array([self.size], np.int64),
            "linear/longest": np.array([self.longest], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> NgramModel:
        """Rebuild what `to_arrays` gave; other arrays among them are ignored.

        Raises:
            ArtifactError: an array is missing, or has another type, shape or order, or a number that is not
                finite.
        """
        keys = _array(arrays, "linear/keys", np.int64, 1)
        weights = _array(arrays, "linear/weights", np.float32, 2)
        bias = _array(arrays, "linear/bias", np.float32, 1)
        size, longest = (
            int(_array(arrays, name, np.int64, 1, length=1)[0]) for name in ("linear/size", "linear/longest")
        )
        if size < 1 or longest < 1 or not _fits(size, longest):
            raise _wrong("linear/size", "n-grams whose keys fit in 63 bits", f"{size:,} ids, {longest} long")
        if weights.shape != (len(keys), len(bias)) or not len(bias):
            expected = f"weights [{len(keys)}, {len(bias) or 'at least 1'}]"
            raise _wrong("linear/weights", expected, str(list(weights.shape)))
        ascending = bool((keys[1:] > keys[:-1]).all())
        if not ascending or (len(keys) and not 0 <= keys[0] <= keys[-1] < _end(size, longest)):
            raise _wrong("linear/keys", "distinct keys of n-grams, ascending", "others")
        return cls(keys, weights, bias, size, longest)

    def _chunks(self, starts: npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
        # A text's place in its chunk shares one number with the key.
        most_texts = 1 << min(_BITS - _end(self.size, self.longest).bit_length(), 30)
        most_words = max(_KEYS_AT_ONCE // self.longest, 1)
        first, n_texts = 0, len(starts) - 1
        while first < n_texts:
            fitting = int(np.searchsorted(starts, starts[first] + most_words, side="right")) - 1
            last = min(max(fitting, first + 1), first + most_texts, n_texts)
            yield first, last
            first = last

    def _chunk_scores(self, ids: npt.NDArray[np.integer], starts: npt.NDArray[np.integer]) -> Scores:
        n_texts = len(starts) - 1
        bits = (n_texts - 1).bit_length()
        found = list(_keys(ids.astype(np.int64), starts, self.size, self.longest))
        packed = np.concatenate([keys for keys, _ in found])
        if bits:
            text_of = np.repeat(np.arange(n_texts), np.diff(starts))
            packed = (packed << bits) | np.concatenate([text_of[at] for _, at in found])
        packed.sort()
        if len(packed):
            packed = packed[np.concatenate(([True], packed[1:] != packed[:-1]))]
        places, hits = self._look_up(packed >> bits)
        places, texts = places[hits], packed[hits] & ((1 << bits) - 1)
        # bincount adds in float64, in the order of the keys: the batch has no say in a text's sum.
        sums = [np.bincount(texts, column.take(places), n_texts) for column in self.weights.T]
        return (np.stack(sums, axis=1) + self.bias).astype(np.float32)

    def _look_up(self, keys: Keys) -> tuple[Keys, npt.NDArray[np.bool_]]:
        """Return each key's place among the features, and whether it is one of them."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        places = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        return places, self.keys[places] == keys


def weighted_sum(models: Sequence[NgramModel], weights: Sequence[float]) -> NgramModel:
    """Return the model whose scores are the weighted sum of the scores of some models.

    Args:
        models: of the same ids and columns.
        weights: one for each model.
    """
    first = models[0]
    heard = [(model, weight) for model, weight in zip(models, weights, strict=True) if weight]
    keys = np.unique(np.concatenate([np.zeros(0, np.int64), *(model.keys for model, _ in heard)]))
    sums, bias = np.zeros((len(keys), len(first.bias)), np.float32), np.zeros_like(first.bias)
    for model, weight in heard:
        sums[np.searchsorted(keys, model.keys)] += np.float32(weight) * model.weights
        bias += np.float32(weight) * model.bias
    return NgramModel(keys, sums, bias, first.size, max(model.longest for model in models))


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
        least: n-grams of two or more words in fewer texts were left out.
    """

    keys: Keys
    starts: Keys
    texts: Ids
    n_texts: int
    size: int
    longest: int
    least: int

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
    least: int = 2,
    most: int | None = None,
) -> CountedTexts:
    """Find the n-grams of texts that lie one after another.

    An n-gram can be in `least` texts only if both n-grams one word shorter are, so each length is looked for
    only where the one before it was found.

    Args:
        ids: int32 [word].
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        size: ids from 0 to size - 1 are known.
        longest: words of the longest n-grams.
        least: leave out n-grams of two or more words that are in fewer texts. Single words all stay: the
            tokenizer has chosen them.
        most: keep this many n-grams, those in most texts (of equals, those with the smaller key); None: all.

    Raises:
        SettingsError: keys would not fit in 63 bits.
    """
    if not _fits(size, longest):
        raise SettingsError(
            expected=f"n-grams of {longest} words whose keys fit in 63 bits",
            found=f"{size:,} words",
            where="vocabulary",
            fix="set a smaller --vocabulary",
        )
    text_of = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    at = np.flatnonzero((ids >= _FIRST_WORD) & (ids < size)).astype(np.int32)
    # The n-gram that begins at a place is told by the rank of the one a word shorter, and its last word.
    rank, shorter = np.zeros(len(ids), np.int32), np.full(1, -1, np.int64)
    found: list[_Features] = []
    for n in range(1, longest + 1):
        told = rank[at].astype(np.int64) * size + ids[at + (n - 1)]
        features, rank = _distinct(told, at, text_of, least if n > 1 else 1)
        head, last = np.divmod(features.keys, size)
        features = features._replace(keys=size * (shorter[head] + 1) + last)
        found.append(features)
        if n == longest:
            break
        common, shorter = np.append(features.counts >= least, False), features.keys
        at = at[at < len(ids) - n]
        at = at[common[rank[at]] & common[rank[at + 1]] & (text_of[at] == text_of[at + n])]
    return _most_frequent(found, len(starts) - 1, size, longest, least, most)


def _distinct(told: Keys, at: Ids, text_of: Ids, least: int) -> tuple[_Features, Ids]:
    """Find the distinct values of `told` that are in `least` texts or more.

    Args:
        told: int64 [occurrence], what tells the n-grams apart.
        at: int32 [occurrence], ascending, its place among the ids.
        text_of: int32 [place].
        least: leave out what fewer texts hold.

    Returns:
        The features by value; int32 [place], the rank of the feature there, -1 where there is none.
    """
    rank = np.full(len(text_of), -1, np.int32)
    # Value and place share one number; a sort of such numbers is several times faster than an argsort.
    bits = len(text_of).bit_length()
    cuts = _cuts(told, 1 << (_BITS - bits))

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
        kept, repeats = counts >= least, np.diff(np.append(first, len(values)))
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
    found: list[_Features], n_texts: int, size: int, longest: int, least: int, most: int | None
) -> CountedTexts:
    keys, counts, texts = _joined(found)
    if most is not None and len(keys) > most:
        # The smaller keys are the shorter n-grams, so every n-gram keeps those that it is made of.
        kept = np.zeros(len(keys), bool)
        kept[np.argsort(-counts, kind="stable")[:most]] = True
        keys, counts, texts = keys[kept], counts[kept], texts[np.repeat(kept, counts)]
    starts = np.concatenate([[0], np.cumsum(counts)])
    return CountedTexts(keys, starts, texts, n_texts, size, longest, least)


def _keys(
    ids: Keys, starts: npt.NDArray[np.integer], size: int, longest: int
) -> Iterator[tuple[Keys, npt.NDArray[np.integer]]]:
    """Yield the keys of all n-grams of one length, and the places where they begin; the shortest first."""
    known = (ids >= _FIRST_WORD) & (ids < size)
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


def _end(size: int, longest: int) -> int:
    """Return the number above the largest key."""
    return sum(size**n for n in range(1, longest + 1))


def _fits(size: int, longest: int) -> bool:
    return _end(size, longest) < 1 << _BITS


def _array(
    arrays: dict[str, npt.NDArray[np.generic]],
    name: str,
    kind: type[np.generic],
    dimensions: int,
    length: int = -1,
) -> npt.NDArray[Any]:
    array = arrays.get(name)
    expected = f"{kind.__name__} of {dimensions} dimensions"
    if array is None:
        raise _wrong(name, expected, "none")
    if array.dtype != kind or array.ndim != dimensions or length not in (-1, len(array)):
        raise _wrong(name, expected, f"{array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise _wrong(name, "finite numbers", "NaN or infinity")
    return array


def _wrong(name: str, expected: str, found: str) -> ArtifactError:
    return ArtifactError(expected=expected, found=found, where=name, fix="train the model again")
