"""The n-gram linear model: a linear model over the distinct n-grams of a text.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.errors import ArtifactError
from foretell.ngrams.counting import Ids
from foretell.ngrams.keys import KEY_BITS, LONGEST, Keys, end_of_keys, keys_fit, ngram_keys

Scores = npt.NDArray[np.float32]

# Keys that one sort handles at a time in prediction: enough that the overhead of NumPy's calls is small.
_KEYS_AT_ONCE = 1 << 19


@dataclass(frozen=True, eq=False)
class LinearModel:
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
        for n, (keys, at) in enumerate(
            ngram_keys(flat, np.array([0, len(flat)]), self.size, self.longest), 1
        ):
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
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> LinearModel:
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
        if size < 1 or longest < 1 or not keys_fit(size, longest):
            raise _wrong("linear/size", "n-grams whose keys fit in 63 bits", f"{size:,} ids, {longest} long")
        if weights.shape != (len(keys), len(bias)) or not len(bias):
            expected = f"weights [{len(keys)}, {len(bias) or 'at least 1'}]"
            raise _wrong("linear/weights", expected, str(list(weights.shape)))
        ascending = bool((keys[1:] > keys[:-1]).all())
        if not ascending or (len(keys) and not 0 <= keys[0] <= keys[-1] < end_of_keys(size, longest)):
            raise _wrong("linear/keys", "distinct keys of n-grams, ascending", "others")
        return cls(keys, weights, bias, size, longest)

    def _chunks(self, starts: npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
        # A text's place in its chunk shares one number with the key.
        most_texts = 1 << min(KEY_BITS - end_of_keys(self.size, self.longest).bit_length(), 30)
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
        found = list(ngram_keys(ids.astype(np.int64), starts, self.size, self.longest))
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


def weighted_sum(models: Sequence[LinearModel], weights: Sequence[float]) -> LinearModel:
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
    return LinearModel(keys, sums, bias, first.size, max(model.longest for model in models))


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
