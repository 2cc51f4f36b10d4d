"""Dense features from labelled and unlabelled texts together, and linear models of them.

A basis gives each n-gram a vector, without any label. A text has the sum or the mean of the vectors of its
n-grams. Logistic regression on these is a linear model of the n-grams, whose weights are their vectors times
the coefficients: the vectors themselves are not needed for predictions.

Three bases: the truncated singular value decomposition of TF-IDF values (latent semantic analysis: Deerwester
et al., 1990, "Indexing by Latent Semantic Analysis"), embeddings from co-occurrence statistics, and these
beside word vectors from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from foretell.arrays import Float32s, NgramKeys
from foretell.ngrams.counting import CountedTexts
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel
from foretell.training.labels.cooccurrence import cooccurrence_embeddings, truncated_svd
from foretell.training.labels.logistic import Check, Fitted, MatrixDesign, fit_logistic, ignore
from foretell.training.labels.outside_vectors import OutsideVectors
from foretell.training.labels.tokenized import TokenizedTexts

# Chosen on training records of six sets, three draws of 300 labels (docs/experiments.md).
SVD_DIMENSIONS = 150
POOLED_DIMENSIONS = 200
WINDOW = 15
"""Words on each side that count as near: a wide window shows topics and sentiment rather than syntax."""


@dataclass(frozen=True, eq=False)
class Basis:
    """A vector for each of some n-grams.

    Attributes:
        keys: int64 [feature], ascending.
        idf: float32 [feature]; the vectors of a text are weighted by it.
        vectors: float32 [feature, dimension].
        is_mean: whether a text has the mean of its n-grams' vectors, or the sum over its distinct n-grams.
        rows: float32 [text, dimension], the vectors of the labelled texts.
    """

    keys: NgramKeys
    idf: Float32s
    vectors: Float32s
    is_mean: bool
    rows: Float32s


def svd_basis(counted: CountedTexts, n_rows: int, seed: int) -> Basis | None:
    """Return the truncated SVD of the TF-IDF values of some texts; None: there are too few.

    Args:
        counted: n-grams of the labelled texts, then of the unlabelled ones.
        n_rows: number of labelled texts.
        seed: of the decomposition's random start.
    """
    in_texts = np.diff(counted.starts)
    kept = np.flatnonzero(in_texts >= 2)
    ones = np.ones(len(counted.texts), np.float32)
    shape = (counted.n_texts, len(counted.keys))
    matrix = sparse.csc_array((ones, counted.texts, counted.starts), shape=shape)[:, kept].tocsr()
    rank = min(SVD_DIMENSIONS, min(matrix.shape) - 1)
    if rank < 1:
        return None
    idf = _idf(in_texts[kept], counted.n_texts)
    values = unit_rows(matrix @ sparse.diags_array(idf), 2)
    _, _, right = truncated_svd(values, rank, n_iter=4, seed=seed)
    vectors = idf[:, None] * right.T.astype(np.float32)
    rows = matrix[:n_rows] @ vectors
    scale = _one_over_length(rows)
    return Basis(counted.keys[kept], idf, scale * vectors, is_mean=False, rows=scale * rows)


def pooled_basis(tokenized: TokenizedTexts, size: int, n_rows: int, *, first: int, seed: int) -> Basis | None:
    """Return embeddings of words from co-occurrence statistics, pooled by the mean; None: no word has one.

    Args:
        tokenized: the labelled texts, then the unlabelled ones.
        size: ids from 0 to `size` - 1 are known.
        n_rows: number of labelled texts.
        first: words are the ids from here on.
        seed: of the decomposition's random start.
    """
    embeddings, known = _wide_embeddings(tokenized, size, first, seed)
    return mean_basis(tokenized, [embeddings], known, n_rows) if known.any() else None


def outside_basis(
    tokenized: TokenizedTexts, vectors: OutsideVectors, n_rows: int, *, first: int, seed: int
) -> Basis:
    """Return word vectors from outside beside embeddings from co-occurrence statistics, pooled by the mean.

    The influence of the vectors is in proportion to the share of the tokens that have one. Vectors of another
    language cover digits and a few names only, and with equal influence they are noise (docs/experiments.md).

    Args:
        tokenized: the labelled texts, then the unlabelled ones.
        vectors: the word vectors.
        n_rows: number of labelled texts.
        first, seed: as `pooled_basis` has them.
    """
    # Words of the vectors alone occur near no word.
    embeddings, near = _wide_embeddings(tokenized, vectors.n_words, first, seed)
    more = len(vectors.known) - vectors.n_words
    embeddings, near = np.pad(embeddings, ((0, more), (0, 0))), np.pad(near, (0, more))
    return mean_basis(
        tokenized,
        [embeddings, vectors.centred(tokenized)],
        near | vectors.known,
        n_rows,
        lengths=[1.0, vectors.coverage(tokenized)],
        weights=vectors.frequency_weights(tokenized),
    )


def _wide_embeddings(
    tokenized: TokenizedTexts, size: int, first: int, seed: int
) -> tuple[Float32s, npt.NDArray[np.bool_]]:
    return cooccurrence_embeddings(
        tokenized.ids, tokenized.starts, first=first, size=size, width=POOLED_DIMENSIONS, seed=seed,
        window=WINDOW, by_distance=False, power=1.0,
    )  # fmt: skip


def mean_basis(
    tokenized: TokenizedTexts,
    blocks: Sequence[Float32s],
    known: npt.NDArray[np.bool_],
    n_rows: int,
    *,
    lengths: Sequence[float] = (1.0,),
    weights: Float32s | None = None,
) -> Basis:
    """Return embeddings of words, pooled by the weighted mean.

    Args:
        tokenized: the labelled texts, then the unlabelled ones.
        blocks: embeddings of several kinds, float32 [id, dimension] each, which are joined.
        known: bool [id], which words have an embedding, at least one.
        n_rows: number of labelled texts.
        lengths: the root mean square length of the texts' means in each kind, relative to the others.
        weights: float32 [id], how much each word counts in the mean; None: the idf of the texts.
    """
    keys = np.flatnonzero(known)
    counts = count_words(tokenized, len(known))[:, keys]
    if weights is None:
        idf = _idf(np.bincount(counts.indices, minlength=len(keys)), len(tokenized))
    else:
        idf = weights[keys]
    labelled = counts[:n_rows]
    labelled.data = 1 + np.log(labelled.data)
    shares = unit_rows(labelled @ sparse.diags_array(idf), 1)
    each = [block[keys] for block in blocks]
    kinds = zip(lengths, each, strict=True)
    scaled = [np.float32(length) * _one_over_length(shares @ block) * block for length, block in kinds]
    vectors = np.concatenate(scaled, axis=1)
    rows = shares @ vectors
    scale = _one_over_length(rows)
    return Basis(keys, idf, scale * vectors, is_mean=True, rows=scale * rows)


def count_words(tokenized: TokenizedTexts, size: int) -> sparse.csr_array:
    """Return how often each text has each word, float32 [text, id]."""
    text_of = np.repeat(np.arange(len(tokenized)), np.diff(tokenized.starts))
    known = (tokenized.ids >= 0) & (tokenized.ids < size)
    ones = np.ones(int(known.sum()), np.float32)
    places = (text_of[known], tokenized.ids[known])
    return sparse.coo_array((ones, places), shape=(len(tokenized), size)).tocsr()


def unit_rows(matrix: sparse.sparray, norm: int) -> sparse.csr_array:
    """Return a matrix of numbers from 0 with every row divided by its 1-norm or 2-norm."""
    lengths = (matrix**norm).sum(axis=1) ** (1 / norm)
    return (sparse.diags_array((1 / np.maximum(lengths, 1e-12)).astype(np.float32)) @ matrix).tocsr()


class DenseFit:
    """The linear model of dense features, fitted to some of the texts, for one penalty after another."""

    def __init__(
        self,
        features: Float32s,
        rows: npt.NDArray[np.bool_],
        targets: npt.NDArray[np.floating],
        weights: npt.NDArray[np.floating],
    ) -> None:
        """Prepare a fit to features [text, dimension]; `TfidfFit` has the other arguments too."""
        self._features = features
        self._design = MatrixDesign(features[rows])
        self._targets, self._weights = targets[rows], weights[rows]

    def fit(self, strength: float, start: Fitted | None = None, check: Check = ignore) -> Fitted:
        """Fit the model with a penalty of 1 / `strength`, from `start` on; `check` may raise to stop it."""
        n_features = self._features.shape[1]
        return fit_logistic(self._design, n_features, self._targets, self._weights, strength, start, check)

    def scores(self, model: Fitted, rows: npt.NDArray[np.bool_]) -> Float32s:
        """Return the scores [text, column] of a fitted model for some of the texts."""
        scores: Float32s = self._features[rows] @ model.weights + model.bias
        return scores


def to_linear(basis: Basis, model: Fitted, size: int, longest: int) -> LinearModel:
    """Return the linear model of n-grams with the scores of a model of sums."""
    return LinearModel(basis.keys, basis.vectors @ model.weights, model.bias, size, longest)


def to_pooled(basis: Basis, model: Fitted, size: int) -> TfidfModel:
    """Return the model of words with the scores of a model of means."""
    none = np.zeros(0, np.int64)
    features = TfidfFeatures(basis.keys, none, np.array([32], np.uint32), size, longest=1)
    return TfidfModel(features, basis.idf, basis.vectors @ model.weights, model.bias, norm=1)


def _one_over_length(rows: Float32s) -> np.float32:
    """Return what makes the root mean square of the rows' lengths 1."""
    return np.float32(1 / max(float(np.sqrt((rows**2).sum(axis=1).mean())), 1e-12))


def _idf(in_texts: npt.NDArray[np.integer], n_texts: int) -> Float32s:
    idf: Float32s = (np.log((1 + n_texts) / (1 + in_texts)) + 1).astype(np.float32)
    return idf
