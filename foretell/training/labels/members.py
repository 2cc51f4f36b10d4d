"""The linear members of the ensemble: the chosen candidates, weighed and fitted to all labelled texts.

Out-of-fold predictions give the weights of the members in a logarithmic opinion pool. A weighted sum of
linear models is a linear model: the members that sum over n-grams become one `LinearModel`, the others are
kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s, Integers, LogProbabilities, TokenIds
from foretell.data.split import text_key
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.ngrams.tfidf import TfidfModel, merged
from foretell.training.labels.candidates import Candidate, LabelledTexts, Rows
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import Check, Fitted, ignore


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The linear members, fitted and weighed.

    Attributes:
        linear: the weighted sum of the members that are linear models of n-grams.
        tfidf: the others, times their weights; one for each kind of values.
        teacher: the linear model of a kept teacher's embeddings, times its weight; None: it has none.
        logs: log-probabilities [text, label] of all together, each by models and weights of other folds.
        figures: ready for JSON.
    """

    linear: LinearModel
    tfidf: tuple[TfidfModel, ...]
    logs: LogProbabilities
    teacher: Fitted | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    def scores(
        self, ids: TokenIds, starts: Integers, texts: Sequence[str], embeddings: Float32s | None = None
    ) -> Float32s:
        """Return the scores [text, column] of all members together.

        Args:
            ids: [token], texts one after another.
            starts: [text + 1].
            texts: the same texts as they are written.
            embeddings: [text, number], those of a kept teacher, which may read the first ones alone; None: it
                has no weight.
        """
        scores = self.linear.scores_of_flat(ids, starts)
        for model in self.tfidf:
            scores = scores + model.scores_of_counts(model.features.counts(ids, starts, texts), len(texts))
        if self.teacher is not None and embeddings is not None:
            read = embeddings[:, : len(self.teacher.weights)]
            scores = scores + read @ self.teacher.weights + self.teacher.bias
        return scores


def fit_members(
    labelled: LabelledTexts,
    chosen: Sequence[Chosen],
    folds: Folds,
    check: Check = ignore,
    not_measured: frozenset[bytes] = frozenset(),
) -> Members:
    """Weigh the members, and fit them to all labelled texts; `check` may raise to stop it.

    The figures leave out the texts whose `text_key` is among `not_measured`.
    """
    targets, held, fold_of, outputs = labelled.targets, folds.held, folds.fold_of, labelled.outputs
    logs = [each.logs for each in chosen]
    weights = outputs.fit_pool(targets[held], [each[held] for each in logs])
    every = np.ones(len(targets), bool)
    sums: list[tuple[LinearModel, float]] = []
    others: list[TfidfModel] = []
    kept: Fitted | None = None
    for each, weight in zip(chosen, weights.tolist(), strict=True):
        if not weight:
            continue
        fit = each.candidate.on(every)
        model = None
        for strength in each.path():
            model = fit.fit(strength, model, check)
        finished = each.candidate.finished(fit, model)
        for part in finished if isinstance(finished, tuple) else (finished,):
            if isinstance(part, LinearModel):
                sums.append((part, weight))
            elif isinstance(part, Fitted):
                kept = Fitted(np.float32(weight) * part.weights, np.float32(weight) * part.bias)
            else:
                others.append(part.times(weight))
    nested = np.zeros_like(logs[0])
    for fold in range(folds.count):
        inside, outside = fold_of == fold, held & (fold_of != fold)
        share = weights
        if outside.any():
            share = outputs.fit_pool(targets[outside], [each[outside] for each in logs])
        nested[inside] = outputs.pooled(np.tensordot(share, [each[inside] for each in logs], 1))
    if not_measured:
        held = held & [text_key(text) not in not_measured for text in labelled.texts]
    return Members(
        linear=_sum(sums, labelled.soft.shape[1], others),
        tfidf=merged(others),
        logs=nested,
        teacher=kept,
        figures=_figures(chosen, weights, nested[held], labelled, held) if held.any() else {},
    )


def _sum(
    sums: Sequence[tuple[LinearModel, float]], n_labels: int, others: Sequence[TfidfModel]
) -> LinearModel:
    if sums:
        return weighted_sum([model for model, _ in sums], [weight for _, weight in sums])
    # An empty model knows no n-gram, whatever ids it has.
    size = others[0].features.size if others else 1
    bias = np.zeros(1 if n_labels == 2 else n_labels, np.float32)
    return LinearModel(np.zeros(0, np.int64), np.zeros((0, len(bias)), np.float32), bias, size)


def _figures(
    chosen: Sequence[Chosen],
    weights: npt.NDArray[np.float64],
    logs: LogProbabilities,
    labelled: LabelledTexts,
    held: Rows,
) -> dict[str, Any]:
    targets, figures_of = labelled.targets[held], labelled.outputs.figures
    members: Mapping[str, Any] = {
        each.candidate.name: {
            "weight": float(weight),
            "strength": each.strength,
            **figures_of(targets, each.logs[held]),
        }
        for each, weight in zip(chosen, weights, strict=True)
    }
    baseline = members.get("ngrams", {})
    return {
        **{f"baseline_{name}": baseline[name] for name in ("accuracy", "log_loss") if name in baseline},
        **{f"linear_{name}": value for name, value in figures_of(targets, logs).items()},
        "members": members,
    }
