"""Text vectors: each text and each n-gram gets a vector, from which the unlabelled texts are
labelled.

All vectors have length 1. A text's vector is trained to have a large cosine with those of its
n-grams and a small one with others (Thongtan and Phienthrakul, 2019, "Sentiment Classification
Using Document Embeddings Trained with Cosine Similarity"):

    maximise  log σ(α cos(text, its n-gram)) + Σ over a few others of log σ(-α cos(text, other))

N-grams are sampled in proportion to the square of their log-count ratio, which the linear model
uses as well. The vectors then represent what the labels depend on, and training takes a fraction of
the time (Zhang and Arefyev, 2022, "The Document Vectors Using Cosine Similarity Revisited"). Texts
without a common n-gram have similar vectors if other texts use their n-grams alike; no sum over
n-grams shows this.

The result does not depend on the number of cores. Texts and n-grams are cut into `_PARTS` parts
each, and at any time each part of the texts is trained on one part of the n-grams that no other
part uses (Gemulla et al., 2011, "Large-Scale Matrix Factorization with Distributed Stochastic
Gradient Descent").
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from foretell.arrays import Float32s, Float64s, Int32s, Int64s, LogProbabilities
from foretell.machine import usable_processors
from foretell.ngrams.counting import CountedTexts
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.linear_fit import influential, matrix_of
from foretell.training.labels.logistic import Check, LinearWeights, LogisticFit, ignore
from foretell.training.labels.rows import hard_rows

F = np.float32
U = np.uint64

ALPHA = 6.0
"""The factor α of the cosines: the largest possible log-odds."""

LEARNING_RATE = 0.1
"""Learning rate of the first pass; it decreases linearly to zero."""

PASSES = 12
"""Maximum number of passes over all texts; more gave no better labels."""

WIDTH = 64
"""Dimensions of a vector; 128 gave no better labels."""

NEGATIVES = 5
"""Negative samples for each n-gram of a text, drawn with the frequency of the n-grams in
training.
"""

_SMOOTHING = 2.0
"""Smoothing counts of each label and of the others."""

_MIN_DRAWN = 0.004
"""N-grams with a lower sampling rate are left out: they carry no information about the labels."""

_CONFIDENCE = 0.03
"""C of the logistic regression (scikit-learn); a third or three times this value does as well."""

_PARTS = 8
_TABLE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Vectors of texts and of n-grams, [.., width], of length 1; n-grams that are never drawn have
    zeros.

    `drawn`, float32 [n-gram], is how often each is drawn where a text holds it.
    """

    texts: Float32s
    ngrams: Float32s
    drawn: Float32s


def make_vectors(
    counted: CountedTexts,
    soft: Float32s,
    *,
    seed: int,
    width: int = WIDTH,
    seconds: float = math.inf,
    check: Check = ignore,
) -> Vectors:
    """Make the vectors of the counted texts, which have these probabilities [text, label], and of
    n-grams.

    The duration of the passes decides how many fit into the `seconds`, 1 to `PASSES`; `check` is
    called after each, and may raise to stop.
    """
    began = time.monotonic()
    rng = np.random.default_rng(seed)
    texts = _random_units(rng, counted.n_texts, width)
    often = drawn(counted, soft)
    ngrams = np.zeros((len(often), width), np.float32)
    use = np.diff(counted.starts) * often.astype(np.float64)
    order = np.argsort(-use, kind="stable")[: np.count_nonzero(often)]
    if len(order) < _PARTS:
        return Vectors(texts=texts, ngrams=ngrams, drawn=often)
    parts = _cut(counted, often, use, order, rng, width)
    shuffled = rng.permutation(counted.n_texts)
    orders = [shuffled[first::_PARTS].astype(np.int64) for first in range(_PARTS)]
    done = 0
    passes = PASSES
    first_began = time.monotonic()
    with ThreadPoolExecutor(min(_PARTS, usable_processors())) as threads:
        while done < passes:
            rate = F(LEARNING_RATE * (1 - done / passes))
            for shift in range(_PARTS):
                seeds = rng.integers(1, 1 << 62, _PARTS).astype(np.uint64)
                turned = parts[shift:] + parts[:shift]
                learn = [partial(_learn, texts, *part) for part in turned]
                list(threads.map(lambda do, *how: do(*how), learn, orders, [rate] * _PARTS, seeds))
            done += 1
            if seconds < math.inf:
                now = time.monotonic()
                more = int((seconds - (now - began)) * done / max(now - first_began, 1e-9))
                passes = done + max(0, min(passes - done, more))
            check()
    for first, part in enumerate(parts):
        ngrams[order[first::_PARTS]] = part.vectors / np.linalg.norm(
            part.vectors, axis=1, keepdims=True
        )
    return Vectors(texts=texts, ngrams=ngrams, drawn=often)


def label(vectors: Vectors, targets: Int32s, n_labels: int) -> LogProbabilities:
    """Return the log-probabilities [text, label] of all texts by logistic regression on the first
    vectors.
    """
    # Numbers of about 1, or the penalty would mean another thing for each width.
    scaled = vectors.texts * F(vectors.texts.shape[1] ** 0.5)
    found = _regression(scaled[: len(targets)], targets, n_labels)
    return linear_log_probabilities(scaled @ found.weights + found.bias)


