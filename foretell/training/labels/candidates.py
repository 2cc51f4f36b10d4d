"""The linear members that texts can have, before one of them is fitted: each is one entry here.

The features are n-grams weighted by naive Bayes, TF-IDF values, an SVD of TF-IDF values, and mean embeddings.
On TF-IDF values there are three models: logistic regression, naive Bayes, and the centroids of the labels.
Word vectors from outside, where there are any, extend the embeddings. With a teacher there are two students
besides: models of n-grams and of TF-IDF values, which learn from the labels and from the teacher's answers to
unlabelled texts. With hints on labels there are two, of TF-IDF values and mean embeddings, that learn from
the hints alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from foretell.config import MAX_CHARACTERS
from foretell.ngrams.counting import count_ngrams
from foretell.training.labels.dense_fit import Basis, mean_basis, svd_basis
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import LogisticFit, MatrixFit
from foretell.training.labels.members import STRENGTHS, Candidate, Fit
from foretell.training.labels.rows import Lesson, Mask, Rows
from foretell.training.labels.teacher import Teacher
from foretell.training.labels.tfidf_fit import CentroidFit, ComplementFit, TfidfValues, count_features
from foretell.training.labels.tokens import Soft, TokenizedTexts, Tokens, Weights

_MAX_TOKENS, _TOKENS_PER_MINUTE = 3_000_000, 300_000
"""Unlabelled tokens that the dense features are made of, at most and for each minute of a time limit: half a
minute, and three seconds, on two processors."""

HINTED = "hinted_"
"""How the names of members begin that learn from hints alone."""

_NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_ON_TFIDF: tuple[tuple[str, type[MatrixFit], tuple[float, ...], int], ...] = (
    ("tfidf", LogisticFit, STRENGTHS, 4),
    ("bayes", ComplementFit, (1.0, 3.0, 10.0, 30.0, 100.0), 2),
    ("centroids", CentroidFit, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 3),
)
"""The models of TF-IDF values: name, fit, strengths, and the place of the first one that is tried."""

_TAUGHT_STRENGTHS = {"ngrams": 1.0, "tfidf": 10.0}
"""The inverse penalties of students. They are not searched: on thousands of texts that a teacher labelled,
the search took long and chose nearly the same penalty for all sets (docs/experiments.md)."""


def candidates(
    rows: Rows, tokens: Tokens, *, seed: int, minutes: float = 0.0, teacher: Teacher | None = None
) -> Iterator[Candidate]:
    """Yield the members that these texts can have; the features of each are counted when it is asked for.

    The decompositions start at random, with the `seed`. The time limit in `minutes` bounds the unlabelled
    tokens of the dense features (0: none). Students learn from the teacher.
    """
    size, n_labels = tokens.tokenizer.size, rows.outputs.n_labels
    # The generative models are for texts that have one label each; others have weights [text, label].
    generative = rows.weights.ndim == 1
    for each in _sparse(rows.texts, rows.tokenized, size, n_labels, rows.labelled, generative=generative):
        yield replace(each, balance=tokens.balance)
        if rows.hints and each.name == "tfidf":
            yield replace(each, name=HINTED + each.name, learned=rows.hinted)
    if teacher is not None and teacher.texts:
        yield from students(rows, teacher.texts, teacher.tokenized, size, teacher.answers)
    most = min(_MAX_TOKENS, int(_TOKENS_PER_MINUTE * minutes)) if minutes else _MAX_TOKENS
    n_read = int(np.searchsorted(rows.unlabelled.starts, most, side="right")) - 1
    everything = rows.tokenized.followed_by(rows.unlabelled.part(0, n_read))
    for name, basis in _bases(everything, len(rows.texts), tokens, n_labels, seed):
        member = _of_basis(name, basis, size, rows)
        yield replace(member, balance=tokens.balance)
        if rows.hints and basis.is_mean:
            yield replace(member, name=HINTED + name, learned=rows.hinted)


def students(
    rows: Rows,
    texts: Sequence[str],
    tokenized: TokenizedTexts,
    size: int,
    answers: Callable[[Mask], Soft],
) -> Iterator[Candidate]:
    """Yield models of n-grams and of TF-IDF values that learn from labelled texts and from a teacher.

    The teacher's `answers` are as `Rows.with_teacher` has them, to the texts, as written and tokenized.
    """
    learned, both = rows.with_teacher(len(texts), answers), rows.tokenized.followed_by(tokenized)
    for each in _sparse([*rows.texts, *texts], both, size, rows.outputs.n_labels, learned):
        strengths = (_TAUGHT_STRENGTHS[each.name],)
        yield replace(each, name=f"taught_{each.name}", strengths=strengths, first=0, more=len(texts))


def alone(rows: Rows, size: int) -> Iterator[Candidate]:
    """Yield the models of `students` without a teacher."""
    return _sparse(rows.texts, rows.tokenized, size, rows.outputs.n_labels, rows.labelled)


def _sparse(
    texts: Sequence[str],
    tokenized: TokenizedTexts,
    size: int,
    n_labels: int,
    learned: Callable[[Mask], Lesson],
    *,
    generative: bool = False,
) -> Iterator[Candidate]:
    """Yield the models of n-grams and, unless the texts are too long for them, of TF-IDF values."""
    counted = count_ngrams(tokenized.ids, tokenized.starts, size, max_ngrams=default_max_ngrams(n_labels))
    yield Candidate(
        name="ngrams",
        fit=partial(NgramFit, counted),
        finished=lambda _, model: [model],
        learned=learned,
        strengths=_NGRAM_STRENGTHS,
        first=2,
    )
    if sum(map(len, texts)) > MAX_CHARACTERS:
        return
    features = count_features(tokenized, texts, size, n_columns=1 if n_labels == 2 else n_labels)

    def fit(kind: type[MatrixFit], rows: Mask, soft: Soft, weights: Weights) -> Fit:
        return kind(TfidfValues(features, rows), rows, soft, weights)

    for name, kind, strengths, first in _ON_TFIDF if generative else _ON_TFIDF[:1]:
        yield Candidate(
            name=name,
            fit=partial(fit, kind),
            finished=lambda fit, model: [fit.values.model(model)],
            learned=learned,
            strengths=strengths,
            first=first,
        )


def _bases(
    everything: TokenizedTexts, n_rows: int, tokens: Tokens, n_labels: int, seed: int
) -> Iterator[tuple[str, Basis]]:
    """Yield an SVD of TF-IDF values and mean embeddings, with vectors of the first texts."""
    size, first = tokens.tokenizer.size, tokens.tokenizer.specials
    max_ngrams = default_max_ngrams(n_labels)
    pairs = count_ngrams(everything.ids, everything.starts, size, longest=2, max_ngrams=max_ngrams)
    if (svd := svd_basis(pairs, n_rows, seed)) is not None:
        yield "svd", svd
    pooled = mean_basis(everything, size, n_rows, first=first, seed=seed, vectors=tokens.vectors)
    if pooled is not None:
        yield "pooled" if tokens.vectors is None else "vectors", pooled


def _of_basis(name: str, basis: Basis, size: int, rows: Rows) -> Candidate:
    return Candidate(
        name=name,
        fit=partial(LogisticFit, lambda inside: basis.rows[inside]),
        finished=lambda _, model: [basis.model(model, size)],
        learned=rows.labelled,
    )
