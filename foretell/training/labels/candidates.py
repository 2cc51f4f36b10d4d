"""The linear models that a classifier can have, before one of them is fitted.

The features are n-grams weighted by naive Bayes, TF-IDF values, an SVD of TF-IDF values, and mean embeddings.
On TF-IDF values there are three models: logistic regression, naive Bayes, and the centroids of the labels.
Word vectors from outside, where there are any, extend the embeddings. With a teacher there are two students
besides: models of n-grams and of TF-IDF values, which learn from the labels and from what the teacher says of
unlabelled texts. With hints on labels there are two models, of TF-IDF values and mean embeddings, that learn
from the hints alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s
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
from foretell.training.labels.generative_fit import CentroidFit, ComplementFit
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import Check, Fitted, ignore
from foretell.training.labels.outputs import OneLabel, Outputs
from foretell.training.labels.outside_vectors import OutsideVectors
from foretell.training.labels.teacher import Teacher
from foretell.training.labels.tfidf_fit import TfidfFit, count_features
from foretell.training.labels.tokens import Soft, TokenizedTexts

Rows = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]

MAX_TOKENS = 3_000_000
"""Unlabelled tokens that the dense features are made of, at most: half a minute on two processors."""

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Inverse penalties, from the strongest penalty to the weakest."""
_NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_ON_TFIDF = (
    ("tfidf", TfidfFit, STRENGTHS, 4),
    ("bayes", ComplementFit, (1.0, 3.0, 10.0, 30.0, 100.0), 2),
    ("centroids", CentroidFit, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 3),
)
"""The models of TF-IDF values: name, fit, strengths, and the place of the first one that is tried."""

HINTED = "hinted_"
"""How the names of models begin that learn from hints alone."""


class Fit(Protocol):
    """A model on some of the texts, for one penalty after another."""

    def fit(self, strength: float, start: Any = None, check: Check = ignore) -> Any:
        """Fit the model with a penalty of 1 / `strength`, from the model `start` on."""

    def scores(self, model: Any, rows: Rows) -> Float32s:
        """Return the scores [text, column] of a fitted model for some of the texts."""


Finished = LinearModel | TfidfModel | Fitted | tuple[LinearModel | TfidfModel, ...]
"""A model for predictions; of a kept teacher the fitted one; or several models whose scores are added."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A linear model before it is fitted.

    Attributes:
        name: "ngrams", "tfidf", "bayes", "centroids", "svd", and "pooled" or, with word vectors, "vectors";
            of a student, with "taught_" before it, and of a model that learns from hints, with "hinted_".
        on: makes its `Fit` to some of the labelled texts.
        finished: makes the model for predictions of a fitted one.
        strengths: the penalties to choose among, as their inverse, ascending.
        first: the place of the one that the search begins with.
    """

    name: str
    on: Callable[[Rows], Any]
    finished: Callable[[Any, Any], Finished]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4


