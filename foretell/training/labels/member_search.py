"""The search for the penalty of one linear member, by its out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from foretell.arrays import LogProbabilities
from foretell.training.labels.candidates import Candidate, Fit, LabelledTexts, Rows
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import Chosen

_THREADS = 2
"""Folds that are fitted at a time."""


def choose(
    candidate: Candidate,
    labelled: LabelledTexts,
    folds: Folds,
    check: Check = ignore,
    *,
    threads: int = _THREADS,
) -> Chosen:
    """Choose a member's penalty by the log-loss of its out-of-fold predictions.

    From the first penalty the search goes on in the direction that is better, until it is not.

    Args:
        candidate: the member.
        labelled: `targets`, `soft` and `outputs` are read.
        folds: of the texts.
        check: may raise to stop it.
        threads: folds that are fitted at a time; changes nothing.
    """
    targets, held = labelled.targets[folds.held], folds.held
    fits: list[Fit] = [candidate.on(rows) for rows, _ in folds]
    tried: dict[int, tuple[float, LogProbabilities, list[Any]]] = {}

    def loss(place: int) -> float:
        if place not in tried:
            near = min(tried, key=lambda other: abs(other - place), default=None)
            starts: Sequence[Any] = [None] * len(fits) if near is None else tried[near][2]
            logs, models = _out_of_fold(
                fits, folds, candidate.strengths[place], starts, labelled, check, threads
            )
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
    threads: int,
) -> tuple[LogProbabilities, list[Any]]:
    """Return what the models say of held-out texts, [text, label], and the model of each fold."""
    logs = np.zeros(labelled.soft.shape)

    def work(fit: Fit, held: Rows, start: Any) -> Any:
        model = fit.fit(strength, start, check)
        logs[held] = labelled.outputs.of_scores(fit.scores(model, held))
        return model

    # Each on one thread: threads of a matrix product would wait for each other.
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        models = list(pool.map(work, fits, [held for _, held in folds], starts))
    return logs, models
