"""How long a classifier is trained, known before the first step, and how far it has come."""

from __future__ import annotations

import math
from dataclasses import dataclass

from foretell.config import LabelsSettings


@dataclass(frozen=True)
class Plan:
    """How long to train.

    Attributes:
        steps_an_epoch: as it says.
        epochs: passes over the texts.
        patience: epochs without a better held-out part before stopping; 0: never.
    """

    steps_an_epoch: int
    epochs: int
    patience: int

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps_an_epoch


def are_enough(settings: LabelsSettings, n_texts: int) -> bool:
    """Return whether `n_texts` texts make `settings.min_steps` steps in no more than `settings.epochs`."""
    return math.ceil(n_texts / settings.batch_size) * settings.epochs >= settings.min_steps


def make_plan(settings: LabelsSettings, n_texts: int) -> Plan:
    """Return the plan for `n_texts` texts.

    There are at least `settings.min_steps` steps, in whole epochs, and no epoch but the first that would end
    after more than `settings.max_steps`. Where that takes more or fewer epochs than `settings.epochs`,
    patience grows or shrinks alike: it is a part of the training.
    """
    steps = math.ceil(n_texts / settings.batch_size)
    epochs = max(settings.epochs, math.ceil(settings.min_steps / steps))
    if settings.max_steps:
        epochs = min(epochs, max(1, settings.max_steps // steps))
    return Plan(steps, epochs, math.ceil(settings.patience * epochs / settings.epochs))


@dataclass
class Standing:
    """Where a training stands; every field survives in a checkpoint.

    Attributes:
        epoch, batch, step: epochs done, batches done in the current one, steps done in all.
        seconds: spent so far, checkpoints and held-out part included.
        loss, accuracy: of the last whole epoch, while training.
        valid_loss, valid_accuracy: of the last whole epoch, on the held-out part.
        best_loss, best_accuracy, best_epoch: of the best epoch, from 1: the highest held-out accuracy, and of
            equal ones the lowest loss.
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
