"""The linear members of the ensemble: linear models with different features.

The features are n-grams weighted by naive Bayes, TF-IDF values, an SVD of TF-IDF values, and mean embeddings.
Word vectors from outside, where there are any, extend the embeddings. Out-of-fold predictions give the
weights of the members in a logarithmic opinion pool. Then the members are fitted to all labelled texts. A
weighted sum of linear models is a linear model: the members that sum over n-grams become one `LinearModel`,
the others are kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s, Integers, LogProbabilities, TokenIds
from foretell.config import MAX_CHARACTERS
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
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
from foretell.training.labels.ensemble_fit import fit_pool
from foretell.training.labels.folds import Folds
from foretell.training.labels.linear_fit import NgramFit, default_max_ngrams
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.outside_vectors import OutsideVectors
from foretell.training.labels.tfidf_fit import TfidfFit, count_features
from foretell.training.labels.tokens import Soft, Targets, TokenizedTexts

Rows = npt.NDArray[np.bool_]

MAX_TOKENS = 3_000_000
"""Unlabelled tokens that the dense features are made of, at most: half a minute on two processors."""

# From the strongest penalty to the weakest; the search begins in the middle.
_NGRAM_STRENGTHS = (1 / 27, 1 / 9, 1 / 3, 1.0)
_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class Fit(Protocol):
    """A member on some of the texts, for one penalty after another."""

    def fit(self, strength: float, start: Any = None, check: Check = ignore) -> Any:
        """Fit the model with a penalty of 1 / `strength`, from the model `start` on."""

    def scores(self, model: Any, rows: Rows) -> Float32s:
        """Return the scores [text, column] of a fitted model for some of the texts."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A member before it is fitted.

    Attributes:
        name: "ngrams", "tfidf", "svd", and "pooled" or, with word vectors, "vectors".
        on: makes its `Fit` to some of the labelled texts.
        finished: makes the model for predictions of a fitted one.
        strengths: the penalties to choose among, as their inverse, ascending.
        first: the place of the one that the search begins with.
    """

    name: str
    on: Callable[[Rows], Any]
    finished: Callable[[Any, Any], LinearModel | TfidfModel]
    strengths: tuple[float, ...] = _STRENGTHS
    first: int = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """A candidate with its penalty.

    Attributes:
        candidate: the candidate.
        strength: the inverse of the penalty.
        logs: its log-probabilities [text, label] of held-out texts; zeros for texts that are never held out.
    """

    candidate: Candidate
    strength: float
    logs: LogProbabilities

    def path(self) -> tuple[float, ...]:
        """Return the strengths that led to this one, each the start of the next.

        A weak penalty alone takes far more steps, and may not be minimised to the end.
        """
        strengths, first = self.candidate.strengths, self.candidate.first
        last = strengths.index(self.strength)
        return strengths[first : last + 1] if last >= first else strengths[last : first + 1][::-1]


@dataclass(frozen=True, kw_only=True)
class LabelledTexts:
    """The texts that the members are fitted to.

    Attributes:
        texts: as they are written.
        tokenized: the same texts.
        targets: int32 [text].
        soft: float32 [text, label], the labels as probabilities.
        weights: float64 [text], how much each text counts.
        unlabelled: other texts, without labels.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    targets: Targets
    soft: Soft
    weights: npt.NDArray[np.float64]
    unlabelled: TokenizedTexts


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The linear members, fitted and weighed.

    Attributes:
        linear: the weighted sum of the members that are linear models of n-grams.
        tfidf: the others, times their weights.
        logs: log-probabilities [text, label] of all together, each by models and weights of other folds.
        figures: ready for JSON.
    """

    linear: LinearModel
    tfidf: tuple[TfidfModel, ...]
    logs: LogProbabilities
    figures: dict[str, Any] = field(default_factory=dict)

    def scores(self, ids: TokenIds, starts: Integers, texts: Sequence[str]) -> Float32s:
        """Return the scores [text, column] of all members together.

        Args:
            ids: [token], texts one after another.
            starts: [text + 1].
            texts: the same texts as they are written.
        """
        scores = self.linear.scores_of_flat(ids, starts)
        for model in self.tfidf:
            scores = scores + model.scores_of_counts(model.features.counts(ids, starts, texts), len(texts))
        return scores


def candidates(
    labelled: LabelledTexts, size: int, *, first: int, seed: int, vectors: OutsideVectors | None = None
) -> list[Candidate]:
    """Return the members that these texts can have.

    Args:
        labelled: the texts.
        size: ids from 0 to `size` - 1 are known.
        first: words are the ids from here on.
        seed: of the decompositions' random start.
        vectors: word vectors from outside, or None.
    """
    tokenized, n = labelled.tokenized, len(labelled.texts)
    n_columns = 1 if labelled.soft.shape[1] == 2 else labelled.soft.shape[1]
    max_ngrams = default_max_ngrams(labelled.soft.shape[1])
    counted = count_ngrams(tokenized.ids, tokenized.starts, size, max_ngrams=max_ngrams)
    fitted_to = labelled.soft, labelled.weights
    found = [
        Candidate(
            name="ngrams",
            on=lambda rows: NgramFit(counted, rows, *fitted_to),
            finished=lambda _, model: model,
            strengths=_NGRAM_STRENGTHS,
            first=2,
        )
    ]
    if sum(map(len, labelled.texts)) <= MAX_CHARACTERS:
        features = count_features(tokenized, labelled.texts, size, n_columns=n_columns)
        found.append(
            Candidate(
                name="tfidf",
                on=lambda rows: TfidfFit(features, rows, *fitted_to),
                finished=lambda fit, model: fit.to_tfidf(model),
            )
        )
    everything = tokenized.followed_by(_bounded(labelled.unlabelled))
    pairs = count_ngrams(everything.ids, everything.starts, size, longest=2, max_ngrams=max_ngrams)
    svd = svd_basis(pairs, n, seed)
    if svd is not None:
        found.append(_dense("svd", svd, lambda model: to_linear(svd, model, size, 2), fitted_to))
    if vectors is None:
        pooled = pooled_basis(everything, size, n, first=first, seed=seed)
    else:
        pooled = outside_basis(everything, vectors, n, first=first, seed=seed)
    if pooled is not None:
        name = "pooled" if vectors is None else "vectors"
        found.append(_dense(name, pooled, lambda model: to_pooled(pooled, model, size), fitted_to))
    return found


def _bounded(texts: TokenizedTexts) -> TokenizedTexts:
    """Return the first texts, `MAX_TOKENS` tokens at most."""
    return texts.part(0, int(np.searchsorted(texts.starts, MAX_TOKENS, side="right")) - 1)


def _dense(
    name: str,
    basis: Basis,
    finished: Callable[[Any], LinearModel | TfidfModel],
    fitted_to: tuple[Soft, npt.NDArray[np.float64]],
) -> Candidate:
    return Candidate(
        name=name,
        on=lambda rows: DenseFit(basis, rows, *fitted_to),
        finished=lambda _, model: finished(model),
    )


def fit_members(
    labelled: LabelledTexts, chosen: Sequence[Chosen], folds: Folds, check: Check = ignore
) -> Members:
    """Weigh the members, and fit them to all labelled texts; `check` may raise to stop it."""
    targets, held, fold_of = labelled.targets, folds.held, folds.fold_of
    logs = [each.logs for each in chosen]
    weights = fit_pool(targets[held], [each[held] for each in logs])
    every = np.ones(len(targets), bool)
    sums: list[tuple[LinearModel, float]] = []
    others: list[TfidfModel] = []
    for each, weight in zip(chosen, weights.tolist(), strict=True):
        if not weight:
            continue
        fit = each.candidate.on(every)
        model = None
        for strength in each.path():
            model = fit.fit(strength, model, check)
        model = each.candidate.finished(fit, model)
        if isinstance(model, LinearModel):
            sums.append((model, weight))
        else:
            others.append(model.times(weight))
    nested = np.zeros_like(logs[0])
    for fold in range(folds.count):
        inside, outside = fold_of == fold, held & (fold_of != fold)
        share = fit_pool(targets[outside], [each[outside] for each in logs]) if outside.any() else weights
        pooled = np.tensordot(share, [each[inside] for each in logs], 1)
        nested[inside] = linear_log_probabilities(pooled)
    return Members(
        linear=_sum(sums, others),
        tfidf=tuple(others),
        logs=nested,
        figures=_figures(chosen, weights, nested[held], targets[held], held) if held.any() else {},
    )


def _sum(sums: Sequence[tuple[LinearModel, float]], others: Sequence[TfidfModel]) -> LinearModel:
    if sums:
        return weighted_sum([model for model, _ in sums], [weight for _, weight in sums])
    size, bias = others[0].features.size, np.zeros_like(others[0].bias)
    return LinearModel(np.zeros(0, np.int64), np.zeros((0, len(bias)), np.float32), bias, size)


def _figures(
    chosen: Sequence[Chosen],
    weights: npt.NDArray[np.float64],
    logs: LogProbabilities,
    targets: Targets,
    held: Rows,
) -> dict[str, Any]:
    members: Mapping[str, Any] = {
        each.candidate.name: {
            "weight": float(weight),
            "strength": each.strength,
            "accuracy": mean_accuracy(targets, each.logs[held]),
            "log_loss": log_loss(targets, np.exp(each.logs[held])),
        }
        for each, weight in zip(chosen, weights, strict=True)
    }
    baseline = members.get("ngrams", {})
    return {
        **{f"baseline_{name}": baseline[name] for name in ("accuracy", "log_loss") if name in baseline},
        "linear_accuracy": mean_accuracy(targets, logs),
        "linear_log_loss": log_loss(targets, np.exp(logs)),
        "members": members,
    }
