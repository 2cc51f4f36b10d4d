"""The linear members of the ensemble: each with a penalty, all with weights, fitted to all rows.

Out-of-fold predictions choose the penalty of each member, and the weights of the members in a
logarithmic opinion pool. A weighted sum of linear models is a linear model: the members that sum
over n-grams become one `LinearModel`, the others are kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from foretell.arrays import Array, Float32s, Float64s, Integers, Logits, Mask, TokenIds
from foretell.data.folds import Folds
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.ngrams.tfidf import TfidfModel, merged
from foretell.training.labels.balance import Balance
from foretell.training.labels.corpus import LabelsCorpus, Origin
from foretell.training.labels.logistic import Check, LinearWeights, ignore
from foretell.training.labels.outputs import Outputs
from foretell.training.labels.rows import Rows, Source, joined_rows
from foretell.training.labels.stages import Training

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Inverse penalties, from the strongest penalty to the weakest."""

_THREADS = 2
"""Folds that are fitted at a time."""

_PARTS = 5

_STAGE = "members"
_STRENGTHS = "strengths"

LinearPart = LinearModel | TfidfModel | LinearWeights
"""A model for predictions; of a kept teacher the weights of its embeddings."""

Parameters: TypeAlias = Any
"""What a `Fit` makes, and no other code looks into."""


