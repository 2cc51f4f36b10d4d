"""Answers to labelled texts by models that have not seen them: for data too small to set a part aside."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from foretell.config import LabelsSettings, check_one_label
from foretell.data.checks import check_learnable
from foretell.data.examples import Column, Examples
from foretell.data.split import make_split
from foretell.errors import SettingsError
from foretell.metrics.costs import Costs
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import evaluation_report
from foretell.training.labels.folds import make_folds, too_few
from foretell.training.labels.tokens import targets_of
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions


def cross_validate(
    examples: Examples,
    settings: LabelsSettings,
    n_folds: int,
    *,
    preset: str = "base",
    by: Column | None = None,
    costs: Costs | None = None,
    positive: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    notes: list[str] | None = None,
) -> dict[str, Any]:
    """Train a model without each fold of the texts, answer the fold with it, and measure all answers.

    Every label is spread evenly over the folds, and texts that differ only in case and white space stay
    together. Texts of a label with one such text are in training always, and get no answer.

    Args:
        examples: texts with labels.
        settings: of each model; a limit in minutes is that of each training.
        n_folds: number of folds, 2 or more.
        preset: where the settings came from.
        by: a value for each text.
        costs: of the two mistakes of a model with two labels: adds the threshold that costs least.
        positive: the positive label of `costs`; None: the second label.
        progress: is called before each training with the folds that are done, and with their number.
        notes: a list to which is added what a user should know, one sentence each.

    Returns:
        The report of `evaluation_report`, with `folds` and `measured_on` besides.

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
        progress(fold, folds.count)
        part = examples.select(np.flatnonzero(rows).tolist(), f"{examples.name} without fold {fold + 1}")
        split = make_split(part, fraction=settings.fraction_for(len(part)), seed=settings.seed)
        with tempfile.TemporaryDirectory(prefix="foretell-fold-") as folder:
            options = TrainOptions(out=Path(folder) / "model", preset=preset, started=time.monotonic())
            train_labels(split, settings, options)
            runtime = LabelsRuntime.open(options.out)
            found = runtime.predict_proba(list(compress(examples.texts, held)))
        known = np.array([names.index(name) for name in runtime.labels])
        answers[np.ix_(np.flatnonzero(held), known)] = found
    progress(folds.count, folds.count)
    if notes is not None:
        notes += filter(None, (*folds.notes, too_few(examples.texts, targets)))
    by = None if by is None else Column(by.name, list(compress(by.values, folds.held)))
    labels = list(compress(examples.labels, folds.held))
    report = evaluation_report(labels, answers[folds.held], names, by=by, costs=costs, positive=positive)
    measured_on = f"answers of {folds.count} models, each to the texts that it was trained without"
    return {"folds": folds.count, "measured_on": measured_on, **report}
