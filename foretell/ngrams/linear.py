"""The n-gram linear model: a linear model over the distinct n-grams of a text.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Array, Float32s, Integers, NgramKeys, TokenIds
from foretell.ngrams.checked_arrays import checked_array, checked_keys, checked_weights, wrong
from foretell.ngrams.keys import (
    KEY_BITS,
    LONGEST,
    end_of_keys,
    find,
    flat,
    keys_fit,
    ngram_keys,
    parts,
)

# Keys that one sort handles at a time in prediction: enough that the overhead of NumPy's calls is
# small.
_KEYS_AT_ONCE = 1 << 19


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear model over the distinct n-grams of a text.

    Attributes:
        keys: int64 [feature], the n-grams' keys, ascending and distinct.
        weights: float32 [feature, column].
        bias: float32 [column]. Two labels have one column, the log-odds of the second; more labels
            have one each, the logits of a softmax.
        size: ids from 0 to size - 1 are known; an n-gram with any other id is left out.
        longest: words of the longest n-grams.
    """

    keys: NgramKeys
    weights: Float32s
    bias: Float32s
    size: int
    longest: int = LONGEST

    def __len__(self) -> int:
        return len(self.keys)

    def scores(self, ids: Sequence[Sequence[int] | TokenIds]) -> Float32s:
        """Return float32 [text, column]: the bias plus the weights of the text's distinct n-grams.

        The row of a text does not depend on the other texts of the batch. Texts may be padded.
        """
        return self.scores_of_flat(*flat(ids))

    def scores_of_flat(self, ids: TokenIds, starts: Integers) -> Float32s:
        """Return `scores` of texts that lie one after another: text i is ids[starts[i]:starts[i +
        1]].
        """
        result = np.empty((len(starts) - 1, len(self.bias)), np.float32)
        # A text's number in its part shares one int64 with the key.
        max_texts = 1 << min(KEY_BITS - end_of_keys(self.size, self.longest).bit_length(), 30)
        for first, last in parts(starts, max(_KEYS_AT_ONCE // self.longest, 1), max_texts):
            result[first:last] = self._chunk_scores(
                ids[starts[first] : starts[last]], starts[first : last + 1] - starts[first]
            )
        return result

    def to_arrays(self) -> dict[str, Array]:
        """Return the model as named arrays, ready for safetensors; `from_arrays` takes them
        back.
        """
        return {f"linear/{name}": np.atleast_1d(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> LinearModel:
        """Rebuild what `to_arrays` returned; other arrays are ignored.

        Raises:
            ArtifactError: an array is missing, or has another type, shape or order, or a number
                that is not finite.
        """
        size, longest = (
            int(checked_array(arrays, name, np.int64, 1, length=1)[0])
            for name in ("linear/size", "linear/longest")
        )
        if size < 1 or longest < 1 or not keys_fit(size, longest):
            raise wrong(
                "linear/size", "n-grams whose keys fit in 63 bits", f"{size:,} ids, {longest} long"
            )
        keys = checked_keys(arrays, "linear/keys", end_of_keys(size, longest))
        return cls(keys, *checked_weights(arrays, "linear", len(keys)), size, longest)

    def _chunk_scores(self, ids: TokenIds, starts: Integers) -> Float32s:
        n_texts = len(starts) - 1
        bits = (n_texts - 1).bit_length()
        keys, text_of = ngram_keys(ids, starts, self.size, self.longest)
        packed = (keys << bits) | text_of if bits else keys
        packed.sort()
        if len(packed):
            packed = packed[np.concatenate(([True], packed[1:] != packed[:-1]))]
        features = find(self.keys, packed >> bits)
        is_known = features >= 0
        features = features[is_known]
        texts = packed[is_known] & ((1 << bits) - 1)
        # bincount adds in float64, in the order of the keys: a text's sum does not depend on its
        # batch.
        sums = [np.bincount(texts, column.take(features), n_texts) for column in self.weights.T]
        return (np.stack(sums, axis=1) + self.bias).astype(np.float32)


def weighted_sum(models: Sequence[LinearModel], weights: Sequence[float]) -> LinearModel:
    """Return the model whose scores are the weighted sum of those of models of the same ids and
    columns.
    """
    first = models[0]
    weighted = [(model, weight) for model, weight in zip(models, weights, strict=True) if weight]
    keys = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(model.keys for model, _ in weighted)])
    )
    sums = np.zeros((len(keys), len(first.bias)), np.float32)
    bias = np.zeros_like(first.bias)
    for model, weight in weighted:
        sums[np.searchsorted(keys, model.keys)] += np.float32(weight) * model.weights
        bias += np.float32(weight) * model.bias
    return LinearModel(keys, sums, bias, first.size, max(model.longest for model in models))
