"""Answers to labelled texts by models that have not seen them: for data too small to set a part
aside.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import compress
from typing import Any

import numpy as np

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.examples import Examples
from foretell.data.folds import cautions, make_folds
from foretell.errors import SettingsError, TooFewTextsWarning
from foretell.training.events import Listener, Note, Stage
from foretell.training.labels.tokens import targets_of

_OF_UNKNOWN_LABEL = 1e-7
"""The probability of a label that the training of a fold lacks: where log losses are clipped."""


def cross_validate(
    new: Callable[[], Any],
    examples: Examples,
    settings: LabelsSettings,
    n_folds: int,
    listener: Listener,
) -> tuple[Probabilities, dict[str, object]]:
    """Train a classifier without each fold of the texts, and let it answer the fold.

    Every label is spread evenly over the folds, and texts that differ only in case and white space
    stay together. A text whose label no other text has is answered wrongly, as a new label is.

    Args:
        new: returns an untrained `Classifier`.
        examples: texts with labels.
        settings: of each of them; a limit in minutes is that of each training.
        n_folds: number of folds, 2 or more.
        listener: is called with the progress, and with what a user should know.

    Returns:
        The probability of each label, float32 [text, label] as in `label_names` of the examples;
        and `folds` and `measured_on`, which say how it was measured.

    Raises:
        SettingsError: fewer than two folds.
        DataError: texts that cannot be learned from.
        KeyboardInterrupt: training was stopped. Nothing is kept.
    """
    if n_folds < 2:
        raise SettingsError("2 folds or more", n_folds, where="folds")
    check_learnable(examples)
    names = examples.label_names
    targets = targets_of(examples.labels, names)
    folds = make_folds(examples.texts, targets, n_folds, settings.seed)
    answers = np.full((len(examples), len(names)), _OF_UNKNOWN_LABEL, np.float32)
    for fold, (rows, held) in enumerate(folds):
        without = f"without fold {fold + 1}"
        listener(Stage(f"training {without} of {folds.count}", fold / folds.count))
        part = examples.select(np.flatnonzero(rows).tolist(), f"{examples.name} {without}")
        known = np.array([names.index(name) for name in part.label_names])
        # Of one label alone there is nothing to learn.
        probabilities = np.ones(1, np.float32)
        if len(known) > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TooFewTextsWarning)
                model = new().fit(part)
            probabilities = model.predict_proba(list(compress(examples.texts, held)))
        answers[np.ix_(np.flatnonzero(held), known)] = probabilities
    for sentence in cautions(folds, examples.texts, targets):
        listener(Note(sentence))
    measured_on = f"answers of {folds.count} models, each to the texts that it was trained without"
    return answers, {"folds": folds.count, "measured_on": measured_on}
