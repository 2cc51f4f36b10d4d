"""Linear models of TF-IDF values: of words, pairs of words, and characters within words.

    value(feature)  = (1 + log of its count in the text) · idf(feature)
    score(column)   = bias + Σ weight · value / (Σ value^p)^(1/p)

With p = 2 these are the values of scikit-learn's TfidfVectorizer with `sublinear_tf=True`. With p =
1 the score is a weighted mean of the words' weights, as a linear model of mean word vectors gives.

NumPy only, so that prediction imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from foretell.arrays import Array, Float32s, Integers, NgramKeys, TokenIds
from foretell.ngrams.characters import LONGEST as MAX_CHARACTERS
from foretell.ngrams.characters import MAX_ALPHABET, Alphabet, character_ngrams
from foretell.ngrams.checked_arrays import checked_array, checked_keys, checked_weights, wrong
from foretell.ngrams.keys import end_of_keys, find, flat, keys_fit, ngram_keys, parts
from foretell.ngrams.sparse_weights import SparseWeights

LONGEST = 2
"""Words of the longest n-grams."""

# Features that are looked up at a time: a bound on the memory.
_CHARACTERS_AT_ONCE = 1 << 19


class FeatureCounts(NamedTuple):
    """The features of some texts.

    Attributes:
        texts: int64 [entry], the place of the text, ascending.
        features: int64 [entry], the place of the feature, ascending within a text.
        values: float32 [entry], 1 + log of how often the text has the feature.
    """

    texts: Integers
    features: Integers
    values: Float32s


@dataclass(frozen=True, eq=False)
class TfidfFeatures:
    """Which n-grams are features.

    Attributes:
        words: int64 [feature], keys of word n-grams, ascending.
        characters: int64 [feature], keys of character n-grams, ascending; they follow the words.
        alphabet: the characters that the keys are made of.
        size: token ids from 0 to size - 1 are known.
        longest: words of the longest word n-grams.
    """

    words: NgramKeys
    characters: NgramKeys
    alphabet: Alphabet
    size: int
    longest: int = LONGEST

    def __len__(self) -> int:
        return len(self.words) + len(self.characters)

    def counts(self, ids: TokenIds, starts: Integers, texts: Sequence[str]) -> FeatureCounts:
        """Count the features of texts: text i is ids[starts[i]:starts[i + 1]], and written
        texts[i].
        """
        word_keys, word_texts = ngram_keys(ids, starts, self.size, self.longest)
        features = [find(self.words, word_keys)]
        owners = [word_texts]
        if len(self.characters):
            keys, of_text = character_ngrams(texts, self.alphabet)
            found = find(self.characters, keys)
            features.append(np.where(found < 0, -1, found + len(self.words)))
            owners.append(of_text)
        feature = np.concatenate(features)
        text = np.concatenate(owners)
        known = feature >= 0
        return count_pairs(text[known], feature[known], len(self))


@dataclass(frozen=True, eq=False)
class TfidfModel:
    """A linear model of TF-IDF values.

    Attributes:
        features: which n-grams are features.
        idf: float32 [feature].
        weights: float32 [feature, column], or sparse.
        bias: float32 [column], as in `LinearModel`.
        norm: p, 1 or 2.
    """

    features: TfidfFeatures
    idf: Float32s
    weights: Float32s | SparseWeights
    bias: Float32s
    norm: int = 2

    def __len__(self) -> int:
        return len(self.features)

    def scores(self, ids: Sequence[Sequence[int] | TokenIds], texts: Sequence[str]) -> Float32s:
        """Return float32 [text, column] of texts, given as ids and as they are written.

        The row of a text does not depend on the other texts.
        """
        rows = [np.zeros((0, len(self.bias)), np.float32)]
        for first, last in parts(np.cumsum([0, *map(len, texts)]), _CHARACTERS_AT_ONCE):
            counts = self.features.counts(*flat(ids[first:last]), texts[first:last])
            rows.append(self.scores_of_counts(counts, last - first))
        return np.concatenate(rows)

    def scores_of_counts(self, counts: FeatureCounts, n_texts: int) -> Float32s:
        """Return `scores` of texts whose features are counted."""
        texts, features, values = counts
        weighted = values.astype(np.float64) * self.idf[features]
        norms = np.bincount(texts, weighted**self.norm, n_texts) ** (1 / self.norm)
        if isinstance(self.weights, SparseWeights):
            sums = self.weights.sums(texts, features, weighted, n_texts)
        else:
            columns = [column[features] for column in self.weights.T]
            sums = np.stack([np.bincount(texts, weighted * each, n_texts) for each in columns], 1)
        # A text without a known feature has the bias alone.
        scores = sums / np.maximum(norms, 1e-12)[:, None] + self.bias
        result: Float32s = scores.astype(np.float32)
        return result

    def times(self, factor: float) -> TfidfModel:
        """Return the model whose scores are `factor` times these."""
        weights = self.weights
        if isinstance(weights, SparseWeights):
            weights = weights.times(factor)
        else:
            weights = np.float32(factor) * weights
        return replace(self, weights=weights, bias=np.float32(factor) * self.bias)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], name: str) -> TfidfModel:
        """Rebuild a model of `tfidf_arrays` by its name; arrays of other names are ignored."""
        shape = checked_array(arrays, f"{name}/shape", np.int64, 1, length=3)
        size, longest, norm = shape.tolist()
        if (
            size < 1
            or not 1 <= longest <= LONGEST
            or norm not in (1, 2)
            or not keys_fit(size, longest)
        ):
            raise wrong(
                f"{name}/shape",
                "n-grams whose keys fit in 63 bits, and a norm of 1 or 2",
                str(shape),
            )
        alphabet = checked_array(arrays, f"{name}/alphabet", np.uint32, 1)
        if not 1 <= len(alphabet) <= MAX_ALPHABET + 1 or not (alphabet[1:] > alphabet[:-1]).all():
            raise wrong(f"{name}/alphabet", "distinct code points, ascending", "others")
        words = checked_keys(arrays, f"{name}/words", end_of_keys(size, longest))
        characters = checked_keys(
            arrays, f"{name}/characters", end_of_keys(len(alphabet), MAX_CHARACTERS)
        )
        features = TfidfFeatures(words, characters, alphabet, size, longest)
        idf = checked_array(arrays, f"{name}/idf", np.float32, 1, length=len(features))
        if not (idf > 0).all():
            raise wrong(f"{name}/idf", "numbers above 0", "others")
        if f"{name}/weights" in arrays:
            return cls(features, idf, *checked_weights(arrays, name, len(features)), norm)
        bias = checked_array(arrays, f"{name}/bias", np.float32, 1)
        weights = SparseWeights.from_arrays(arrays, name, len(features), len(bias))
        return cls(features, idf, weights, bias, norm)


def tfidf_arrays(models: Sequence[TfidfModel]) -> dict[str, Array]:
    """Return several models as named arrays, ready for safetensors; `tfidf_models` takes them
    back.
    """
    arrays: dict[str, Array] = {}
    for place, model in enumerate(models, 1):
        of = model.features
        shape = np.array([of.size, of.longest, model.norm], np.int64)
        parts: dict[str, Array] = {"idf": model.idf, "bias": model.bias}
        if isinstance(model.weights, SparseWeights):
            parts |= model.weights.to_arrays()
        else:
            parts["weights"] = model.weights
        parts |= {
            "words": of.words,
            "characters": of.characters,
            "alphabet": of.alphabet,
            "shape": shape,
        }
        arrays |= {f"tfidf_{place}/{name}": array for name, array in parts.items()}
    return arrays


def tfidf_models(arrays: Mapping[str, Array]) -> tuple[TfidfModel, ...]:
    """Rebuild what `tfidf_arrays` returned.

    Raises:
        ArtifactError: an array is missing, or has another type, shape or order, or a number out of
            its range.
    """
    names = sorted({name.partition("/")[0] for name in arrays})
    return tuple(TfidfModel.from_arrays(arrays, name) for name in names)


def count_pairs(texts: Integers, features: Integers, n_features: int) -> FeatureCounts:
    """Count equal pairs of text and feature, [occurrence] each."""
    packed = texts.astype(np.int64) * n_features + features
    packed.sort()
    first = np.flatnonzero(np.append(True, packed[1:] != packed[:-1])[: len(packed)])
    counts = np.diff(np.append(first, len(packed)))
    of_text, of_feature = np.divmod(packed[first], max(n_features, 1))
    return FeatureCounts(of_text, of_feature, (1 + np.log(counts)).astype(np.float32))


def merged(models: Iterable[TfidfModel]) -> tuple[TfidfModel, ...]:
    """Add up the models that have the same values, so that these are computed once: scores are
    sums. A model with sparse weights stays as it is.
    """
    kept: dict[tuple[object, ...], TfidfModel] = {}
    for model in models:
        of = model.features
        arrays = (of.words, of.characters, of.alphabet, model.idf)
        key = (model.norm, of.size, of.longest, *(each.tobytes() for each in arrays))
        other = kept.get(key)
        if other is None:
            kept[key] = model
        elif isinstance(model.weights, SparseWeights) or isinstance(other.weights, SparseWeights):
            kept[*key, len(kept)] = model
        else:
            weights = other.weights + model.weights
            kept[key] = replace(other, weights=weights, bias=other.bias + model.bias)
    return tuple(kept.values())
