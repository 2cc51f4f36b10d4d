"""The linear members that these texts can have, each with the penalty that out-of-fold predictions choose."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.config import LabelsSettings
from foretell.training.events import Note, Stage
from foretell.training.labels.balance import Balance, BalancedFit
from foretell.training.labels.candidates import (
    HINTED,
    MAX_TOKENS,
    Candidate,
    Finished,
    HintTexts,
    LabelledTexts,
    candidates,
)
from foretell.training.labels.folds import Folds
from foretell.training.labels.member_search import choose
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

    def is_late() -> bool:
        return time.monotonic() - began > _MAX_TIME_SHARE * left

    chosen = _chosen(found, labelled, folds, run, is_late)
    if run.checkpoints.due():
        run.checkpoints.save(0, {**saved(chosen), **(also_saved or {})}, {})
    return chosen


def _chosen(
    found: Iterator[Candidate],
    labelled: LabelledTexts,
    folds: Folds,
    run: Run,
    is_late: Callable[[], bool],
) -> list[Chosen]:
    """Return the choices that there is time for, at least one."""
    chosen: list[Chosen] = []
    while not (ended := bool(chosen) and is_late()):
        candidate = next(found, None)
        if candidate is None:
            break
        # How many members there will be is not known: each has a share of what is left.
        done = 0.4 - 0.32 * 0.75 ** len(chosen)
        run.options.listener(Stage(name=f"linear models: {candidate.name}", done=done))
        chosen.append(choose(candidate, labelled, folds, run.interrupt.check))
    if ended:
        names = ", ".join(each.candidate.name for each in chosen)
        run.options.listener(Note(text=f"the time limit ended the choice of linear models after {names}"))
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
