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
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from foretell.arrays import Float32s, Float64s
from foretell.config import MAX_CHARACTERS
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.dense_fit import (
    Basis,
    DenseFit,
    outside_basis,
    pooled_basis,
    svd_basis,
    to_linear,
    to_pooled,
)
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import STRENGTHS, Candidate
from foretell.training.labels.rows import Mask, Rows
from foretell.training.labels.teacher import Teacher
from foretell.training.labels.tfidf_fit import CentroidFit, ComplementFit, TfidfFit, count_features
from foretell.training.labels.tokenized import Soft, TokenizedTexts
from foretell.training.labels.tokens import Tokens

_MAX_TOKENS, _TOKENS_PER_MINUTE = 3_000_000, 300_000
"""Unlabelled tokens that the dense features are made of, at most and for each minute of a time limit: half a
minute, and three seconds, on two processors."""

HINTED = "hinted_"
"""How the names of members begin that learn from hints alone."""

_NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_ON_TFIDF = (
    ("tfidf", TfidfFit, STRENGTHS, 4),
    ("bayes", ComplementFit, (1.0, 3.0, 10.0, 30.0, 100.0), 2),
    ("centroids", CentroidFit, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 3),
)
"""The models of TF-IDF values: name, fit, strengths, and the place of the first one that is tried."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of features of some texts: a `Candidate` that can learn from any targets.

    A student has the penalty 1 / `taught_strength`. It is not searched: on thousands of texts that a teacher
    labelled, the search took long and chose nearly the same penalty for all sets (docs/experiments.md).
    """

    name: str
    on: Callable[[Mask, Soft, Float64s], Any]
    finished: Callable[[Any, Any], LinearModel | TfidfModel]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4
    taught_strength: float = 10.0

    def candidate(self, rows: Rows) -> Candidate:
        """Return the member that learns from the labelled texts alone."""
        return Candidate(
            name=self.name,
            on=lambda inside: self.on(inside & rows.is_labelled, rows.soft, rows.weights),
            finished=self.finished,
            strengths=self.strengths,
            first=self.first,
        )

    def hinted(self, rows: Rows) -> Candidate:
        """Return the member that learns from the hints alone, so that it is the same for every fold."""
        hints, ones = ~rows.is_labelled, np.ones(len(rows.texts))
        return Candidate(
            name=HINTED + self.name,
            on=lambda _: self.on(hints, rows.soft, ones),
            finished=self.finished,
        )

    def student(
        self, rows: Rows, n_taught: int, answers: Callable[[Mask], Soft], weight: float = 1.0
    ) -> Candidate:
        """Return the member that learns from labelled texts and from a teacher of the `n_taught` that follow.

        `answers` are its probabilities [text, label] after learning from some of the labelled ones.
        """
        everyone = np.concatenate([rows.weights, np.full(n_taught, weight)])

        def on(inside: Mask) -> _LongerFit:
            learned = np.concatenate([rows.soft, answers(inside)])
            longer = np.concatenate([inside & rows.is_labelled, np.ones(n_taught, bool)])
            return _LongerFit(self.on(longer, learned, everyone), n_taught)

        return Candidate(
            name=f"taught_{self.name}",
            on=on,
            finished=lambda fit, model: self.finished(fit.inner, model),
            strengths=(self.taught_strength,),
            first=0,
        )


@dataclass(frozen=True)
class _LongerFit:
    """A member that has learned from other texts too, which follow the labelled ones."""

    inner: Any
    more: int

    def fit(self, strength: float, start: Any = None, check: Check = ignore) -> Any:
        return self.inner.fit(strength, start, check)

    def scores(self, model: Any, rows: Mask) -> Float32s:
        scores: Float32s = self.inner.scores(model, np.concatenate([rows, np.zeros(self.more, bool)]))
        return scores


