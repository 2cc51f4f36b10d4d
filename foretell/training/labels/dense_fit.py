"""Dense features from labelled and unlabelled texts together, for linear models.

A basis gives each n-gram a vector, without any label. A text has the sum or the mean of the vectors
of its n-grams. Logistic regression on these is a linear model of the n-grams, whose weights are
their vectors times the coefficients: the vectors themselves are not needed for predictions.

Three bases: the truncated singular value decomposition of TF-IDF values (latent semantic analysis:
Deerwester et al., 1990, "Indexing by Latent Semantic Analysis"), embeddings from co-occurrence
statistics, and these beside word vectors from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Integers, Mask, NgramKeys
from foretell.ngrams.counting import CountedTexts
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel
from foretell.training.cooccurrence import cooccurrence_embeddings, truncated_svd
from foretell.training.labels.linear_fit import matrix_of, per_feature
from foretell.training.labels.logistic import LinearWeights
from foretell.training.labels.outside_vectors import OutsideVectors
from foretell.training.labels.tokens import TokenizedTexts

# Chosen on training records of six sets, three draws of 300 labels (docs/experiments.md).
SVD_DIMENSIONS = 150
POOLED_DIMENSIONS = 200
WINDOW = 15
"""Words on each side that count as near: a wide window shows topics and sentiment rather than
syntax.
"""


@dataclass(frozen=True, eq=False)
class Basis:
    """Vectors [feature, dimension] of some n-grams, their keys, ascending, and their weights `idf`.

    `is_mean`: a text has the mean of its n-grams' vectors, else the sum over its distinct n-grams.
    `rows` [text, dimension] are the vectors of the labelled texts.
    """

    keys: NgramKeys
    idf: Float32s
    vectors: Float32s
    is_mean: bool
    rows: Float32s

    def model(self, fitted: LinearWeights, size: int) -> LinearModel | TfidfModel:
        """Return the model of n-grams, of `size` ids, with the scores of a model of the texts'
        vectors.
        """
        weights = self.vectors @ fitted.weights
        if not self.is_mean:
            return LinearModel(self.keys, weights, fitted.bias, size, 2)
        none = np.zeros(0, np.int64)
        features = TfidfFeatures(self.keys, none, np.array([32], np.uint32), size, longest=1)
        return TfidfModel(features, self.idf, weights, fitted.bias, norm=1)


def svd_basis(counted: CountedTexts, n_rows: int, seed: int, inside: Mask) -> Basis:
    """Return the truncated SVD of the TF-IDF values of the texts `inside`, bool [text]; `n_rows`
    labelled ones come first.

    It has no n-gram where too few are in two texts.
    """
    in_texts = per_feature(counted, inside[counted.texts])
    kept = np.flatnonzero(in_texts >= 2)
    matrix = matrix_of(counted)[:, kept].tocsr()
    seen = matrix[inside]
    rank = min(SVD_DIMENSIONS, min(seen.shape) - 1)
    if rank < 1:
        return _no_basis(n_rows, is_mean=False)
    idf = idf_of(in_texts[kept], seen.shape[0])
    values = unit_rows(seen @ sparse.diags_array(idf), 2)
    _, _, right = truncated_svd(values, rank, n_iter=4, seed=seed)
    vectors = idf[:, None] * right.T.astype(np.float32)
    rows = matrix[:n_rows] @ vectors
    scale = _one_over_length(rows[_scaling(inside[:n_rows])])
    return Basis(counted.keys[kept], idf, scale * vectors, is_mean=False, rows=scale * rows)


def _no_basis(n_rows: int, *, is_mean: bool) -> Basis:
    """Return a basis without n-grams: the vector of every text is one 0."""
    return Basis(
        keys=np.zeros(0, np.int64),
        idf=np.zeros(0, np.float32),
        vectors=np.zeros((0, 1), np.float32),
        is_mean=is_mean,
        rows=np.zeros((n_rows, 1), np.float32),
    )


def mean_basis(
    tokenized: TokenizedTexts,
    size: int,
    n_rows: int,
    inside: Mask,
    *,
    first: int,
    seed: int,
    vectors: OutsideVectors | None = None,
) -> Basis:
    """Return embeddings of words from co-occurrence statistics of the texts `inside`, bool [text],
    pooled by the mean. It has no word where none has an embedding.

    `n_rows` labelled texts come first; words are the ids from `first` to `size` - 1. Word vectors
    from outside stand beside the embeddings. Their influence is in proportion to the share of the
    tokens that have one: vectors of another language cover digits and a few names only, and with
    equal influence they are noise (docs/experiments.md).
    """
    embeddings, known = cooccurrence_embeddings(
        tokenized.ids,
        tokenized.starts,
        first=first,
        size=size if vectors is None else vectors.n_words,
        width=POOLED_DIMENSIONS,
        seed=seed,
        window=WINDOW,
        by_distance=False,
        power=1.0,
        inside=inside,
    )
    kinds: list[tuple[float, Float32s]] = [(1.0, embeddings)]
    if vectors is not None:
        # Words of the vectors alone occur near no word.
        more = len(vectors.known) - vectors.n_words
        embeddings = np.pad(embeddings, ((0, more), (0, 0)))
        known = np.pad(known, (0, more)) | vectors.known
        ids = tokenized.only(inside).ids
        kinds = [(1.0, embeddings), (vectors.coverage(ids), vectors.centred(ids))]
    if not known.any():
        return _no_basis(n_rows, is_mean=True)
    keys = np.flatnonzero(known)
    counts = _count_words(tokenized, len(known))[:, keys]
    if vectors is None:
        seen = counts.indices[np.repeat(inside, np.diff(counts.indptr))]
        idf = idf_of(np.bincount(seen, minlength=len(keys)), int(inside.sum()))
    else:
        idf = vectors.frequency_weights[keys]
    labelled = counts[:n_rows]
    labelled.data = 1 + np.log(labelled.data)
    shares = unit_rows(labelled @ sparse.diags_array(idf), 1)
    # Of each kind, the means of the texts have a root mean square length in proportion to its
    # influence.
    fitted = _scaling(inside[:n_rows])
    each = [(influence, embedding[keys]) for influence, embedding in kinds]
    scaled = [
        np.float32(influence) * _one_over_length(shares[fitted] @ block) * block
        for influence, block in each
    ]
    vectors_of_words = np.concatenate(scaled, axis=1)
    rows = shares @ vectors_of_words
    scale = _one_over_length(rows[fitted])
    return Basis(keys, idf, scale * vectors_of_words, is_mean=True, rows=scale * rows)


def _count_words(tokenized: TokenizedTexts, size: int) -> sparse.csr_array:
    """Return how often each text has each word, float32 [text, id]."""
    text_of = np.repeat(np.arange(len(tokenized)), np.diff(tokenized.starts))
    known = (tokenized.ids >= 0) & (tokenized.ids < size)
    ones = np.ones(int(known.sum()), np.float32)
    places = (text_of[known], tokenized.ids[known])
    return sparse.coo_array((ones, places), shape=(len(tokenized), size)).tocsr()


def unit_rows(matrix: sparse.sparray, norm: int) -> sparse.csr_array:
    """Return a matrix of numbers from 0 with every row divided by its 1-norm or 2-norm."""
    lengths = (matrix**norm).sum(axis=1) ** (1 / norm)
    return (
        sparse.diags_array((1 / np.maximum(lengths, 1e-12)).astype(np.float32)) @ matrix
    ).tocsr()


def _scaling(labelled: Mask) -> Mask:
    """Return the labelled texts that decide about a scale: those inside, or all where none is."""
    return labelled if labelled.any() else ~labelled


def _one_over_length(rows: Float32s) -> np.float32:
    """Return what makes the root mean square of the rows' lengths 1."""
    return np.float32(1 / max(float(np.sqrt((rows**2).sum(axis=1).mean())), 1e-12))


def idf_of(in_texts: Integers, n_texts: int) -> Float32s:
    """Return the inverse document frequency of features that are in so many texts, [feature]."""
    return (np.log((1 + n_texts) / (1 + in_texts)) + 1).astype(np.float32)
