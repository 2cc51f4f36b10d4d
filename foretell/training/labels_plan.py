"""How long a classifier is trained, known before the first step, and how far it has come."""

from __future__ import annotations

import math
from dataclasses import dataclass

from foretell.config import LabelsSettings


@dataclass(frozen=True)
class Plan:
    """How long to train.

    Attributes:
        epoch_steps: the steps of each epoch.
        patience: epochs without a better held-out part before stopping; 0: never.
        alone: how many of the epochs, the first ones, are over the texts with labels alone.
    """

    epoch_steps: tuple[int, ...]
    patience: int
    alone: int = 0

    @property
    def epochs(self) -> int:
        """Passes over the texts."""
        return len(self.epoch_steps)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return sum(self.epoch_steps)

    @property
    def steps_alone(self) -> int:
        """Steps over the texts with labels alone."""
        return sum(self.epoch_steps[: self.alone])


def make_plan(settings: LabelsSettings, n_texts: int, n_unlabelled: int = 0) -> Plan:
    """Return the plan for `n_texts` texts with labels, and more without.

    There are at least `settings.min_steps` steps, in whole epochs. Where that takes more epochs than
    `settings.epochs`, patience is stretched as much: it is a part of the training.
    """
    first = math.ceil(n_texts / settings.batch_size)
    least = math.ceil(settings.min_steps / first)
    if not n_unlabelled or not settings.relabel:
        every = math.ceil((n_texts + n_unlabelled) / settings.batch_size)
        epochs = max(settings.epochs, math.ceil(settings.min_steps / every))
        return Plan((every,) * epochs, math.ceil(settings.patience * epochs / settings.epochs))
    alone = max(min(settings.relabel, settings.epochs), least)
    together = math.ceil((n_texts + n_unlabelled) / settings.batch_size)
    rest = max(0, settings.epochs - settings.relabel)
    return Plan((first,) * alone + (together,) * rest, settings.patience, alone)


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
