"""Linear models of TF-IDF values of words and of characters within words.

There are three: logistic regression, complement naive Bayes and the centroids of the labels. The
last two have no weights to search for. With few labels such generative models are near their best
sooner (Ng and Jordan, 2001, "On Discriminative vs. Generative Classifiers"), and they err on other
texts. All have the same features, so in a classifier they are one model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Float64s, Integers, NgramKeys
from foretell.ngrams.characters import character_ngrams, make_alphabet
from foretell.ngrams.keys import ngram_keys
from foretell.ngrams.keys import parts as text_parts
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import LONGEST, TfidfFeatures, TfidfModel
from foretell.training.labels.dense_fit import unit_rows
from foretell.training.labels.linear_fit import MAX_WEIGHTS
from foretell.training.labels.logistic import Check, MatrixFit, Weights, ignore
from foretell.training.labels.rows import Rows
from foretell.training.labels.softmax_fit import SparseSoftmax, fit_softmax, informativeness
from foretell.training.labels.tokens import TokenizedTexts

# With so many texts a feature of one text carries no information; with few, every feature counts.
_MANY_TEXTS = 1_000

# Of thousands of labels with a few texts each, every label has words of its own.
_MIN_FEATURES = 4_000
_MAX_WEIGHTS = 12_000_000

_BYTES_OF_WEIGHTS = 1 << 30
"""Of dense weights while they are fitted, at most."""

_SAMPLED_TOKENS = 10_000_000
"""Frequent words and pairs of words are the same in more."""

_COUNTED_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class CountedFeatures:
    """The features of some texts; the matrix [text, feature] has 1 + log of how often a text has
    each.
    """

    features: TfidfFeatures
    matrix: sparse.csr_array


def count_features(
    tokenized: TokenizedTexts, texts: Sequence[str], size: int, *, n_columns: int
) -> CountedFeatures:
    """Choose the features of some texts, and count them; more columns of weights leave room for
    fewer.
    """
    min_texts = 2 if len(texts) >= _MANY_TEXTS else 1
    max_features = max(MAX_WEIGHTS // n_columns, min(_MIN_FEATURES, _MAX_WEIGHTS // n_columns))
    alphabet = make_alphabet(texts)
    words, in_words = _distinct(
        *ngram_keys(tokenized.ids, tokenized.starts, size, LONGEST), min_texts
    )
    characters, in_characters = _distinct(*character_ngrams(texts, alphabet), min_texts)
    counts = np.concatenate([in_words, in_characters])
    kept = np.zeros(len(counts), bool)
    kept[np.argsort(-counts, kind="stable")[:max_features]] = True
    features = TfidfFeatures(
        words[kept[: len(words)]], characters[kept[len(words) :]], alphabet, size
    )
    of_text, of_feature, values = features.counts(tokenized.ids, tokenized.starts, texts)
    shape = (len(texts), len(features))
    return CountedFeatures(features, sparse.csr_array((values, (of_text, of_feature)), shape=shape))


def count_words(
    tokenized: TokenizedTexts, size: int, *, n_columns: int, seed: int
) -> CountedFeatures:
    """Count words and pairs of words, as many as the memory has room for with so many columns of
    weights: those in most texts, of a sample where there are many.
    """
    none = np.zeros(0, np.int64)
    sample = _sample(tokenized, seed)
    min_texts = 2 if len(tokenized) >= _MANY_TEXTS else 1
    words, counts = _distinct(*ngram_keys(sample.ids, sample.starts, size, LONGEST), min_texts)
    most = max(_MIN_FEATURES, _BYTES_OF_WEIGHTS // (4 * n_columns))
    if len(words) > most:
        words = np.sort(words[np.argsort(-counts, kind="stable")[:most]])
    features = TfidfFeatures(words, none, make_alphabet([]), size)
    parts = []
    for first, last in text_parts(tokenized.starts, _COUNTED_AT_ONCE):
        part = tokenized.part(first, last)
        of_text, of_feature, values = features.counts(part.ids, part.starts, [])
        in_each = np.bincount(of_text, minlength=last - first)
        entries = (values, of_feature.astype(np.int32), np.append(0, np.cumsum(in_each)))
        parts.append(sparse.csr_array(entries, shape=(last - first, len(words))))
    return CountedFeatures(features, sparse.vstack(parts, "csr"))


def _sample(tokenized: TokenizedTexts, seed: int) -> TokenizedTexts:
    """Return texts, drawn evenly, of about `_SAMPLED_TOKENS` together."""
    share = _SAMPLED_TOKENS / max(len(tokenized.ids), 1)
    if share >= 1:
        return tokenized
    return tokenized.select(np.random.default_rng(seed).random(len(tokenized)) < share)


def _distinct(keys: NgramKeys, texts: Integers, min_texts: int) -> tuple[NgramKeys, Integers]:
    """Return the distinct keys in `min_texts` texts or more, ascending, and how many texts have
    each.
    """
    order = np.lexsort((texts, keys))
    keys = keys[order]
    texts = texts[order]
    is_new = np.append(True, (keys[1:] != keys[:-1]) | (texts[1:] != texts[:-1]))[: len(keys)]
    distinct, counts = np.unique(keys[is_new], return_counts=True)
    return distinct[counts >= min_texts], counts[counts >= min_texts]


class TfidfValues:
    """The TF-IDF values of the counted texts, whose vocabulary and idf are those of some of them.

    With those of all texts, out-of-fold probabilities are too confident.
    """

    def __init__(self, counted: CountedFeatures, texts: Integers) -> None:
        chosen = counted.matrix[texts]
        in_texts = np.bincount(chosen.indices, minlength=chosen.shape[1])
        self._counted = counted
        self._kept = np.flatnonzero(in_texts)
        idf = np.log((1 + chosen.shape[0]) / (1 + in_texts[self._kept])) + 1
        self._idf = idf.astype(np.float32)

    def __call__(self, texts: Integers) -> sparse.csr_array:
        """Return the values of the texts at some places, float32 [text, feature], each row of
        length 1.
        """
        return unit_rows(
            self._counted.matrix[texts][:, self._kept] @ sparse.diags_array(self._idf), 2
        )

    def model(self, fitted: Weights) -> TfidfModel:
        """Return a fitted model for predictions."""
        features = self._counted.features
        kept = self._kept
        n_words = int(np.searchsorted(kept, len(features.words)))
        words = features.words[kept[:n_words]]
        characters = features.characters[kept[n_words:] - len(features.words)]
        chosen = TfidfFeatures(words, characters, features.alphabet, features.size)
        return TfidfModel(chosen, self._idf, fitted.weights, fitted.bias)


class WordFit:
    """Softmax regression on words and pairs of words, each as much as it tells about the labels.

    The values of a text are its TF-IDF values times `informativeness`, divided by their length.
    """

    def __init__(self, counted: CountedFeatures, rows: Rows) -> None:
        self._counted = counted
        self._rows = rows
        own = counted.matrix[rows.texts]
        in_texts = np.bincount(own.indices, minlength=own.shape[1])
        idf = np.log((1 + own.shape[0]) / (1 + in_texts)) + 1
        # A feature that no text of these rows has is none.
        self._factors = (idf * (in_texts > 0) * informativeness(own, rows)).astype(np.float32)

    def fit(
        self, strength: float, start: SparseSoftmax | None = None, check: Check = ignore
    ) -> SparseSoftmax:
        """Fit the model, which has one `strength`."""
        del strength, start
        return fit_softmax(self._values(self._rows.texts), self._rows, check=check)

    def scores(self, parameters: SparseSoftmax, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the texts at some places."""
        return parameters.scores(self._values(texts))

    def model(self, parameters: SparseSoftmax) -> TfidfModel:
        """Return the model for predictions."""
        features = self._counted.features
        kept = np.flatnonzero(self._factors)
        chosen = replace(features, words=features.words[kept])
        weights = parameters.weights
        if isinstance(weights, SparseWeights):
            lengths = np.diff(weights.starts)
            inside = np.repeat(self._factors > 0, lengths)
            weights = replace(
                weights,
                starts=np.append(0, np.cumsum(lengths[kept])),
                columns=weights.columns[inside],
                values=weights.values[inside],
            )
        else:
            weights = weights[kept]
        return TfidfModel(chosen, self._factors[kept], weights, parameters.bias)

    def _values(self, texts: Integers) -> sparse.csr_array:
        """Return the values of the texts at some places, float32 [text, feature]."""
        values = self._counted.matrix[texts]
        values.data *= self._factors[values.indices]
        lengths = np.diff(values.indptr)
        squares = np.bincount(
            np.repeat(np.arange(len(lengths)), lengths), values.data**2, len(lengths)
        )
        scale = (1 / np.maximum(np.sqrt(squares), 1e-12)).astype(np.float32)
        values.data *= np.repeat(scale, lengths)
        return values


