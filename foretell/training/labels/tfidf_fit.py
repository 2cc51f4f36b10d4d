"""Linear models of TF-IDF values of words and of characters within words.

There are three: logistic regression, complement naive Bayes and the centroids of the labels. The
last two have no weights to search for. With few labels such generative models are near their best
sooner (Ng and Jordan, 2001, "On Discriminative vs. Generative Classifiers"), and they err on other
texts. All have the same features, so in a classifier they are one model. The centroids of many
labels have all words as features, and sparse weights.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from foretell.arrays import Float64s, Integers, Mask, NgramKeys, in_parts
from foretell.ngrams.characters import character_ngrams, make_alphabet
from foretell.ngrams.counting import sorted_pairs
from foretell.ngrams.keys import ngram_keys, parts
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import LONGEST, TfidfFeatures, TfidfModel
from foretell.training.labels.dense_fit import idf_of, unit_rows
from foretell.training.labels.linear_fit import MAX_WEIGHTS
from foretell.training.labels.logistic import (
    Check,
    LinearWeights,
    ManyWeights,
    MatrixFit,
    ignore,
)
from foretell.training.labels.tokens import TokenizedTexts

# With so many texts a feature of one text carries no information; with few, every feature counts.
_MANY_TEXTS = 1_000

# Of thousands of labels with a few texts each, every label has words of its own.
_MIN_FEATURES = 4_000
_MAX_WEIGHTS = 12_000_000

_BYTES_OF_WEIGHTS = 1 << 30
"""Of dense weights while they are fitted, at most."""

_SAMPLED = 6_000_000
"""Words, or characters, of the texts in which features are searched for: the frequent ones are the
same in more.
"""

_COUNTED_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class CountedFeatures:
    """The features of some texts.

    Attributes:
        features: that were chosen, those that are in most texts.
        matrix: [text, feature], 1 + log of how often a text has each.
        fewest: int [feature], how many texts a feature has to be in.
    """

    features: TfidfFeatures
    matrix: sparse.csr_array
    fewest: Integers

    @cached_property
    def _in_texts(self) -> Integers:
        found = np.zeros(len(self.fewest), np.int64)
        # In parts: NumPy makes eight bytes of each place.
        for part in in_parts(self.matrix.indices, _COUNTED_AT_ONCE):
            found += np.bincount(part, minlength=len(found))
        return found

    def chosen_by(self, inside: Mask) -> Mask:
        """Return which features are chosen without the texts that are not `inside`, bool [text].

        A text that has helped to choose features is answered better than a new one.
        """
        outside = self.matrix[np.flatnonzero(~inside[: self.matrix.shape[0]])]
        without = self._in_texts - np.bincount(outside.indices, minlength=len(self.fewest))
        return np.asarray(without >= self.fewest)


def count_features(
    tokenized: TokenizedTexts, texts: Sequence[str], size: int, *, n_columns: int
) -> CountedFeatures:
    """Count words, pairs of words and characters within words; more columns of weights leave room
    for fewer.
    """
    most = max(MAX_WEIGHTS // n_columns, min(_MIN_FEATURES, _MAX_WEIGHTS // n_columns))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return _counted(tokenized, texts, size, most, np.append(0, np.cumsum(lengths)))


def count_words(tokenized: TokenizedTexts, size: int, *, n_columns: int) -> CountedFeatures:
    """Count words and pairs of words, as many as the memory has room for with so many columns of
    dense weights.
    """
    most = max(_MIN_FEATURES, _BYTES_OF_WEIGHTS // (4 * n_columns))
    return _counted(tokenized, [""] * len(tokenized), size, most, tokenized.starts)


def count_every_word(tokenized: TokenizedTexts, size: int) -> CountedFeatures:
    """Count all words and, with many texts, the pairs of words of two texts: for weights that are
    sparse.
    """
    texts = [""] * len(tokenized)
    most = LONGEST * len(tokenized.ids)
    return _counted(tokenized, texts, size, most, tokenized.starts, kept_below=size)


def _counted(
    tokenized: TokenizedTexts,
    texts: Sequence[str],
    size: int,
    most: int,
    ends: Integers,
    *,
    kept_below: int = 0,
) -> CountedFeatures:
    """Choose the features that are in most texts, and count them.

    `ends`, [text + 1], is 0, and the sum of the lengths up to each text: of many texts a sample
    shows which features are frequent. Of many texts a feature has to be in two, but for words whose
    keys are below `kept_below`.
    """
    sample = _sample(ends)
    some = [texts[place] for place in sample.tolist()]
    tokens = tokenized if len(sample) == len(texts) else tokenized.take(sample)
    min_texts = 2 if len(texts) >= _MANY_TEXTS else 1
    alphabet = make_alphabet(some)
    words, in_words = _distinct(
        *ngram_keys(tokens.ids, tokens.starts, size, LONGEST), min_texts, kept_below
    )
    characters, in_characters = _distinct(*character_ngrams(some, alphabet), min_texts)
    counts = np.concatenate([in_words, in_characters])
    fewest = np.full(len(counts), min_texts)
    fewest[: np.searchsorted(words, kept_below)] = 1
    kept = np.zeros(len(counts), bool)
    kept[np.argsort(-counts, kind="stable")[:most]] = True
    if len(counts) > most:
        fewest[kept] = counts[kept].min()
    features = TfidfFeatures(
        words[kept[: len(words)]], characters[kept[len(words) :]], alphabet, size
    )
    # They grow in place: blocks that are joined at the end take twice the memory.
    values = array("f")
    places = array("i")
    in_each = [np.zeros(1, np.int64)]
    for first, last in parts(ends, _COUNTED_AT_ONCE):
        part = tokenized.part(first, last)
        found = features.counts(part.ids, part.starts, texts[first:last])
        values.frombytes(found.values.tobytes())
        places.frombytes(found.features.astype(np.int32).tobytes())
        in_each.append(np.bincount(found.texts, minlength=last - first))
    # With starts of another type SciPy copies the places; a plan's memory has room for far fewer.
    starts = np.cumsum(np.concatenate(in_each)).astype(np.int32)
    entries = (np.asarray(values), np.asarray(places), starts)
    matrix = sparse.csr_array(entries, shape=(len(texts), len(features)))
    return CountedFeatures(features, matrix, fewest[kept])


def _sample(ends: Integers) -> Integers:
    """Return the places of texts, drawn evenly, of about `_SAMPLED` words or characters."""
    n_texts = len(ends) - 1
    share = _SAMPLED / max(int(ends[-1]), 1)
    if share >= 1:
        return np.arange(n_texts)
    return np.flatnonzero(np.random.default_rng(0).random(n_texts) < share)


def _distinct(
    keys: NgramKeys, texts: Integers, min_texts: int, kept_below: int = 0
) -> tuple[NgramKeys, Integers]:
    """Return the distinct keys that are in `min_texts` texts or more, or below `kept_below`,
    ascending, and how many texts have each.
    """
    keys, texts = sorted_pairs(keys, texts, int(texts.max(initial=0)).bit_length())
    is_new = np.append(True, (keys[1:] != keys[:-1]) | (texts[1:] != texts[:-1]))[: len(keys)]
    in_text = keys[is_new]
    first = np.flatnonzero(np.append(True, in_text[1:] != in_text[:-1])[: len(in_text)])
    distinct = in_text[first]
    counts = np.diff(np.append(first, len(in_text)))
    is_kept = (counts >= min_texts) | (distinct < kept_below)
    return distinct[is_kept], counts[is_kept]


class TfidfValues:
    """The TF-IDF values of the counted texts, whose vocabulary and idf are those of some of them.

    With those of all texts, out-of-fold probabilities are too confident. The features are those
    that the texts `inside`, bool [text], have chosen (`CountedFeatures.chosen_by`). Pairs of words
    count `of_pairs` times as much as they would.
    """

    def __init__(
        self, counted: CountedFeatures, texts: Integers, inside: Mask, of_pairs: float = 1.0
    ) -> None:
        chosen = counted.matrix[texts]
        in_texts = np.bincount(chosen.indices, minlength=chosen.shape[1])
        self._counted = counted
        self._kept = np.flatnonzero((in_texts > 0) & counted.chosen_by(inside))
        self._idf = idf_of(in_texts[self._kept], len(texts))
        is_pair = np.zeros(len(in_texts), bool)
        is_pair[: len(counted.features.words)] = counted.features.words >= counted.features.size
        self._idf[is_pair[self._kept]] *= np.float32(of_pairs)

    def __call__(self, texts: Integers) -> sparse.csr_array:
        """Return the values of the texts at some places, float32 [text, feature], each row of
        length 1.
        """
        return unit_rows(
            self._counted.matrix[texts][:, self._kept] @ sparse.diags_array(self._idf), 2
        )

    def model(self, fitted: LinearWeights | ManyWeights) -> TfidfModel:
        """Return a fitted model for predictions."""
        features = self._counted.features
        kept = self._kept
        n_words = int(np.searchsorted(kept, len(features.words)))
        words = features.words[kept[:n_words]]
        characters = features.characters[kept[n_words:] - len(features.words)]
        chosen = TfidfFeatures(words, characters, features.alphabet, features.size)
        return TfidfModel(chosen, self._idf, fitted.weights, fitted.bias)


class _GenerativeFit(MatrixFit[LinearWeights]):
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

    def fit(
        self, strength: float, start: LinearWeights | None = None, check: Check = ignore
    ) -> LinearWeights:
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

    def fit(
        self, strength: float, start: LinearWeights | None = None, check: Check = ignore
    ) -> LinearWeights:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        mass = self.rows.mass.sum(axis=1)[:, None]
        centroids = self._label_sums / np.maximum(mass, 1e-9)
        centroids -= centroids.mean(axis=0)
        lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
        centroids *= strength / np.maximum(lengths, 1e-9)
        return _fitted(centroids, np.log((mass[:, 0] + 0.5) / (mass.sum() + 0.5 * len(mass))))


class SparseCentroidFit(MatrixFit[ManyWeights]):
    """The centroids of many labels, without the mean of all: of a few texts a label has few
    features, so that no weight of the others is stored.
    """

    @cached_property
    def _centroids(self) -> sparse.csr_array:
        """Those of length 1, [label, feature], in `MAX_WEIGHTS` numbers at most."""
        centroids = unit_rows(self.rows.mass @ self.features, 2).astype(np.float32)
        if centroids.nnz > MAX_WEIGHTS:
            smallest = np.partition(centroids.data, -MAX_WEIGHTS)[-MAX_WEIGHTS]
            centroids.data[centroids.data < smallest] = 0
            centroids.eliminate_zeros()
        return centroids

    def fit(
        self, strength: float, start: ManyWeights | None = None, check: Check = ignore
    ) -> ManyWeights:
        """Fit the model; `start` and `check` are not needed."""
        del start, check
        of_features = self._centroids.T.tocsr()
        weights = SparseWeights(
            of_features.indptr, of_features.indices, of_features.data, self.rows.n_labels
        )
        bias = np.log(self.rows.mass.sum(axis=1) + 0.5)
        return ManyWeights(weights.times(strength), (bias - bias.mean()).astype(np.float32))


def _fitted(weights: Float64s, bias: Float64s) -> LinearWeights:
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
    return LinearWeights(np.ascontiguousarray(weights.T, np.float32), bias.astype(np.float32))
