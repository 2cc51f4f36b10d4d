"""The penalty of each linear member, chosen by out-of-fold predictions."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from foretell.arrays import LogProbabilities
from foretell.config import LabelsSettings
from foretell.training.events import Note
from foretell.training.labels.balance import Balance, BalancedFit
from foretell.training.labels.candidates import (
    HINTED,
    MAX_TOKENS,
    Candidate,
    Finished,
    Fit,
    HintTexts,
    LabelledTexts,
    Rows,
    candidates,
)
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import Chosen
from foretell.training.labels.teacher import Teacher
from foretell.training.labels.tokens import Tokens
from foretell.training.run import Run

_PREFIX, _STRENGTHS = "folds/logs/", "folds/strengths"

_MAX_TIME_SHARE = 1 / 3
"""The part of the remaining time after which no further member is begun."""

_TOKENS_PER_MINUTE = 300_000
"""Unlabelled tokens of the dense features for each minute of a time limit: three seconds, two processors."""


def choose_members(
    labelled: LabelledTexts,
    tokens: Tokens,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
    teacher: Teacher | None = None,
    hints: HintTexts | None = None,
    also_saved: Mapping[str, npt.NDArray[Any]] | None = None,
) -> list[Chosen]:
    """Choose the penalty of each member that these texts can have.

    Args:
        labelled: the texts.
        tokens: the tokenized split.
        folds: of the texts.
        settings: `seed` is read.
        run: its latest checkpoint has the choice, or it is saved in a new one where it took long. Members
            for which the time limit leaves no time are left out.
        teacher: what students learn from, or None.
        hints: words for labels, or None.
        also_saved: arrays of earlier steps that the checkpoint contains.
    """
    began, left = time.monotonic(), run.budget.left()
    size, first = tokens.tokenizer.size, tokens.tokenizer.specials
    found: Iterator[Candidate] = candidates(
        labelled,
        size,
        first=first,
        seed=settings.seed,
        vectors=tokens.vectors,
        teacher=teacher,
        hints=hints,
        max_tokens=_max_tokens(settings.minutes),
    )
    if tokens.balance is not None:
        balance = tokens.balance
        found = (_balanced(each, balance) for each in found)
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _STRENGTHS in checkpoint.arrays:
        return _restored(found, checkpoint.arrays)
    chosen: list[Chosen] = []
    while time.monotonic() - began <= _MAX_TIME_SHARE * left or not chosen:
        candidate = next(found, None)
        if candidate is None:
            break
        chosen.append(choose(candidate, labelled, folds, run.interrupt.check))
    else:
        names = ", ".join(each.candidate.name for each in chosen)
        run.options.listener(Note(text=f"the time limit ended the choice of linear models after {names}"))
    if run.checkpoints.due():
        run.checkpoints.save(0, {**saved(chosen), **(also_saved or {})}, {})
    return chosen


def _balanced(candidate: Candidate, balance: Balance) -> Candidate:
    """Return a candidate whose texts have class weights, corrected to the true shares of the labels."""
    if candidate.name.startswith(HINTED):
        # It learns from the hints alone, which have no class weights.
        return candidate

    def finished(fit: BalancedFit, model: Any) -> Finished:
        made = candidate.finished(fit.inner, model)
        # The scores of several models are added: one of them has the correction.
        if isinstance(made, tuple):
            return (balance.corrected_model(made[0]), *made[1:])
        return balance.corrected_model(made)

    return dataclasses.replace(
        candidate, on=lambda rows: BalancedFit(candidate.on(rows), balance), finished=finished
    )


def _max_tokens(minutes: float) -> int:
    """Return how many unlabelled tokens the dense features may be made of; a resumed training has as many."""
    return min(MAX_TOKENS, int(_TOKENS_PER_MINUTE * minutes)) if minutes else MAX_TOKENS


def saved(chosen: Sequence[Chosen]) -> dict[str, npt.NDArray[Any]]:
    """Return the choice as arrays for a checkpoint; `choose_members` reads them."""
    arrays: dict[str, npt.NDArray[Any]] = {_PREFIX + each.candidate.name: each.logs for each in chosen}
    return {**arrays, _STRENGTHS: np.array([each.strength for each in chosen])}


def _restored(found: Iterable[Candidate], arrays: dict[str, npt.NDArray[Any]]) -> list[Chosen]:
    there = [candidate for candidate in found if _PREFIX + candidate.name in arrays]
    return [
        Chosen(candidate=candidate, strength=strength, logs=arrays[_PREFIX + candidate.name])
        for candidate, strength in zip(there, arrays[_STRENGTHS].tolist(), strict=True)
    ]


def choose(candidate: Candidate, labelled: LabelledTexts, folds: Folds, check: Check = ignore) -> Chosen:
    """Choose a member's penalty by the log-loss of its out-of-fold predictions.

    From the first penalty the search goes on in the direction that is better, until it is not. `check` may
    raise to stop it.
    """
    targets, held = labelled.targets[folds.held], folds.held
    fits: list[Fit] = [candidate.on(rows) for rows, _ in folds]
    tried: dict[int, tuple[float, LogProbabilities, list[Any]]] = {}

    def loss(place: int) -> float:
        if place not in tried:
            near = min(tried, key=lambda other: abs(other - place), default=None)
            starts: Sequence[Any] = [None] * len(fits) if near is None else tried[near][2]
            logs, models = _out_of_fold(fits, folds, candidate.strengths[place], starts, labelled, check)
            tried[place] = labelled.outputs.loss(targets, logs[held]), logs, models
        return tried[place][0]

    best = candidate.first
    while len(targets):
        near = [place for place in (best - 1, best + 1) if 0 <= place < len(candidate.strengths)]
        better = min(near, key=loss, default=best)
        if loss(better) >= loss(best):
            break
        best = better
    logs = tried[best][1] if tried else np.zeros(labelled.soft.shape)
    return Chosen(candidate=candidate, strength=candidate.strengths[best], logs=logs)


def _out_of_fold(
    fits: Sequence[Fit],
    folds: Folds,
    strength: float,
    starts: Sequence[Any],
    labelled: LabelledTexts,
    check: Check,
) -> tuple[LogProbabilities, list[Any]]:
    """Return what the models say of held-out texts, [text, label], and the model of each fold."""
    logs = np.zeros(labelled.soft.shape)

    def work(fit: Fit, held: Rows, start: Any) -> Any:
        model = fit.fit(strength, start, check)
        logs[held] = labelled.outputs.of_scores(fit.scores(model, held))
        return model

    # Two folds at a time, each on one thread: threads of a matrix product would wait for each other.
    with threadpool_limits(1), ThreadPoolExecutor(2) as threads:
        models = list(threads.map(work, fits, [held for _, held in folds], starts))
    return logs, models