def candidates(
    rows: Rows, tokens: Tokens, *, seed: int, minutes: float = 0.0, teacher: Teacher | None = None
) -> Iterator[Candidate]:
    """Yield the members that these texts can have; the features of each are counted when it is asked for.

    Args:
        rows: the texts.
        tokens: the tokenizer, word vectors and class weights are read.
        seed: of the decompositions' random start.
        minutes: the time limit, which bounds the unlabelled tokens of the dense features; 0: none.
        teacher: what students learn from, or None.
    """
    found = _all(rows, tokens, seed=seed, minutes=minutes, teacher=teacher)
    if tokens.balance is None:
        return found
    # Hints have no class weights.
    return (each if each.name.startswith(HINTED) else each.balanced(tokens.balance) for each in found)


def _all(
    rows: Rows, tokens: Tokens, *, seed: int, minutes: float, teacher: Teacher | None
) -> Iterator[Candidate]:
    size, n_labels = tokens.tokenizer.size, rows.outputs.n_labels
    # The generative models are for texts that have one label each; others have weights [text, label].
    generative = rows.weights.ndim == 1
    for kind in sparse_kinds(rows.texts, rows.tokenized, size, n_labels, generative=generative):
        yield kind.candidate(rows)
        if rows.hints and kind.name == "tfidf":
            yield kind.hinted(rows)
    if teacher is not None and teacher.n_taught:
        both = rows.tokenized.followed_by(teacher.tokenized)
        for kind in sparse_kinds([*rows.texts, *teacher.texts], both, size, n_labels):
            yield kind.student(rows, teacher.n_taught, teacher.answers)
    most = min(_MAX_TOKENS, int(_TOKENS_PER_MINUTE * minutes)) if minutes else _MAX_TOKENS
    everything = rows.tokenized.followed_by(_bounded(rows.unlabelled, most))
    for name, basis in _bases(everything, len(rows.texts), tokens, n_labels, seed):
        kind = _of_basis(name, basis, size)
        yield kind.candidate(rows)
        if rows.hints and basis.is_mean:
            yield kind.hinted(rows)


def sparse_kinds(
    texts: Sequence[str], tokenized: TokenizedTexts, size: int, n_labels: int, *, generative: bool = False
) -> Iterator[_Kind]:
    """Yield the models of n-grams and, unless the texts are too long for them, of TF-IDF values."""
    counted = count_ngrams(tokenized.ids, tokenized.starts, size, max_ngrams=default_max_ngrams(n_labels))
    yield _Kind(
        name="ngrams",
        on=lambda rows, soft, weights: NgramFit(counted, rows, soft, weights),
        finished=lambda _, model: model,
        strengths=_NGRAM_STRENGTHS,
        first=2,
        taught_strength=1.0,
    )
    if sum(map(len, texts)) > MAX_CHARACTERS:
        return
    features = count_features(tokenized, texts, size, n_columns=1 if n_labels == 2 else n_labels)
    for name, fit, strengths, first in _ON_TFIDF if generative else _ON_TFIDF[:1]:
        yield _Kind(
            name=name,
            on=partial(fit, features),
            finished=lambda fit, model: fit.to_tfidf(model),
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
    if tokens.vectors is not None:
        yield "vectors", outside_basis(everything, tokens.vectors, n_rows, first=first, seed=seed)
    elif (pooled := pooled_basis(everything, size, n_rows, first=first, seed=seed)) is not None:
        yield "pooled", pooled


def _of_basis(name: str, basis: Basis, size: int) -> _Kind:
    def finished(_: Any, model: Any) -> LinearModel | TfidfModel:
        return to_pooled(basis, model, size) if basis.is_mean else to_linear(basis, model, size, 2)

    return _Kind(
        name=name,
        on=lambda rows, soft, weights: DenseFit(basis.rows, rows, soft, weights),
        finished=finished,
    )


def _bounded(texts: TokenizedTexts, max_tokens: int) -> TokenizedTexts:
    """Return the first texts, `max_tokens` tokens at most."""
    return texts.part(0, int(np.searchsorted(texts.starts, max_tokens, side="right")) - 1)
