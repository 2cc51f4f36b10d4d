"""Answers to labelled texts by models that have not seen them: for data too small to set a part aside."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings, check_one_label
from foretell.data.checks import check_learnable
from foretell.data.examples import Column, Examples
from foretell.data.split import make_split
from foretell.errors import SettingsError
from foretell.metrics.costs import Costs
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import evaluation_report
from foretell.training.events import Listener, silent
from foretell.training.labels.folds import make_folds, too_few
from foretell.training.labels.tokens import targets_of
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossValidated:
    """Texts with answers of models that were trained without them.

    Attributes:
        labels: the true label of each text.
        probabilities: float32 [text, label].
        names: the labels, sorted.
        by: a value for each text, or None.
        folds: how many models answered.
        notes: what a user should know, one sentence each.
    """

    labels: list[str]
    probabilities: Probabilities
    names: list[str]
    by: Column | None
    folds: int
    notes: tuple[str, ...]


def cross_validate(
    examples: Examples,
    settings: LabelsSettings,
    n_folds: int,
    *,
    preset: str = "base",
    by: Column | None = None,
    progress: Callable[[int, int], None] | None = None,
    listener: Listener = silent,
) -> CrossValidated:
    """Train a model without each fold of the texts, and answer the texts of the fold with it.

    Every label is spread evenly over the folds, and texts that differ only in case and white space stay
    together. Texts of a label with one such text are in training always, and get no answer.

    Args:
        examples: texts with labels.
        settings: of each model; a limit in minutes is that of each training.
        n_folds: number of folds, 2 or more.
        preset: where the settings came from.
        by: a value for each text, of which those with an answer are kept.
        progress: is called before each training with the folds that are done, and with their number.
        listener: is called with the events of each training.

    Raises:
        SettingsError: fewer than two folds.
        DataError: texts that cannot be learned from.
        Interrupted, KeyboardInterrupt: training was stopped. Nothing is kept.
    """
    if n_folds < 2:
        raise SettingsError(expected="2 folds or more", found=str(n_folds), where="folds")
    check_one_label(settings, "cross-validation")
    check_learnable(examples)
    names = examples.label_names
    targets = targets_of(examples.labels, names)
    folds = make_folds(examples.texts, targets, n_folds, settings.seed)
    answers = np.zeros((len(examples), len(names)), np.float32)
    for fold, (rows, held) in enumerate(folds):
        if progress is not None:
            progress(fold, folds.count)
        part = examples.select(np.flatnonzero(rows).tolist(), f"{examples.name} without fold {fold + 1}")
        split = make_split(part, fraction=settings.fraction_for(len(part)), seed=settings.seed)
        with tempfile.TemporaryDirectory(prefix="foretell-fold-") as folder:
            options = TrainOptions(
                out=Path(folder) / "model", preset=preset, listener=listener, started=time.monotonic()
            )
            train_labels(split, settings, options)
            runtime = LabelsRuntime.open(options.out)
            found = runtime.predict_proba(list(compress(examples.texts, held)))
        known = np.array([names.index(name) for name in runtime.labels])
        answers[np.ix_(np.flatnonzero(held), known)] = found
    if progress is not None:
        progress(folds.count, folds.count)
    held = folds.held
    return CrossValidated(
        labels=list(compress(examples.labels, held)),
        probabilities=answers[held],
        names=names,
        by=None if by is None else Column(by.name, list(compress(by.values, held))),
        folds=folds.count,
        notes=(*folds.notes, *filter(None, [too_few(examples.texts, targets)])),
    )


def folds_report(
    answers: CrossValidated, *, costs: Costs | None = None, positive: str | None = None
) -> dict[str, Any]:
    """Return the report of `evaluation_report`, with `folds` and `measured_on` besides.

    Args:
        answers: what `cross_validate` returned.
        costs: of the two mistakes of a model with two labels: adds the threshold that costs least.
        positive: the positive label of `costs`; None: the second label.
    """
    report = evaluation_report(
        answers.labels, answers.probabilities, answers.names, by=answers.by, costs=costs, positive=positive
    )
    measured_on = f"answers of {answers.folds} models, each to the texts that it was trained without"
    return {"folds": answers.folds, "measured_on": measured_on, **report}
