"""The linear members of the ensemble: each with a penalty, all with weights, fitted to all labelled
texts.

Out-of-fold predictions choose the penalty of each member, and the weights of the members in a
logarithmic opinion pool. A weighted sum of linear models is a linear model: the members that sum
over n-grams become one `LinearModel`, the others are kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from foretell.arrays import Float32s, Float64s, Integers, Logits, Mask, TokenIds
from foretell.data.split import text_key
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.ngrams.tfidf import TfidfModel, merged
from foretell.training.labels.balance import Balance
from foretell.training.labels.folds import Folds, other_folds
from foretell.training.labels.logistic import Check, Fitted, ignore
from foretell.training.labels.rows import Lesson, Rows
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import Soft

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Inverse penalties, from the strongest penalty to the weakest."""

_THREADS = 2
"""Folds that are fitted at a time."""

_STAGE = "members"
_STRENGTHS = "strengths"

Model = LinearModel | TfidfModel | Fitted
"""A model for predictions; of a kept teacher the fitted one."""

FittedMember: TypeAlias = Any
"""What the `Fit` of a member makes, and no other code looks into."""


class Fit(Protocol):
    """A member on some of the rows, for one penalty after another."""

    def fit(
        self, strength: float, start: FittedMember = None, check: Check = ignore
    ) -> FittedMember:
        """Fit the member with a penalty of 1 / `strength`, from the model `start` on."""

    def scores(self, model: FittedMember, rows: Mask) -> Float32s:
        """Return the scores [text, column] of a fitted member for some of the rows."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A linear member before it is fitted.

    Attributes:
        name: of the member; of a student it begins with "taught_", of hints alone with "hinted_".
        fit: makes a `Fit` to some of the texts, with soft targets and weights.
        finished: makes the model for predictions of a fit and its fitted model.
        learned: what there is to learn where the labelled texts of a mask [text] may be seen.
        strengths: the penalties to choose among, as their inverse, ascending.
        first: the place of the one that the search begins with.
        more: how many texts beside those of the rows there are to learn from.
        balance: class weights for which scores and models are corrected; None: there are none.
    """

    name: str
    fit: Callable[[Mask, Soft, Float64s], Fit]
    finished: Callable[[FittedMember, FittedMember], Model]
    learned: Callable[[Mask], Lesson]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4
    more: int = 0
    balance: Balance | None = None

    def scores(self, fit: Fit, model: FittedMember, rows: Mask) -> Float32s:
        """Return the scores [text, column] of some of the texts, for the true shares of the
        labels.
        """
        scores = fit.scores(model, np.pad(rows, (0, self.more)))
        return scores if self.balance is None else scores + self.balance.bias(scores.shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """A member with its penalty, 1 / `strength`, and logits [text, label]: of held-out texts, else
    0.

    `models` returns the models for predictions, fitted to all rows, whose scores are added.
    """

    name: str
    strength: float
    logs: Logits
    models: Callable[[Check], Sequence[Model]]


def fitted_to(
    candidate: Candidate, strength: float, inside: Mask, check: Check = ignore
) -> tuple[Fit, FittedMember]:
    """Fit a candidate to the labelled texts `inside`; return the fit and the fitted model.

    The strengths that led to this one are fitted before, each the start of the next. A weak penalty
    alone takes far more steps, and may not be minimised to the end.
    """
    strengths = candidate.strengths
    first = candidate.first
    last = strengths.index(strength)
    path = strengths[first : last + 1] if last >= first else strengths[last : first + 1][::-1]
    fit = candidate.fit(*candidate.learned(inside))
    model = None
    for each in path:
        model = fit.fit(each, model, check)
    return fit, model


def _chosen(candidate: Candidate, strength: float, logs: Logits) -> Chosen:
    def models(check: Check) -> Sequence[Model]:
        fit, model = fitted_to(candidate, strength, np.ones(len(logs), bool), check)
        finished = candidate.finished(fit, model)
        return [
            finished if candidate.balance is None else candidate.balance.corrected_model(finished)
        ]

    return Chosen(name=candidate.name, strength=strength, logs=logs, models=models)


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The linear members, fitted and weighed.

    Attributes:
        linear: the weighted sum of the members that are linear models of n-grams.
        tfidf: the others, times their weights; one for each kind of values.
        logs: logits [held-out text, label] of all together, each by models and weights of other
            folds.
        teacher: the linear model of a kept teacher's embeddings, times its weight; None: it has
            none.
        metrics: ready for JSON.
    """

    linear: LinearModel
    tfidf: tuple[TfidfModel, ...]
    logs: Logits
    teacher: Fitted | None = None
    metrics: dict[str, object] = field(default_factory=dict)

    def scores(
        self,
        ids: TokenIds,
        starts: Integers,
        texts: Sequence[str],
        embeddings: Float32s | None = None,
    ) -> Float32s:
        """Return the scores [text, column] of all members together; text i is
        ids[starts[i]:starts[i + 1]].

        `embeddings` [text, number] are those of a kept teacher, which may read the first ones
        alone.
        """
        scores = scores_of([self.linear, *self.tfidf], ids, starts, texts)
        if self.teacher is not None and embeddings is not None:
            read = embeddings[:, : len(self.teacher.weights)]
            scores = scores + read @ self.teacher.weights + self.teacher.bias
        return scores


def scores_of(
    models: Sequence[LinearModel | TfidfModel],
    ids: TokenIds,
    starts: Integers,
    texts: Sequence[str],
) -> Float32s:
    """Return the sum of the scores [text, column] of models for predictions."""
    scores = np.zeros(1, np.float32)
    for model in models:
        if isinstance(model, LinearModel):
            scores = scores + model.scores_of_flat(ids, starts)
        else:
            scores = scores + model.scores_of_counts(
                model.features.counts(ids, starts, texts), len(texts)
            )
    return scores


class _OutOfTimeError(Exception):
    """The time for the choice of linear models has passed."""


def choose_all(
    found: Iterator[Candidate], rows: Rows, folds: Folds, training: Training
) -> list[Chosen]:
    """Choose the penalty of each member; those for which the time limit leaves no time are left
    out.

    The features of a candidate are counted when it is asked for.
    """
    seconds = training.run.budget.for_stage("members")
    if before := training.stages.found(_STAGE):
        strengths = before.pop(_STRENGTHS).tolist()
        there = [candidate for candidate in found if candidate.name in before]
        pairs = zip(there, strengths, strict=True)
        return [_chosen(each, by, before[each.name]) for each, by in pairs]
    chosen: list[Chosen] = []
    is_late = training.within(seconds)

    def check() -> bool:
        # The fit of the first member ends there, unfinished: without any there is no linear model.
        if (late := is_late()) and chosen:
            raise _OutOfTimeError
        return late

    for candidate in found:
        # How many members there will be is not known: each has a share of what is left.
        training.begin(f"linear models: {candidate.name}", 0.4 - 0.32 * 0.75 ** len(chosen))
        with suppress(_OutOfTimeError):
            chosen.append(choose(candidate, rows, folds, check))
        if is_late():
            names = ", ".join(each.name for each in chosen)
            training.note(f"the time limit ended the choice of linear models after {names}")
            break
    logs = {each.name: each.logs for each in chosen}
    training.stages.keep(_STAGE, {**logs, _STRENGTHS: np.array([each.strength for each in chosen])})
    return chosen


def choose(candidate: Candidate, rows: Rows, folds: Folds, check: Check = ignore) -> Chosen:
    """Choose a member's penalty by the loss of its out-of-fold predictions; `check` may raise to
    stop it.

    From the first penalty the search goes on in the direction that is better, until it is not.
    """
    targets = rows.targets[folds.held]
    held = folds.held
    fits = [candidate.fit(*candidate.learned(inside)) for inside, _ in folds]
    tried: dict[int, tuple[float, Logits, list[FittedMember]]] = {}

    def loss(place: int) -> float:
        if place not in tried:
            near = min(tried, key=lambda other: abs(other - place), default=None)
            starts: list[FittedMember] = [None] * len(fits) if near is None else tried[near][2]
            logs, models = out_of_fold(candidate.strengths[place], starts)
            tried[place] = rows.outputs.loss(targets, logs[held]), logs, models
        return tried[place][0]

    def out_of_fold(
        strength: float, starts: list[FittedMember]
    ) -> tuple[Logits, list[FittedMember]]:
        logs = np.zeros((len(rows.targets), rows.outputs.n_labels))

        def work(fit: Fit, fold: Mask, start: FittedMember) -> FittedMember:
            model = fit.fit(strength, start, check)
            logs[fold] = rows.outputs.of_scores(candidate.scores(fit, model, fold))
            return model

        # Each on one thread: threads of a matrix product would wait for each other.
        with threadpool_limits(1), ThreadPoolExecutor(_THREADS) as pool:
            return logs, list(pool.map(work, fits, [fold for _, fold in folds], starts))

    best = candidate.first
    while len(targets):
        near = [place for place in (best - 1, best + 1) if 0 <= place < len(candidate.strengths)]
        better = min(near, key=loss, default=best)
        if loss(better) >= loss(best):
            break
        best = better
    logs = tried[best][1] if tried else np.zeros((len(rows.targets), rows.outputs.n_labels))
    return _chosen(candidate, candidate.strengths[best], logs)


def fit_members(
    rows: Rows,
    chosen: Sequence[Chosen],
    folds: Folds,
    check: Check = ignore,
    not_measured: frozenset[bytes] = frozenset(),
) -> Members:
    """Weigh the members, and fit them to all labelled texts; `check` may raise to stop it.

    The metrics leave out the texts whose `text_key` is among `not_measured`.
    """
    held = folds.held
    outputs = rows.outputs
    targets = rows.targets[held]
    logs = np.stack([each.logs[held] for each in chosen])
    weights = outputs.fit_pool(targets, logs).tolist()
    weighted = list(zip(chosen, weights, strict=True))
    models = [
        (model, weight) for each, weight in weighted if weight for model in each.models(check)
    ]
    others = [model.times(weight) for model, weight in models if isinstance(model, TfidfModel)]
    kept = [(model, np.float32(weight)) for model, weight in models if isinstance(model, Fitted)]
    nested = nested_logs(rows, logs, folds)
    texts = [rows.texts[place] for place in np.flatnonzero(held).tolist()]
    measured = np.array([text_key(text) not in not_measured for text in texts], bool)
    metrics: dict[str, object] = {}
    if measured.any():
        of_members = {
            each.name: {
                "weight": weight,
                "strength": each.strength,
                **outputs.metrics(targets[measured], own),
            }
            for (each, weight), own in zip(weighted, logs[:, measured], strict=True)
        }
        first = of_members.get("ngrams", {})
        together = outputs.metrics(targets[measured], nested[measured])
        metrics |= {
            f"baseline_{name}": first[name] for name in ("accuracy", "log_loss") if name in first
        }
        metrics |= {f"linear_{name}": value for name, value in together.items()}
        metrics["members"] = of_members
    return Members(
        linear=_sum(models, outputs.n_labels, others),
        tfidf=merged(others),
        logs=nested,
        teacher=Fitted(kept[0][1] * kept[0][0].weights, kept[0][1] * kept[0][0].bias)
        if kept
        else None,
        metrics=metrics,
    )


def nested_logs(rows: Rows, logs: Logits, folds: Folds) -> Logits:
    """Return the logits [held-out text, label] of the pool of `logs`, each by weights of the other
    folds.
    """
    targets = rows.targets[folds.held]
    nested = np.zeros(logs.shape[1:])
    for others, inside in other_folds(folds.fold_of[folds.held]):
        share = rows.outputs.fit_pool(targets[others], logs[:, others])
        nested[inside] = rows.outputs.of_scores(np.tensordot(share, logs[:, inside], 1))
    return nested


def _sum(
    models: Sequence[tuple[Model, float]], n_labels: int, others: Sequence[TfidfModel]
) -> LinearModel:
    """Return the weighted sum of those models that are linear models of n-grams."""
    sums = [(model, weight) for model, weight in models if isinstance(model, LinearModel)]
    if sums:
        return weighted_sum([model for model, _ in sums], [weight for _, weight in sums])
    # An empty model knows no n-gram, whatever ids it has.
    size = others[0].features.size if others else 1
    bias = np.zeros(len(others[0].bias) if others else 1 if n_labels == 2 else n_labels, np.float32)
    return LinearModel(np.zeros(0, np.int64), np.zeros((0, len(bias)), np.float32), bias, size)
