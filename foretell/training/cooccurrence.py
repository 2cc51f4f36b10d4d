"""Embeddings from co-occurrence statistics: what a network's embedding is initialised with.

Words that occur near the same words get similar embeddings, without any label. The positive
pointwise mutual information of two words near each other makes a sparse matrix [word, context]; its
truncated singular value decomposition gives the embeddings. Skip-gram with negative sampling
factorises the same matrix implicitly (Levy and Goldberg, 2014, "Neural Word Embedding as Implicit
Matrix Factorization"). Window weights, smoothed contexts and U √S follow Levy, Goldberg and Dagan
(2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings").
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from foretell.arrays import Float32s, Integers, Mask, TokenIds
from foretell.ngrams.keys import parts

WINDOW = 5
"""Words on each side that count as near: the next one with weight 1, the farthest with 1 /
WINDOW.
"""

MAX_CONTEXTS = 10_000
"""Only the most frequent words are contexts: rare ones add little information and much time."""

_SMOOTHING = 0.75
"""Exponent of the contexts' counts: it lowers the weight of rare contexts, whose counts are
noise.
"""

SPREAD = 0.3
"""Standard deviation of all values of a classifier's embeddings."""

_WORDS_AT_ONCE = 1 << 22
_MAX_WORDS = 40_000_000
"""Words that are counted, about: more change the statistics of frequent words little."""


def cooccurrence_embeddings(
    ids: TokenIds,
    starts: Integers,
    *,
    first: int,
    size: int,
    width: int,
    seed: int,
    window: int = WINDOW,
    by_distance: bool = True,
    power: float = 0.5,
    spread: float = SPREAD,
    seconds: float = math.inf,
    inside: Mask | None = None,
) -> tuple[Float32s, Mask]:
    """Return embeddings of the words of some texts, float32 [size, width], and which have one, bool
    [size].

    Text i is ids[starts[i]:starts[i + 1]]. Words are the ids from `first` to `size` - 1, the more
    frequent ones first. Within `window` words on each side the next one counts 1 and the farthest 1
    / window, or all count 1. `power` is the exponent of the singular values, `spread` the standard
    deviation of all values. Of many texts a random part is counted; where the `seconds` for
    counting end, the words counted so far are used, four million at least. Texts that are not
    `inside`, bool [text], are not counted; None: all are.
    """
    if inside is None:
        inside = np.ones(len(starts) - 1, bool)
    words = _in_parts(ids, starts, inside, first, size, window, seed)
    matrix = _associations(_near(words, size, window, seconds, by_distance=by_distance))
    rank = min(width, *matrix.shape)
    embeddings = np.zeros((size, width), np.float32)
    if matrix.nnz:
        left, values, _ = truncated_svd(matrix, rank, n_iter=2, seed=seed)
        embeddings[:, :rank] = left * values**power
    known = np.asarray(np.diff(matrix.indptr) > 0)
    embeddings[~known] = 0
    if known.any():
        embeddings *= spread / max(float(embeddings[known].std()), 1e-9)
    return embeddings, known


def truncated_svd(
    matrix: sparse.csr_array, rank: int, *, n_iter: int, seed: int
) -> tuple[Float32s, Float32s, Float32s]:
    """Return left vectors [row, rank], values [rank] and right vectors [rank, column] of a random
    SVD.

    The values are scikit-learn's `randomized_svd`, whose import takes most of a second (Halko,
    Martinsson and Tropp, 2011, "Finding Structure with Randomness", algorithms 4.4 and 5.1). BLAS
    computes in one thread: where other programs use the processors, threads that wait for each
    other took up to fifty times as long.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    basis = np.random.RandomState(seed).normal(size=(tall.shape[1], rank + 10)).astype(np.float32)
    with threadpool_limits(1):
        for _ in range(n_iter):
            for side in (tall, tall.T):
                basis = side @ basis
                if n_iter > 2:
                    basis = linalg.lu(basis, permute_l=True)[0]
        basis = linalg.qr(tall @ basis, mode="economic")[0]
        left, values, right = linalg.svd(basis.T @ tall, full_matrices=False)
        left = basis @ left
    if tall is not matrix:
        left, right = right.T, left.T
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(len(values))])
    return (left * signs)[:, :rank], values[:rank], (right.T * signs).T[:rank]


def _near(
    parts_of_words: Iterable[tuple[TokenIds, Integers]],
    size: int,
    window: int,
    seconds: float,
    *,
    by_distance: bool,
) -> sparse.csr_array:
    """Return how often each word has each context near it: [word, context]."""
    after = sparse.csr_array((size, size), dtype=np.float32)
    began = time.monotonic()
    counted = 0
    for words, text_of in parts_of_words:
        if counted and (counted >= _MAX_WORDS or time.monotonic() - began > seconds):
            break
        for distance in range(1, window + 1):
            left = words[:-distance][:_WORDS_AT_ONCE]
            right = words[distance:][: len(left)]
            together = text_of[:-distance][: len(left)] == text_of[distance:][: len(left)]
            left = left[together]
            right = right[together]
            weight = (window + 1 - distance) / window if by_distance else 1.0
            weights = np.full(len(left), weight, np.float32)
            after = after + sparse.coo_array((weights, (left, right)), shape=(size, size)).tocsr()
        counted += len(words)
    return (after + after.T).tocsr()[:, : min(size, MAX_CONTEXTS)]


def _in_parts(
    ids: TokenIds,
    starts: Integers,
    inside: Mask,
    first: int,
    size: int,
    window: int,
    seed: int,
) -> Iterator[tuple[TokenIds, Integers]]:
    """Yield the words of some texts, and the text of each, in parts of about `_WORDS_AT_ONCE`.

    Each pair of words takes twelve bytes before equal ones are summed. The parts are in a random
    order: of sorted texts the first ones are alike. Each part of a long text has the first `window`
    words of the next part too.
    """
    several = list(parts(starts, _WORDS_AT_ONCE))
    for place in np.random.default_rng(seed).permutation(len(several)):
        begin, end = several[place]
        part = ids[starts[begin] : starts[end]]
        lengths = np.diff(starts[begin : end + 1])
        is_word = (part >= first) & (part < size) & np.repeat(inside[begin:end], lengths)
        words = part[is_word]
        text_of = np.repeat(np.arange(end - begin, dtype=np.int32), lengths)[is_word]
        for at in range(0, len(words), _WORDS_AT_ONCE):
            piece = slice(at, at + _WORDS_AT_ONCE + window)
            yield words[piece], text_of[piece]


def _associations(near: sparse.csr_array) -> sparse.csr_array:
    """Return the positive pointwise mutual information: log(P(word, context) / P(word) P(context))
    or 0.
    """
    words = np.asarray(near.sum(axis=1)).ravel()
    contexts = np.asarray(near.sum(axis=0)).ravel() ** _SMOOTHING
    contexts = contexts / max(float(contexts.sum()), 1e-9)
    pairs = near.tocoo()
    information = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    is_positive = information > 0
    positive = (
        information[is_positive].astype(np.float32),
        (pairs.row[is_positive], pairs.col[is_positive]),
    )
    return sparse.coo_array(positive, shape=near.shape).tocsr()