def to_linear_model(
    counted: CountedTexts, vectors: Vectors, targets: Int32s, n_labels: int
) -> LinearModel:
    """Return a linear model for texts to come, which have no vector of their own.

    It is logistic regression on the sum of the vectors of a text's n-grams, each as much as it is
    drawn.
    """
    weighted = vectors.ngrams * vectors.drawn[:, None]
    sums = (matrix_of(counted).tocsr()[: len(targets)] @ weighted).astype(np.float32)
    scale = F(1 / max(float(sums.std()), 1e-9))
    found = _regression(scale * sums, targets, n_labels)
    weights = weighted @ (scale * found.weights)
    kept = influential(weights, np.diff(counted.starts))
    return LinearModel(counted.keys[kept], weights[kept], found.bias, counted.size, counted.longest)


def _regression(inputs: Float32s, targets: Int32s, n_labels: int) -> LinearWeights:
    rows = hard_rows(targets, np.ones(len(targets)), n_labels)
    return LogisticFit(lambda texts: inputs[texts], rows).fit(_CONFIDENCE)


def drawn(counted: CountedTexts, soft: Float32s) -> Float32s:
    """Return how often each n-gram is drawn where a text holds it, float32 [feature], from 0 to 1.

    It is the square of the log-count ratio, how much oftener texts of a label hold the n-gram than
    others do: the largest over the labels.
    """
    mass = np.asarray(matrix_of(counted).T @ soft, np.float64)  # [feature, label]
    others = np.diff(counted.starts)[:, None] - mass
    ratio = _log_shares(mass) - _log_shares(others)
    found = np.minimum(1.0, np.abs(ratio).max(axis=1) ** 2).astype(np.float32)
    return np.where(found < _MIN_DRAWN, F(0), found)


def _log_shares(counts: Float64s) -> Float64s:
    smoothed = np.maximum(counts, 0) + _SMOOTHING
    shares: Float64s = np.log(smoothed / smoothed.sum(axis=0))
    return shares


def _random_units(rng: np.random.Generator, n: int, width: int) -> Float32s:
    found = rng.standard_normal((n, width), np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


class _Part(NamedTuple):
    """A part of the n-grams.

    Attributes:
        vectors: float32 [n-gram, width].
        drawn: uint64 [n-gram], how often each is drawn, of 2³².
        starts, held: the n-grams of text i are held[starts[i]:starts[i + 1]].
        table: int32, n-grams as often as they are drawn in all, shuffled.
    """

    vectors: Float32s
    drawn: npt.NDArray[np.uint64]
    starts: Int64s
    held: Int32s
    table: Int32s


def _cut(
    counted: CountedTexts,
    often: Float32s,
    use: Float64s,
    order: Int64s,
    rng: np.random.Generator,
    width: int,
) -> list[_Part]:
    """Cut the n-grams `order`, the most used first, into `_PARTS` parts of about equal `use`."""
    held = matrix_of(counted)
    parts = []
    for first in range(_PARTS):
        mine = order[first::_PARTS]
        rows = held[:, mine].tocsr()
        times = rng.multinomial(_TABLE, use[mine] / use[mine].sum())
        parts.append(
            _Part(
                vectors=_random_units(rng, len(mine), width),
                drawn=(often[mine].astype(np.float64) * 2.0**32).astype(np.uint64),
                starts=rows.indptr.astype(np.int64),
                held=rows.indices.astype(np.int32),
                table=rng.permutation(np.repeat(np.arange(len(mine), dtype=np.int32), times)),
            )
        )
    return parts


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _learn(texts, ngrams, drawn, starts, held, table, order, rate, seed):  # type: ignore[no-untyped-def]
    """Let some texts learn, in the order [place], from the n-grams of one part, and these from
    them.

    Vectors, [text, width] and [n-gram, width], are changed in place; `seed` is uint64, not 0.
    """
    width = texts.shape[1]
    state = seed
    place = np.int64(seed % U(_TABLE))
    for i in order:
        text = texts[i]
        for e in range(starts[i], starts[i + 1]):
            state = state * U(6364136223846793005) + U(1442695040888963407)
            if (state >> U(32)) >= drawn[held[e]]:
                continue
            for k in range(NEGATIVES + 1):
                ngram = ngrams[held[e]]
                if k:
                    ngram = ngrams[table[place]]
                    place = (place + 1) & (_TABLE - 1)
                cosine = F(0)
                square = F(0)
                for j in range(width):
                    cosine += text[j] * ngram[j]
                    square += ngram[j] * ngram[j]
                # Rounding would let lengths drift.
                scale = F(1) / np.sqrt(square)
                cosine *= scale
                wanted = F(1) if k == 0 else F(0)
                step = rate * (wanted - F(1) / (F(1) + np.exp(-F(ALPHA) * cosine)))
                # A step along the sphere, which lengthens both by √(1 + step² (1 - cosine²)).
                shorten = F(1) / np.sqrt(F(1) + step * step * (F(1) - cosine * cosine))
                stay = (F(1) - step * cosine) * shorten
                move = step * shorten
                for j in range(width):
                    x = text[j]
                    y = ngram[j] * scale
                    text[j] = stay * x + move * y
                    ngram[j] = stay * y + move * x
        square = F(0)
        for j in range(width):
            square += text[j] * text[j]
        for j in range(width):
            text[j] /= np.sqrt(square)