class _GenerativeFit(MatrixFit):
    """A model that follows from sums over the texts of each label, which are the same for every
    strength.
    """

    @cached_property
    def _label_sums(self) -> Float64s:
        """The values of each label's texts together, [label, feature]."""
        sums: Float64s = (self.rows.mass @ self.features).toarray()
        return sums


class ComplementFit(_GenerativeFit):
    """Complement naive Bayes: how unlike the texts of all other labels is it?

    The weight of a feature is minus the log of its share in the values of the other labels' texts,
    smoothed by 1 / strength for each feature (Rennie et al., 2003, "Tackling the Poor Assumptions
    of Naive Bayes Text Classifiers", without the last step).
    """

    def fit(self, strength: float, start: Weights | None = None, check: Check = ignore) -> Weights:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        sums = self._label_sums
        others = sums.sum(axis=0) - sums + 1 / strength
        return _fitted(
            np.log(others.sum(axis=1, keepdims=True)) - np.log(others), np.zeros(len(sums))
        )


class CentroidFit(_GenerativeFit):
    """The centroids of the labels: how near is it to the mean text of each?

    The score of a label is the cosine of its centroid and the text, times the strength, plus the
    log of its share (Rocchio, 1971). The mean of all centroids is subtracted before.
    """

    def fit(self, strength: float, start: Weights | None = None, check: Check = ignore) -> Weights:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        mass = self.rows.mass.sum(axis=1)[:, None]
        centroids = self._label_sums / np.maximum(mass, 1e-9)
        centroids -= centroids.mean(axis=0)
        lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
        centroids *= strength / np.maximum(lengths, 1e-9)
        return _fitted(centroids, np.log((mass[:, 0] + 0.5) / (mass.sum() + 0.5 * len(mass))))


def _fitted(weights: Float64s, bias: Float64s) -> Weights:
    """Return a model of weights [label, feature] and biases [label]; of two labels it has one
    column.
    """
    if len(bias) == 2:
        weights = weights[1:] - weights[:1]
        bias = bias[1:] - bias[:1]
    else:
        # Only the differences count.
        weights = weights - weights.mean(axis=0)
        bias = bias - bias.mean()
    return Weights(np.ascontiguousarray(weights.T, np.float32), bias.astype(np.float32))