@dataclass(frozen=True, kw_only=True)
class LabelledTexts:
    """The texts that the models are fitted to.

    Attributes:
        texts: as they are written.
        tokenized: the same texts.
        targets: int32 [text]; float32 [text, label], NaN for unknown, where texts may have several labels.
        soft: float32 [text, label], the labels as probabilities.
        weights: float64 [text], how much each text counts; [text, label] where texts may have several labels.
        unlabelled: other texts, without labels.
        outputs: what scores mean.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    targets: npt.NDArray[Any]
    soft: Soft
    weights: Weights
    unlabelled: TokenizedTexts
    outputs: Outputs = OneLabel()  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class HintTexts:
    """Words for labels, as texts.

    Attributes:
        texts: as they are written.
        tokenized: the same texts.
        soft: float32 [hint, label], their labels as probabilities.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    soft: Soft


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of features of some texts: a `Candidate` that can learn from any targets.

    A student has the penalty 1 / `taught_strength`. It is not searched: on thousands of texts that a teacher
    labelled, the search took long and chose nearly the same penalty for all sets (docs/experiments.md).
    """

    name: str
    on: Callable[[Rows, Soft, Weights], Any]
    finished: Callable[[Any, Any], LinearModel | TfidfModel]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4
    taught_strength: float = 10.0

    def candidate(self, soft: Soft, weights: Weights) -> Candidate:
        """Return the model that learns from labels alone."""
        return Candidate(
            name=self.name,
            on=lambda rows: self.on(rows, soft, weights),
            finished=self.finished,
            strengths=self.strengths,
            first=self.first,
        )

    def student(self, soft: Soft, weights: Weights, teacher: Teacher) -> Candidate:
        """Return the model that learns from labels and from the teacher."""
        everyone = np.concatenate([weights, np.ones(teacher.n_taught)])

        def on(rows: Rows) -> _LongerFit:
            learned = np.concatenate([soft, teacher.answers(rows)])
            return _LongerFit(
                self.on(_longer(rows, teacher.n_taught, True), learned, everyone), teacher.n_taught
            )

        return Candidate(
            name=f"taught_{self.name}",
            on=on,
            finished=lambda fit, model: self.finished(fit.inner, model),
            strengths=(self.taught_strength,),
            first=0,
        )

    def hinted(self, soft: Soft, hints: HintTexts) -> Candidate:
        """Return the model that learns from hints alone, so that it is the same for every fold."""
        n, more = len(soft), len(hints.texts)
        learned, weights = np.concatenate([soft, hints.soft]), np.ones(n + more)

        def on(rows: Rows) -> _LongerFit:
            return _LongerFit(self.on(_longer(rows & False, more, True), learned, weights), more)

        return Candidate(
            name=HINTED + self.name,
            on=on,
            finished=lambda fit, model: self.finished(fit.inner, model),
        )


@dataclass(frozen=True)
class _LongerFit:
    """A model that has learned from other texts too, which follow the labelled ones."""

    inner: Any
    more: int

    def fit(self, strength: float, start: Any = None, check: Check = ignore) -> Any:
        return self.inner.fit(strength, start, check)

    def scores(self, model: Any, rows: Rows) -> Float32s:
        scores: Float32s = self.inner.scores(model, _longer(rows, self.more, False))
        return scores


def candidates(
    labelled: LabelledTexts,
    size: int,
    *,
    first: int,
    seed: int,
    vectors: OutsideVectors | None = None,
    teacher: Teacher | None = None,
    hints: HintTexts | None = None,
    max_tokens: int = MAX_TOKENS,
) -> Iterator[Candidate]:
    """Yield the models that these texts can have; the features of each are counted when it is asked for.

    Args:
        labelled: the texts.
        size: ids from 0 to `size` - 1 are known.
        first: words are the ids from here on.
        seed: of the decompositions' random start.
        vectors: word vectors from outside, or None.
        teacher: what students learn from, or None.
        hints: words for labels, or None.
        max_tokens: unlabelled tokens that the dense features are made of.
    """
    soft, weights, n_labels = labelled.soft, labelled.weights, labelled.soft.shape[1]
    texts, tokenized, n = labelled.texts, labelled.tokenized, len(labelled.texts)
    # The generative models are for texts that have one label each; others have weights [text, label].
    for kind in _sparse_kinds(texts, tokenized, size, n_labels, generative=weights.ndim == 1):
        yield kind.candidate(soft, weights)
    if teacher is not None and teacher.n_taught:
        both = tokenized.followed_by(teacher.tokenized)
        for kind in _sparse_kinds([*texts, *teacher.texts], both, size, n_labels):
            yield kind.student(soft, weights, teacher)
    known = tokenized if hints is None else tokenized.followed_by(hints.tokenized)
    everything = known.followed_by(_bounded(labelled.unlabelled, max_tokens))
    dense = _bases(everything, len(known), size, n_labels, first=first, seed=seed, vectors=vectors)
    for name, basis in dense:
        yield _of_basis(name, basis, basis.rows[:n], size).candidate(soft, weights)
        if hints is not None and basis.is_mean:
            yield _of_basis(name, basis, basis.rows, size).hinted(soft, hints)
    if hints is not None:
        for kind in _tfidf_kinds([*texts, *hints.texts], known, size, n_labels):
            yield kind.hinted(soft, hints)


def _sparse_kinds(
    texts: Sequence[str], tokenized: TokenizedTexts, size: int, n_labels: int, *, generative: bool = False
) -> Iterator[_Kind]:
    """Yield the models of n-grams and of TF-IDF values."""
    counted = count_ngrams(tokenized.ids, tokenized.starts, size, max_ngrams=default_max_ngrams(n_labels))
    yield _Kind(
        name="ngrams",
        on=lambda rows, soft, weights: NgramFit(counted, rows, soft, weights),
        finished=lambda _, model: model,
        strengths=_NGRAM_STRENGTHS,
        first=2,
        taught_strength=1.0,
    )
    yield from _tfidf_kinds(texts, tokenized, size, n_labels, generative=generative)


def _tfidf_kinds(
    texts: Sequence[str], tokenized: TokenizedTexts, size: int, n_labels: int, *, generative: bool = False
) -> Iterator[_Kind]:
    """Yield the models of TF-IDF values, unless the texts are too long for them."""
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
    everything: TokenizedTexts,
    n_rows: int,
    size: int,
    n_labels: int,
    *,
    first: int,
    seed: int,
    vectors: OutsideVectors | None,
) -> Iterator[tuple[str, Basis]]:
    """Yield an SVD of TF-IDF values and mean embeddings, with rows of the first texts."""
    max_ngrams = default_max_ngrams(n_labels)
    pairs = count_ngrams(everything.ids, everything.starts, size, longest=2, max_ngrams=max_ngrams)
    if (svd := svd_basis(pairs, n_rows, seed)) is not None:
        yield "svd", svd
    if vectors is not None:
        yield "vectors", outside_basis(everything, vectors, n_rows, first=first, seed=seed)
    elif (pooled := pooled_basis(everything, size, n_rows, first=first, seed=seed)) is not None:
        yield "pooled", pooled


def _of_basis(name: str, basis: Basis, features: Float32s, size: int) -> _Kind:
    def finished(_: Any, model: Any) -> LinearModel | TfidfModel:
        return to_pooled(basis, model, size) if basis.is_mean else to_linear(basis, model, size, 2)

    return _Kind(
        name=name,
        on=lambda rows, soft, weights: DenseFit(features, rows, soft, weights),
        finished=finished,
    )


def _bounded(texts: TokenizedTexts, max_tokens: int) -> TokenizedTexts:
    """Return the first texts, `max_tokens` tokens at most."""
    return texts.part(0, int(np.searchsorted(texts.starts, max_tokens, side="right")) - 1)


def _longer(rows: Rows, more: int, value: bool) -> Rows:
    return np.concatenate([rows, np.full(more, value)])