class Fit(Protocol):
    """A member on some rows, for one penalty after another."""

    def fit(
        self, strength: float, start: Parameters | None = None, check: Check = ignore
    ) -> Parameters:
        """Fit the member with a penalty of 1 / `strength`, from the parameters `start` on."""

    def scores(self, parameters: Parameters, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the texts at some places."""

    def model(self, parameters: Parameters) -> LinearPart:
        """Return the model for predictions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A member that is fitted to some rows; `parameters` None: not yet."""

    fit: Fit
    parameters: Parameters
    balance: Balance | None

    def at(self, strength: float, check: Check = ignore) -> Fitted:
        """Return the member fitted to the rows with another penalty."""
        return replace(self, parameters=self.fit.fit(strength, self.parameters, check))

    def scores(self, texts: Integers) -> Float32s:
        """Return the scores [text, column] of texts, for the true shares of the labels."""
        scores = self.fit.scores(self.parameters, texts)
        return scores if self.balance is None else scores + self.balance.bias(scores.shape[1])

    def model(self) -> LinearPart:
        """Return the model for predictions."""
        model = self.fit.model(self.parameters)
        return model if self.balance is None else self.balance.corrected_model(model)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A linear member before it is fitted.

    Attributes:
        name: of the member.
        prepare: makes a `Fit` to some rows; of the texts, bool [text], only these may be seen.
        sources: what gives the rows.
        strengths: the penalties to choose among, as their inverse, ascending.
        first: the place of the one that the search begins with.
        balance: class weights that the rows have; None: there are none.
    """

    name: str
    prepare: Callable[[Rows, Mask], Fit]
    sources: tuple[Source, ...]
    strengths: tuple[float, ...] = STRENGTHS
    first: int = 4
    balance: Balance | None = None

    def prepared(self, inside: Mask) -> Fitted:
        """Return the member before it is fitted, for the labels of the texts `inside`."""
        fit = self.prepare(joined_rows([source(inside) for source in self.sources]), inside)
        return Fitted(fit=fit, parameters=None, balance=self.balance)

    def fitted_on_path(self, strength: float, inside: Mask, check: Check = ignore) -> Fitted:
        """Fit the member where the labels of the texts `inside` may be seen.

        The strengths that led to this one are fitted before, each the start of the next. A weak
        penalty alone takes far more steps, and may not be minimised to the end.
        """
        first = self.first
        last = self.strengths.index(strength)
        path = self.strengths[first : last + 1]
        if last < first:
            path = self.strengths[last : first + 1][::-1]
        fitted = self.prepared(inside)
        for each in path:
            fitted = fitted.at(each, check)
        return fitted


def parts_of(n: int) -> Integers:
    """Return the parts of so many validation texts, for decisions on the other parts, [text]."""
    return np.arange(n) % _PARTS


def other_parts(part_of: Integers) -> Iterator[tuple[Mask, Mask]]:
    """Yield the texts of the other parts and those of each part, bool [text].

    What is decided on the first is measured on the second.
    """
    parts = np.unique(part_of)
    for part in parts:
        inside = part_of == part
        others = inside
        if len(parts) > 1:
            others = ~inside
        yield others, inside


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """The held-out texts, on which everything is decided.

    Attributes:
        texts: int64 [held-out text], their places.
        targets: [held-out text], as `Rows.truth` has them.
        known: bool [held-out text], whether the members that answer a text have learned its label
            from another text. No member can answer the others. They are measured, but decide
            nothing: the least certain member would have the smallest loss on them.
        folds: which fold holds each out.
        outputs: what scores mean.
    """

    texts: Integers
    targets: Array
    known: Mask
    folds: Folds
    outputs: Outputs

    @property
    def fold_of(self) -> Integers:
        """The fold that holds each text out, [held-out text]."""
        own: Integers = self.folds.fold_of[self.texts]
        return own

    @property
    def part_of(self) -> Integers:
        """The part of each text, [held-out text]; decisions are measured on other parts.

        The parts are the folds. A single fold, a validation part, is cut into parts.
        """
        own = self.fold_of
        return own if len(np.unique(own)) > 1 else parts_of(len(own))

    def of(self, rows: Mask) -> Evidence:
        """Return the held-out texts where `rows` [held-out text] is true."""
        return replace(
            self, texts=self.texts[rows], targets=self.targets[rows], known=self.known[rows]
        )

    def loss(self, logits: Logits) -> float:
        """Return the loss of logits [held-out text, label] on the texts whose label is known; 0
        where there are none.
        """
        if not self.known.any():
            return 0.0
        return self.outputs.loss(self.targets[self.known], logits[self.known])

    def pool_weights(self, logits: Logits) -> Float64s:
        """Return the weights [member] of a pool of logits [member, held-out text, label], fitted to
        the texts whose label is known.
        """
        return self.outputs.fit_pool(self.targets[self.known], logits[:, self.known])

    def no_answers(self) -> Float32s:
        """Return NaN for each label of each text, [held-out text, label]."""
        return np.full((len(self.texts), self.outputs.n_labels), np.nan, np.float32)

    def logits(self, scores: Callable[[int, Integers], Float32s]) -> Logits:
        """Return logits [held-out text, label]; `scores` gives those of a fold's texts."""
        found = np.zeros((len(self.texts), self.outputs.n_labels))
        of_fold = self.fold_of

        def work(fold: int) -> None:
            inside = of_fold == fold
            found[inside] = self.outputs.of_scores(scores(fold, self.texts[inside]))

        # Each on one thread: threads of a matrix product would wait for each other.
        with threadpool_limits(1), ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(work, range(self.folds.count)))
        return found


