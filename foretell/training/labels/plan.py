"""The length of a network's training, fixed before the first step, and its state between two steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from foretell.config import LabelsSettings


@dataclass(frozen=True)
class Plan:
    """How long to train.

    Attributes:
        steps_per_epoch: training steps of one epoch.
        epochs: passes over the texts.
        patience: epochs without a better validation result before stopping; 0: never.
    """

    steps_per_epoch: int
    epochs: int
    patience: int

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps_per_epoch


def enough_labels(settings: LabelsSettings, n_texts: int) -> bool:
    """Return whether `n_texts` texts make `settings.min_steps` steps in `settings.epochs` epochs or fewer."""
    return math.ceil(n_texts / settings.batch_size) * settings.epochs >= settings.min_steps


def make_plan(settings: LabelsSettings, n_texts: int, given: frozenset[str] = frozenset()) -> Plan:
    """Return the plan for `n_texts` texts.

    There are at least `settings.min_steps` steps, in whole epochs, and no epoch after the first ends after
    more than `settings.max_steps` steps. Patience keeps its proportion to the number of epochs. Of `given`,
    the settings that the user gave, epochs are not changed by the default of a bound, and patience stays.
    """
    steps, epochs, patience = math.ceil(n_texts / settings.batch_size), settings.epochs, settings.patience
    if "epochs" not in given or "min_steps" in given:
        epochs = max(epochs, math.ceil(settings.min_steps / steps))
    if settings.max_steps and ("epochs" not in given or "max_steps" in given):
        epochs = min(epochs, max(1, settings.max_steps // steps))
    if "patience" not in given:
        patience = math.ceil(patience * epochs / settings.epochs)
    return Plan(steps, epochs, patience)


@dataclass
class Standing:
    """The state of a training between two steps; every field is saved in checkpoints.

    Attributes:
        epoch, batch, step: epochs done, batches done in the current one, steps done in all.
        seconds: spent so far, checkpoints and validation included.
        loss, accuracy: of the last whole epoch, on training texts.
        valid_loss, valid_accuracy: of the last whole epoch, on validation texts.
        best_loss, best_accuracy, best_epoch: of the best epoch, from 1: the highest validation accuracy,
            and among equal ones the lowest loss.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    accuracy: float = math.nan
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    best_loss: float | None = None
    best_accuracy: float = 0.0
    best_epoch: int = 0
