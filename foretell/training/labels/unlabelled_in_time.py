"""How many unlabelled texts the time limit leaves time for, where the linear model learns from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foretell.config import LabelsSettings
from foretell.training.events import Note
from foretell.training.labels.linear import LinearStep
from foretell.training.labels.pseudo_labels import texts_in
from foretell.training.labels.tokens import Tokens
from foretell.training.run import Run

_MAX_TIME_SHARE = 0.4
"""The part of the remaining time for all fits of the linear model to labelled and unlabelled texts."""


def unlabelled_in_time(tokens: Tokens, linear: LinearStep, settings: LabelsSettings, run: Run) -> Tokens:
    """Return the tokens with as many unlabelled texts as there is time for, the first ones.

    Args:
        tokens: the tokenized split.
        linear: the linear model of the labels, whose fit shows how long another takes.
        settings: `refit` is read: with it the model is fitted twice.
        run: its time limit counts; a checkpoint says how many texts were used before an interruption.
    """
    if linear.model is None or not len(tokens.unlabelled) or run.budget.deadline is None:
        return tokens
    n_valid = 0 if tokens.valid is None else len(tokens.valid.texts)
    checkpoint = run.checkpoints.latest()
    n = None if checkpoint is None else texts_in(checkpoint, n_valid)
    if n is None:
        n_train, starts = len(tokens.train.texts), tokens.all_texts.starts
        fits = 2 if settings.refit else 1
        seconds_per_token = linear.seconds / max(1, starts[n_train])
        affordable = _MAX_TIME_SHARE * run.budget.left() / max(1e-12, fits * seconds_per_token)
        n = max(n_train, int(np.searchsorted(starts, affordable, side="right")) - 1)
        if n < len(tokens.all_texts):
            some = f"{n - n_train:,} of {len(tokens.unlabelled):,}"
            run.options.listener(Note(text=f"the time limit leaves time for {some} unlabelled texts"))
    return replace(tokens, all_texts=tokens.all_texts.part(0, n))
