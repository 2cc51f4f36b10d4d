"""The linear members that texts can have, before one of them is fitted: each is one entry here.

The features are n-grams weighted by naive Bayes, TF-IDF values, an SVD of TF-IDF values, and mean
embeddings. On TF-IDF values there are three models: logistic regression, naive Bayes, and the
centroids of the labels. Word vectors from outside, where there are any, extend the embeddings. With
an encoder as teacher there are two students besides, with hints on labels two members that learn
from the hints alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice

import numpy as np

from foretell.arrays import Mask
from foretell.config import MAX_CHARACTERS
from foretell.ngrams.counting import count_ngrams
from foretell.training.labels.dense_fit import Basis, mean_basis, svd_basis
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import LogisticFit, MatrixFit
from foretell.training.labels.members import STRENGTHS, Candidate, Fit
from foretell.training.labels.rows import Lesson, Rows
from foretell.training.labels.teacher import Teacher
from foretell.training.labels.tfidf_fit import (
    CentroidFit,
    ComplementFit,
    TfidfValues,
    count_features,
)
from foretell.training.labels.tokens import Soft, TokenizedTexts, Tokens, Weights

_MAX_TOKENS = 3_000_000
_TOKENS_PER_MINUTE = 300_000
"""Unlabelled tokens that the dense features are made of, at most and for each minute of a time
limit: half a minute, and three seconds, on two processors."""

_NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_ON_TFIDF: tuple[tuple[str, type[MatrixFit], tuple[float, ...], int], ...] = (
    ("tfidf", LogisticFit, STRENGTHS, 4),
    ("bayes", ComplementFit, (1.0, 3.0, 10.0, 30.0, 100.0), 2),
    ("centroids", CentroidFit, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 3),
)
"""The models of TF-IDF values: name, fit, strengths, and the place of the first one that is
tried.
"""


def candidates(
    rows: Rows, tokens: Tokens, *, seed: int, minutes: float = 0.0, teacher: Teacher | None = None
) -> Iterator[Candidate]:
    """Yield the members that these texts can have; the features of each are counted when it is
    asked for.

    The time limit in `minutes` bounds the unlabelled tokens of the dense features (0: none).
    """
    most = min(_MAX_TOKENS, int(_TOKENS_PER_MINUTE * minutes)) if minutes else _MAX_TOKENS
    n_read = int(np.searchsorted(rows.unlabelled.starts, most, side="right")) - 1
    everything = rows.tokenized.followed_by(rows.unlabelled.part(0, n_read))
    size = tokens.tokenizer.size
    dense = _dense_members(rows, everything, tokens, seed)
    taught = () if teacher is None or not teacher.texts else students(rows, teacher, size)
    # A Newton step takes time in proportion to the labels, and the time limit may end the choice.
    sparse = sorted(sparse_members(rows, size), key=lambda each: each.name not in _CLOSED_FORM)
    for each in chain(sparse, taught, dense):
        yield replace(each, balance=tokens.balance)
        if rows.hints and each.name in ("tfidf", "pooled", "vectors"):
            yield replace(each, name=f"hinted_{each.name}", learned=rows.hinted)


_CLOSED_FORM = ("bayes", "centroids")

TAUGHT_STRENGTHS = {"ngrams": 1.0, "tfidf": 10.0}
"""The inverse penalties of models that learn from a teacher's answers. On thousands of texts the
search took long and chose nearly the same penalty for all sets (docs/experiments.md)."""


def sparse_members(rows: Rows, size: int) -> Iterator[Candidate]:
    """Yield the models of n-grams and, unless the texts are too long for them, of TF-IDF values."""
    texts = rows.texts
    tokenized = rows.tokenized
    n_labels = rows.outputs.n_labels
    counted = count_ngrams(
        tokenized.ids, tokenized.starts, size, max_ngrams=default_max_ngrams(n_labels)
    )
    yield Candidate(
        name="ngrams",
        fit=partial(NgramFit, counted),
        finished=lambda _, model: model,
        learned=rows.labelled,
        strengths=_NGRAM_STRENGTHS,
        first=2,
    )
    if sum(map(len, texts)) > MAX_CHARACTERS:
        return
    features = count_features(tokenized, texts, size, n_columns=1 if n_labels == 2 else n_labels)

    def fit(kind: type[MatrixFit], rows: Mask, soft: Soft, weights: Weights) -> Fit:
        return kind(TfidfValues(features, rows), rows, soft, weights)

    # The generative models are for texts that have one label each; others have weights [text,
    # label].
    for name, kind, strengths, first in _ON_TFIDF if rows.weights.ndim == 1 else _ON_TFIDF[:1]:
        yield Candidate(
            name=name,
            fit=partial(fit, kind),
            finished=lambda fit, model: fit.values.model(model),
            learned=rows.labelled,
            strengths=strengths,
            first=first,
        )


def students(rows: Rows, teacher: Teacher, size: int) -> Iterator[Candidate]:
    """Yield models of n-grams and of TF-IDF values that learn from labelled texts and a teacher's
    answers.
    """
    texts = [*rows.texts, *teacher.texts]
    n = len(teacher.texts)
    both = replace(rows, texts=texts, tokenized=rows.tokenized.followed_by(teacher.tokenized))

    def learned(inside: Mask) -> Lesson:
        labelled, soft, weights = rows.labelled(inside)
        soft = np.concatenate([soft, teacher.answers(inside)])
        return np.append(labelled, np.ones(n, bool)), soft, np.append(weights, np.ones(n))

    for each in islice(sparse_members(both, size), 2):
        strength = TAUGHT_STRENGTHS[each.name]
        named = replace(each, name=f"taught_{each.name}", learned=learned, more=n)
        yield replace(named, strengths=(strength,), first=0)


def _dense_members(
    rows: Rows, everything: TokenizedTexts, tokens: Tokens, seed: int
) -> Iterator[Candidate]:
    """Yield the models of an SVD of TF-IDF values and of mean embeddings, made of all texts."""
    size = tokens.tokenizer.size
    n = len(rows.texts)
    first = tokens.tokenizer.specials
    most = default_max_ngrams(rows.outputs.n_labels)
    pairs = count_ngrams(everything.ids, everything.starts, size, longest=2, max_ngrams=most)

    def member(name: str, basis: Basis) -> Candidate:
        return Candidate(
            name=name,
            fit=partial(LogisticFit, lambda inside: basis.rows[inside]),
            finished=lambda _, model: basis.model(model, size),
            learned=rows.labelled,
        )

    if (svd := svd_basis(pairs, n, seed)) is not None:
        yield member("svd", svd)
    pooled = mean_basis(everything, size, n, first=first, seed=seed, vectors=tokens.vectors)
    if pooled is not None:
        yield member("pooled" if tokens.vectors is None else "vectors", pooled)
