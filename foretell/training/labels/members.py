"""The linear members of the ensemble: each with a penalty, all with weights, fitted to all labelled texts.

Out-of-fold predictions choose the penalty of each member, and the weights of the members in a logarithmic
opinion pool. A weighted sum of linear models is a linear model: the members that sum over n-grams become one
`LinearModel`, the others are kept beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from foretell.arrays import Float32s, Integers, Logits, TokenIds
from foretell.data.split import text_key
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.ngrams.tfidf import TfidfModel, merged
from foretell.training.events import Note, Stage
from foretell.training.labels.balance import Balance, BalancedFit
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import Check, Fitted, ignore
from foretell.training.labels.rows import Mask, Rows
from foretell.training.run import Run

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Inverse penalties, from the strongest penalty to the weakest."""

_THREADS = 2
"""Folds that are fitted at a time."""

_PREFIX, _STRENGTHS = "folds/logs/", "folds/strengths"

Finished = LinearModel | TfidfModel | Fitted | tuple[LinearModel | TfidfModel, ...]
"""A model for predictions; of a kept teacher the fitted one; or several models whose scores are added."""


class Fit(Protocol):
    """A member on some of the rows, for one penalty after another."""

    def fit(self, strength: float, start: Any = None, check: Check = ignore) -> Any:
        """Fit the member with a penalty of 1 / `strength`, from the model `start` on."""

    def scores(self, model: Any, rows: Mask) -> Float32s:
        """Return the scores [text, column] of a fitted member for some of the rows."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A linear member before it is fitted.

    Attributes:
        name: of the member; of a student it begins with "taught_", of hints alone with "hinted_".
        on: makes its `Fit` to some of the rows.
        finished: makes the model for predictions of a fit and its fitted model.
        strengths: the penalties to choose among, as their inverse, ascending.
        first: the place of the one that the search begins with.
    """

    name: str
    on: Callable[[Mask], Any]
    finished: Callable[[Any, Any], Finished]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4

    def balanced(self, balance: Balance) -> Candidate:
        """Return the member of texts with class weights, corrected to the true shares of the labels."""

        def finished(fit: BalancedFit, model: Any) -> Finished:
            made = self.finished(fit.inner, model)
            # The scores of several models are added: one of them has the correction.
            if isinstance(made, tuple):
                return (balance.corrected_model(made[0]), *made[1:])
            return balance.corrected_model(made)

        return replace(self, on=lambda rows: BalancedFit(self.on(rows), balance), finished=finished)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """A candidate with its penalty.

    Attributes:
        candidate: the candidate.
        strength: the inverse of the penalty.
        logs: its logits [text, label] of held-out texts; zeros for texts that are never held out.
    """

    candidate: Candidate
    strength: float
    logs: Logits

    def path(self) -> tuple[float, ...]:
        """Return the strengths that led to this one, each the start of the next.

        A weak penalty alone takes far more steps, and may not be minimised to the end.
        """
        strengths, first = self.candidate.strengths, self.candidate.first
        last = strengths.index(self.strength)
        return strengths[first : last + 1] if last >= first else strengths[last : first + 1][::-1]

    def fitted(self, check: Check) -> Finished:
        """Return the member, fitted to all rows."""
        fit, model = self.candidate.on(np.ones(len(self.logs), bool)), None
        for strength in self.path():
            model = fit.fit(strength, model, check)
        return self.candidate.finished(fit, model)


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The linear members, fitted and weighed.

    Attributes:
        linear: the weighted sum of the members that are linear models of n-grams.
        tfidf: the others, times their weights; one for each kind of values.
        teacher: the linear model of a kept teacher's embeddings, times its weight; None: it has none.
        logs: logits [held-out text, label] of all together, each by models and weights of other folds.
        metrics: ready for JSON.
    """

    linear: LinearModel
    tfidf: tuple[TfidfModel, ...]
    logs: Logits
    teacher: Fitted | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

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


def choose_all(
    found: Iterator[Candidate],
    rows: Rows,
    folds: Folds,
    run: Run,
    also_saved: Mapping[str, npt.NDArray[Any]] | None = None,
) -> list[Chosen]:
    """Choose the penalty of each member; those for which the time limit leaves no time are left out.

    Args:
        found: the members; the features of each are counted when it is asked for.
        rows: the texts.
        folds: of the texts.
        run: its latest checkpoint has the choice, or it is saved in a new one where it took long.
        also_saved: arrays of earlier steps that the checkpoint contains.
    """
    began, seconds = time.monotonic(), run.budget.for_stage("members")
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _STRENGTHS in checkpoint.arrays:
        return _restored(found, checkpoint.arrays)
    chosen: list[Chosen] = []
    for candidate in found:
        # How many members there will be is not known: each has a share of what is left.
        done = 0.4 - 0.32 * 0.75 ** len(chosen)
        run.options.listener(Stage(name=f"linear models: {candidate.name}", done=done))
        chosen.append(choose(candidate, rows, folds, run.interrupt.check))
        if time.monotonic() - began > seconds:
            names = ", ".join(each.candidate.name for each in chosen)
            run.options.listener(Note(text=f"the time limit ended the choice of linear models after {names}"))
            break
    if run.checkpoints.due():
        run.checkpoints.save(0, {**saved(chosen), **(also_saved or {})}, {})
    return chosen


def saved(chosen: Sequence[Chosen]) -> dict[str, npt.NDArray[Any]]:
    """Return the choice as arrays for a checkpoint; `choose_all` reads them."""
    arrays: dict[str, npt.NDArray[Any]] = {_PREFIX + each.candidate.name: each.logs for each in chosen}
    return {**arrays, _STRENGTHS: np.array([each.strength for each in chosen])}


def _restored(found: Iterable[Candidate], arrays: dict[str, npt.NDArray[Any]]) -> list[Chosen]:
    there = [candidate for candidate in found if _PREFIX + candidate.name in arrays]
    return [
        Chosen(candidate=candidate, strength=strength, logs=arrays[_PREFIX + candidate.name])
        for candidate, strength in zip(there, arrays[_STRENGTHS].tolist(), strict=True)
    ]


def choose(candidate: Candidate, rows: Rows, folds: Folds, check: Check = ignore) -> Chosen:
    """Choose a member's penalty by the loss of its out-of-fold predictions.

    From the first penalty the search goes on in the direction that is better, until it is not.

    Args:
        candidate: the member.
        rows: the texts.
        folds: of the texts.
        check: may raise to stop it.
    """
    targets, held = rows.targets[folds.held], folds.held
    fits: list[Fit] = [candidate.on(inside) for inside, _ in folds]
    tried: dict[int, tuple[float, Logits, list[Any]]] = {}

    def loss(place: int) -> float:
        if place not in tried:
            near = min(tried, key=lambda other: abs(other - place), default=None)
            starts: Sequence[Any] = [None] * len(fits) if near is None else tried[near][2]
            logs, models = _out_of_fold(fits, folds, candidate.strengths[place], starts, rows, check)
            tried[place] = rows.outputs.loss(targets, logs[held]), logs, models
        return tried[place][0]

    best = candidate.first
    while len(targets):
        near = [place for place in (best - 1, best + 1) if 0 <= place < len(candidate.strengths)]
        better = min(near, key=loss, default=best)
        if loss(better) >= loss(best):
            break
        best = better
    logs = tried[best][1] if tried else np.zeros((len(rows.targets), rows.outputs.n_labels))
    return Chosen(candidate=candidate, strength=candidate.strengths[best], logs=logs)


def _out_of_fold(
    fits: Sequence[Fit], folds: Folds, strength: float, starts: Sequence[Any], rows: Rows, check: Check
) -> tuple[Logits, list[Any]]:
    """Return the logits of held-out texts, [text, label], and the model of each fold."""
    logs = np.zeros((len(rows.targets), rows.outputs.n_labels))

    def work(fit: Fit, held: Mask, start: Any) -> Any:
        model = fit.fit(strength, start, check)
        logs[held] = rows.outputs.of_scores(fit.scores(model, held))
        return model

    # Each on one thread: threads of a matrix product would wait for each other.
    with threadpool_limits(1), ThreadPoolExecutor(_THREADS) as pool:
        models = list(pool.map(work, fits, [held for _, held in folds], starts))
    return logs, models


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
    held, outputs = folds.held, rows.outputs
    targets, logs = rows.targets[held], np.stack([each.logs[held] for each in chosen])
    weights = outputs.fit_pool(targets, logs)
    sums: list[tuple[LinearModel, float]] = []
    others: list[TfidfModel] = []
    kept: Fitted | None = None
    for each, weight in zip(chosen, weights.tolist(), strict=True):
        finished = each.fitted(check) if weight else ()
        for part in finished if isinstance(finished, tuple) else (finished,):
            if isinstance(part, LinearModel):
                sums.append((part, weight))
            elif isinstance(part, Fitted):
                kept = Fitted(np.float32(weight) * part.weights, np.float32(weight) * part.bias)
            else:
                others.append(part.times(weight))
    nested = nested_logs(rows, logs, folds, weights)
    measured = np.ones(len(targets), bool)
    if not_measured:
        keys = [text_key(rows.texts[place]) for place in np.flatnonzero(held).tolist()]
        measured = np.array([key not in not_measured for key in keys], bool)
    return Members(
        linear=_sum(sums, outputs.n_labels, others),
        tfidf=merged(others),
        logs=nested,
        teacher=kept,
        metrics=_metrics(chosen, weights, rows, targets, logs, nested, measured) if measured.any() else {},
    )


def nested_logs(
    rows: Rows, logs: Logits, folds: Folds, weights: npt.NDArray[np.float64] | None = None
) -> Logits:
    """Return the logits [held-out text, label] of the pool of `logs`, each by weights of the other folds.

    `weights` are those where there are no other folds.
    """
    targets, fold_of = rows.targets[folds.held], folds.fold_of[folds.held]
    weights = np.ones(len(logs)) if weights is None else weights
    nested = np.zeros(logs.shape[1:])
    for fold in range(folds.count):
        inside, outside = fold_of == fold, fold_of != fold
        share = rows.outputs.fit_pool(targets[outside], logs[:, outside]) if outside.any() else weights
        nested[inside] = rows.outputs.pooled(np.tensordot(share, logs[:, inside], 1))
    return nested


def _sum(
    sums: Sequence[tuple[LinearModel, float]], n_labels: int, others: Sequence[TfidfModel]
) -> LinearModel:
    if sums:
        return weighted_sum([model for model, _ in sums], [weight for _, weight in sums])
    # An empty model knows no n-gram, whatever ids it has.
    size = others[0].features.size if others else 1
    bias = np.zeros(len(others[0].bias) if others else 1 if n_labels == 2 else n_labels, np.float32)
    return LinearModel(np.zeros(0, np.int64), np.zeros((0, len(bias)), np.float32), bias, size)


def _metrics(
    chosen: Sequence[Chosen],
    weights: npt.NDArray[np.float64],
    rows: Rows,
    targets: npt.NDArray[Any],
    logs: Logits,
    nested: Logits,
    measured: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    targets, metrics_of = targets[measured], rows.outputs.metrics
    members: Mapping[str, Any] = {
        each.candidate.name: {
            "weight": float(weight),
            "strength": each.strength,
            **metrics_of(targets, own[measured]),
        }
        for each, own, weight in zip(chosen, logs, weights, strict=True)
    }
    first = members.get("ngrams", {})
    return {
        **{f"baseline_{name}": first[name] for name in ("accuracy", "log_loss") if name in first},
        **{f"linear_{name}": value for name, value in metrics_of(targets, nested[measured]).items()},
        "members": members,
    }
