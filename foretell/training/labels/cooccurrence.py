"""Vectors of words, made of which words stand near which: what a network's embedding starts from.

Words that are used alike get vectors that are alike, from texts without any label. How much oftener than by
chance two words stand near each other (positive pointwise mutual information) makes a sparse matrix [word,
context]; its truncated singular value decomposition is the vectors. This is what skip-gram with negative
sampling factorises without writing it down (Levy and Goldberg, 2014, "Neural Word Embedding as Implicit
Matrix Factorization"); window weights, smoothed contexts and U √S as in Levy, Goldberg and Dagan (2015,
"Improving Distributional Similarity with Lessons Learned from Word Embeddings").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ids = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

WINDOW = 5
"""Words to each side that are near; the next one counts 1, the farthest 1 / WINDOW."""

MOST_CONTEXTS = 10_000
"""Only the most frequent words are looked for near others: the rare ones tell little and cost much."""

_SMOOTHING = 0.75
"""Power of the contexts' counts: rare contexts tell less than their few coincidences say."""

_SPREAD = 0.3
"""Standard deviation of all numbers of the vectors."""

_WORDS_AT_ONCE = 1 << 22


def word_vectors(
    ids: Ids, starts: Starts, *, first: int, size: int, width: int, seed: int
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    """Return the vectors of the words of some texts.

    Args:
        ids: [word], the texts one after another, the more frequent words with the lower ids.
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]]. Words of two texts are not near.
        first, size: words are the ids from `first` to `size` - 1; others are passed over.
        width: numbers in a vector.
        seed: of the decomposition's random start.

    Returns:
        float32 [size, width], and bool [size]: which words have a vector. The others, which stand near
        nothing, have zeros; so have the last numbers of all where there are fewer words than `width`.
    """
    from sklearn.utils.extmath import randomized_svd

    matrix = _associations(_near(ids, starts, first, size))
    rank = min(width, *matrix.shape)
    vectors = np.zeros((size, width), np.float32)
    if matrix.nnz:
        left, values, _ = randomized_svd(matrix, rank, n_oversamples=10, n_iter=2, random_state=seed)
        vectors[:, :rank] = left * np.sqrt(values)
    known = np.asarray(np.diff(matrix.indptr) > 0)
    vectors[~known] = 0
    if known.any():
        vectors *= _SPREAD / max(float(vectors[known].std()), 1e-9)
    return vectors, known


def _near(ids: Ids, starts: Starts, first: int, size: int) -> sparse.csr_array:
    """Return how often each word has each context near it, weighted by distance: [word, context]."""
    is_word = (ids >= first) & (ids < size)
    words = ids[is_word]
    text_of = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))[is_word]
    after = sparse.csr_array((size, size), dtype=np.float32)
    # In parts, because each pair of words takes twelve bytes before equal ones are summed.
    for begin in range(0, len(words), _WORDS_AT_ONCE):
        part = slice(begin, begin + _WORDS_AT_ONCE + WINDOW)
        for distance in range(1, WINDOW + 1):
            left = words[part][:-distance][:_WORDS_AT_ONCE]
            right = words[part][distance:][: len(left)]
            together = text_of[part][:-distance][: len(left)] == text_of[part][distance:][: len(left)]
            left, right = left[together], right[together]
            weights = np.full(len(left), (WINDOW + 1 - distance) / WINDOW, np.float32)
            after = after + sparse.coo_array((weights, (left, right)), shape=(size, size)).tocsr()
    both: sparse.csr_array = (after + after.T).tocsr()[:, : min(size, MOST_CONTEXTS)]
    return both


def _associations(near: sparse.csr_array) -> sparse.csr_array:
    """Return the positive pointwise mutual information: log(P(word, context) / P(word) P(context)) or 0."""
    words = np.asarray(near.sum(axis=1)).ravel()
    contexts = np.asarray(near.sum(axis=0)).ravel() ** _SMOOTHING
    contexts = contexts / max(float(contexts.sum()), 1e-9)
    pairs = near.tocoo()
    information = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    kept = information > 0
    found = (information[kept].astype(np.float32), (pairs.row[kept], pairs.col[kept]))
    return sparse.coo_array(found, shape=near.shape).tocsr()
