"""The state of a training of the `lstm` language model, apart from network and optimizer, and its result."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from foretell.artifacts.weights import Weights
from foretell.networks.words import States
from foretell.training.checkpoints import Checkpoint


@dataclass
class Meter:
    """A running mean of loss and accuracy.

    Attributes:
        loss, accuracy: their sums.
        steps, judged: how many steps have a loss, and how many an accuracy.
    """

    loss: float = 0.0
    accuracy: float = 0.0
    steps: int = 0
    judged: int = 0

    def add(self, loss: float, accuracy: float) -> None:
        """Include one more step, whose accuracy is NaN where it was not measured."""
        self.loss += loss
        self.steps += 1
        if not math.isnan(accuracy):
            self.accuracy += accuracy
            self.judged += 1

    def means(self) -> dict[str, float]:
        """Return the mean loss and accuracy so far, each only where a step has one."""
        sums = {"loss": (self.loss, self.steps), "accuracy": (self.accuracy, self.judged)}
        return {name: value / count for name, (value, count) in sums.items() if count}


@dataclass
class Position:
    """The numbers of a training's state.

    Attributes:
        step: training steps done.
        seconds: training time up to the last checkpoint, those of earlier processes included.
        best: the lowest validation loss so far, in nats.
        epochs_without_best: epochs since then.
        stopped: whether `patience` has ended the training.
        train_loss, train_accuracy: means of the last whole epoch.
        unmeasured: an epoch has ended and its validation has not; an interruption stopped it.
        ending: whether the last part of the training has begun, which samples more words for the softmax. It
            does not follow from the step: a time limit changes the number of steps while they run.
    """

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    epochs_without_best: int = 0
    stopped: bool = False
    train_loss: float = math.nan
    train_accuracy: float = math.nan
    unmeasured: bool = False
    ending: bool = False


@dataclass
class State:
    """All that a training step changes, apart from the variables of network and optimizer.

    Attributes:
        carried: the LSTM state after the last window.
        best_weights: the weights of the epoch with the lowest validation loss; empty: none yet.
        at: its numbers.
        epoch: means of this epoch.
        logged: means since the last line of metrics.jsonl.
    """

    carried: States
    best_weights: Weights = field(default_factory=dict)
    at: Position = field(default_factory=Position)
    epoch: Meter = field(default_factory=Meter)
    logged: Meter = field(default_factory=Meter)

    def means(self) -> dict[str, float]:
        """Return loss and accuracy since the last line of metrics.jsonl: where it has none, the epoch's."""
        return {**self.epoch_means(), **self.logged.means()}

    def epoch_means(self) -> dict[str, float]:
        """Return the loss and accuracy of this epoch: where it has none, those of the last one."""
        return {"loss": self.at.train_loss, "accuracy": self.at.train_accuracy, **self.epoch.means()}

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays of a checkpoint: `states/0`, … and `best/<weight>`."""
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        arrays |= {f"best/{name}": value for name, value in self.best_weights.items()}
        arrays |= {f"states/{k}": np.array(tensor.numpy()) for k, tensor in enumerate(self.carried)}
        return arrays

    def values(self) -> dict[str, object]:
        """Return the plain values of a checkpoint."""
        parts = (("at", self.at), ("epoch", self.epoch), ("logged", self.logged))
        return {name: dataclasses.asdict(part) for name, part in parts}

    @classmethod
    def from_checkpoint(cls, saved: Checkpoint) -> State:
        """Rebuild the state that `arrays` and `values` were of; a checkpoint may hold more than those."""
        carried = saved.under("states")
        return cls(
            [tf.constant(carried[str(k)]) for k in range(len(carried))],
            cast(Weights, saved.under("best")),
            Position(**saved.state["at"]),
            Meter(**saved.state["epoch"]),
            Meter(**saved.state["logged"]),
        )


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a network's training.

    Attributes:
        weights: those of the best epoch where there is validation, else the last.
        metrics: the figures.
        valid_logs: log-probabilities of every validation token but the first, float32 [token - 1]; None:
            there is no validation.
        valid_hidden: the hidden values before the first of these tokens, float32 [token, embedding], at most
            as many as the cache is fitted on; None: there is no validation, or no state.
    """

    weights: Weights
    metrics: dict[str, object]
    valid_logs: npt.NDArray[np.float32] | None
    valid_hidden: npt.NDArray[np.float32] | None = None