def evidence_of(corpus: LabelsCorpus, folds: Folds, outputs: Outputs) -> Evidence:
    """Return the held-out texts of some folds of the first texts; others are always in training."""
    fold_of = np.full(len(corpus), -1, np.int32)
    fold_of[: len(folds.fold_of)] = folds.fold_of
    folds = Folds(fold_of=fold_of)
    held = corpus.rows.of_texts(folds.held)
    targets = held.truth()
    known = np.ones(len(held.texts), bool)
    if targets.ndim == 1:
        for inside, outside in folds:
            learned = corpus.rows.label[inside[corpus.rows.text]]
            own = outside[held.texts]
            known[own] = np.isin(targets[own], learned)
    return Evidence(texts=held.texts, targets=targets, known=known, folds=folds, outputs=outputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """A member with its penalty, 1 / `strength`, and its logits [held-out text, label].

    The logits of each text are of a member that was fitted, and whose penalty was chosen, without
    it. `models` returns the models for predictions, fitted to all rows, whose scores are added.
    """

    name: str
    strength: float
    logits: Logits
    models: Callable[[Check], Sequence[LinearPart]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ensembled:
    """The linear members, fitted and weighed.

    Attributes:
        linear: the weighted sum of the members that are linear models of n-grams.
        tfidf: the others, times their weights; one for each kind of values.
        logits: logits [held-out text, label] of all together, each by models and weights of other
            folds.
        teacher: the weights of a kept teacher's embeddings; None: it has none.
        weights: of each member, by name.
    """

    linear: LinearModel
    tfidf: tuple[TfidfModel, ...]
    logits: Logits
    teacher: LinearWeights | None = None
    weights: dict[str, float] = field(default_factory=dict)

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
        if self.teacher is None or embeddings is None:
            return scores
        read = embeddings[:, : len(self.teacher.weights)]
        return scores + read @ self.teacher.weights + self.teacher.bias


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
    members: Iterable[Member], evidence: Evidence, training: Training, *, searches: bool
) -> list[Chosen]:
    """Choose the penalty of each member; those for which the time limit leaves no time are left
    out.

    The features of a member are counted when it is asked for.
    """
    seconds = training.run.budget.for_stage("members")
    if before := training.stages.found(_STAGE):
        strengths = before.pop(_STRENGTHS).tolist()
        there = [member for member in members if member.name in before]
        pairs = zip(there, strengths, strict=True)
        return [_chosen(each, by, before[each.name], evidence) for each, by in pairs]
    chosen: list[Chosen] = []
    is_late = training.within(seconds)

    def check() -> bool:
        # The first member is fitted to its end: unfinished it would be worth nothing.
        if is_late() and chosen:
            raise _OutOfTimeError
        return False

    for member in members:
        # How many members there will be is not known: each has a share of what is left.
        training.run.stage(f"linear models: {member.name}", 0.4 - 0.32 * 0.75 ** len(chosen))
        with suppress(_OutOfTimeError):
            chosen.append(choose(member, evidence, check, searches=searches))
        if is_late():
            names = ", ".join(each.name for each in chosen)
            training.run.note(f"the time limit ended the choice of linear models after {names}")
            break
    logits = {each.name: each.logits for each in chosen}
    strengths = np.array([each.strength for each in chosen])
    training.stages.keep(_STAGE, {**logits, _STRENGTHS: strengths})
    return chosen


def choose(
    member: Member, evidence: Evidence, check: Check = ignore, *, searches: bool = True
) -> Chosen:
    """Choose a member's penalty by the loss of its out-of-fold predictions; `check` may raise to
    stop it.

    From the first penalty the search goes on in the direction that is better, until it is not.
    """
    prepared = [member.prepared(inside) for inside, _ in evidence.folds]
    logits = dict[int, Logits]()
    fitted = dict[int, list[Fitted]]()

    def loss(place: int) -> float:
        if place not in logits:
            near = min(logits, key=lambda other: abs(other - place), default=-1)
            of_folds = list(fitted.get(near, prepared))

            def scores(fold: int, texts: Integers) -> Float32s:
                of_folds[fold] = of_folds[fold].at(member.strengths[place], check)
                return of_folds[fold].scores(texts)

            logits[place] = evidence.logits(scores)
            fitted[place] = of_folds
        return evidence.loss(logits[place])

    best = member.first
    while len(evidence.targets):
        at_best = loss(best)
        near = [place for place in (best - 1, best + 1) if 0 <= place < len(member.strengths)]
        better = min(near, key=loss, default=best) if searches else best
        if loss(better) >= at_best:
            break
        best = better
    return _chosen(member, member.strengths[best], _nested_choice(logits, evidence), evidence)


def _nested_choice(logits: dict[int, Logits], evidence: Evidence) -> Logits:
    """Return the logits of held-out texts, with the penalty that is best for the other parts."""
    found = np.zeros((len(evidence.targets), evidence.outputs.n_labels))
    for others, inside in other_parts(evidence.part_of):
        decisive = evidence.of(others)
        best = min(logits, key=lambda place: decisive.loss(logits[place][others]))
        found[inside] = logits[best][inside]
    return found


def _chosen(member: Member, strength: float, logits: Logits, evidence: Evidence) -> Chosen:
    everything = np.ones(len(evidence.folds.fold_of), bool)

    def models(check: Check) -> Sequence[LinearPart]:
        return [member.fitted_on_path(strength, everything, check).model()]

    return Chosen(name=member.name, strength=strength, logits=logits, models=models)


def known_member(
    name: str, models: Sequence[LinearModel | TfidfModel], corpus: LabelsCorpus, evidence: Evidence
) -> Chosen:
    """Return models that no held-out label has decided, whose scores are added, as one member."""
    held = corpus.tokenized.take(evidence.texts)
    scores = scores_of(models, held.ids, held.starts, corpus.texts_at(evidence.texts))
    logits = linear_log_probabilities(scores)
    return Chosen(name=name, strength=1.0, logits=logits, models=lambda _: models)


def fit_ensembled(chosen: Sequence[Chosen], evidence: Evidence, check: Check = ignore) -> Ensembled:
    """Weigh the members, and fit them to all rows; `check` may raise to stop it."""
    outputs = evidence.outputs
    logits = np.stack([each.logits for each in chosen])
    weights: list[float] = evidence.pool_weights(logits).tolist()
    models = [
        (model, weight)
        for each, weight in zip(chosen, weights, strict=True)
        if weight
        for model in each.models(check)
    ]
    others = [model.times(weight) for model, weight in models if isinstance(model, TfidfModel)]
    kept = [model.times(weight) for model, weight in models if isinstance(model, LinearWeights)]
    return Ensembled(
        linear=_sum(models, outputs.n_labels, others),
        tfidf=merged(others),
        logits=nested_logits(logits, evidence),
        teacher=kept[0] if kept else None,
        weights={each.name: weight for each, weight in zip(chosen, weights, strict=True)},
    )


def metrics_of_members(
    chosen: Sequence[Chosen], ensembled: Ensembled, evidence: Evidence, measured: Mask
) -> dict[str, object]:
    """Return the metrics of the members on the held-out texts where `measured`, ready for JSON."""
    if not measured.any():
        return {}
    outputs = evidence.outputs
    targets = evidence.targets[measured]
    of_members = {
        each.name: {
            "weight": ensembled.weights[each.name],
            "strength": each.strength,
            **outputs.metrics(targets, each.logits[measured]),
        }
        for each in chosen
    }
    together = outputs.metrics(targets, ensembled.logits[measured])
    first = of_members.get("ngrams", {})
    return {
        **{f"baseline_{name}": first[name] for name in ("accuracy", "log_loss") if name in first},
        **{f"linear_{name}": value for name, value in together.items()},
        "members": of_members,
    }


def nested_logits(logits: Logits, evidence: Evidence) -> Logits:
    """Return the logits [held-out text, label] of a pool of logits [member, held-out text, label].

    Each is by weights of the other parts.
    """
    nested = np.zeros(logits.shape[1:])
    for others, inside in other_parts(evidence.part_of):
        share = evidence.of(others).pool_weights(logits[:, others])
        nested[inside] = evidence.outputs.of_scores(np.tensordot(share, logits[:, inside], 1))
    return nested


def measured_places(corpus: LabelsCorpus, evidence: Evidence) -> Mask:
    """Return which held-out texts are measured on: those that people have labelled."""
    measured: Mask = corpus.origin[evidence.texts] == Origin.LABELS
    return measured


def _sum(
    models: Sequence[tuple[LinearPart, float]], n_labels: int, others: Sequence[TfidfModel]
) -> LinearModel:
    """Return the weighted sum of those models that are linear models of n-grams."""
    sums = [(model, weight) for model, weight in models if isinstance(model, LinearModel)]
    if sums:
        return weighted_sum([model for model, _ in sums], [weight for _, weight in sums])
    # An empty model knows no n-gram, whatever ids it has.
    size = 1
    n_columns = n_labels
    if n_labels == 2:
        n_columns = 1
    if others:
        size = others[0].features.size
        n_columns = len(others[0].bias)
    bias = np.zeros(n_columns, np.float32)
    return LinearModel(np.zeros(0, np.int64), np.zeros((0, len(bias)), np.float32), bias, size)
