"""What a training changes beside network and optimiser: its state, the average of its weights, its
result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from foretell.arrays import Array, Float32s
from foretell.artifacts.weights import Weights
from foretell.networks import Network, set_weights, weights_of
from foretell.networks.words import States
from foretell.training.checkpoints import Checkpoint

_EVERY = 8
"""Steps between two updates: weights of neighbouring steps hardly differ, and an update reads them
all.
"""

_ETA = 8.0
"""η in Shamir & Zhang: the average is mostly of the last 1 / (η + 1) of the steps, here a ninth."""


@dataclass
class Meter:
    """A running mean of loss and accuracy: their sums, and how many steps have a loss, and an
    accuracy.
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
class State:
    """All that a training step changes, apart from the variables of network and optimiser.

    Attributes:
        carried: the LSTM state after the last window.
        best_weights: the weights of the epoch with the lowest validation loss; empty: none yet.
        step: training steps done.
        seconds: training time up to the last checkpoint, those of earlier processes included.
        best: the lowest validation loss so far, in nats.
        epochs_without_best: epochs since then.
        stopped: whether `patience` has ended the training.
        train_loss, train_accuracy: means of the last whole epoch.
        unmeasured: an epoch has ended and its validation has not; an interruption stopped it.
        ending: whether the last part of the training has begun, which samples more words for the
            softmax. It does not follow from the step: a time limit changes the number of steps
            while they run.
        epoch: means of this epoch.
        logged: means since the last line of metrics.jsonl.
    """

    carried: States
    best_weights: Weights = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    epochs_without_best: int = 0
    stopped: bool = False
    train_loss: float = math.nan
    train_accuracy: float = math.nan
    unmeasured: bool = False
    ending: bool = False
    epoch: Meter = field(default_factory=Meter)
    logged: Meter = field(default_factory=Meter)

    def add(self, loss: float, accuracy: float) -> None:
        """Include one more step in both means."""
        self.step += 1
        self.epoch.add(loss, accuracy)
        self.logged.add(loss, accuracy)

    def means(self) -> dict[str, float]:
        """Return loss and accuracy since the last line of metrics.jsonl: where it has none, the
        epoch's.
        """
        return {**self.epoch_means(), **self.logged.means()}

    def epoch_means(self) -> dict[str, float]:
        """Return the loss and accuracy of this epoch: where it has none, those of the last one."""
        return {"loss": self.train_loss, "accuracy": self.train_accuracy, **self.epoch.means()}

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint: `states/0`, … and `best/<weight>`."""
        states = {f"states/{k}": np.array(tensor.numpy()) for k, tensor in enumerate(self.carried)}
        return {**{f"best/{name}": value for name, value in self.best_weights.items()}, **states}

    def values(self) -> dict[str, object]:
        values = dataclasses.asdict(dataclasses.replace(self, carried=(), best_weights={}))
        return {
            name: value for name, value in values.items() if name not in ("carried", "best_weights")
        }

    @classmethod
    def from_checkpoint(cls, saved: Checkpoint) -> State:
        """Rebuild the state that `arrays` and `values` were of."""
        carried = saved.under("states")
        values = dict(saved.state["training"])
        values |= {name: Meter(**values[name]) for name in ("epoch", "logged")}
        tensors = [tf.constant(carried[str(k)]) for k in range(len(carried))]
        return cls(tensors, saved.under("best"), **values)


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a network's training.

    Attributes:
        weights: those of the best epoch where there is validation, else the last.
        metrics: the metrics.
        valid_logs: log-probabilities of every validation token but the first, float32 [token - 1];
            None: there is no validation.
        valid_hidden: the hidden values before the first of these tokens, float32 [token,
            embedding], at most as many as the cache is fitted on; None: there is no validation, or
            no state.
    """

    weights: Weights
    metrics: dict[str, object]
    valid_logs: Float32s | None = None
    valid_hidden: Float32s | None = None


class WeightAverage:
    """A running average that forgets early steps: polynomial-decay averaging (Shamir & Zhang 2013).

    At a constant learning rate the weights move around a point of lower loss than their own, and
    their average is close to it (Polyak & Juditsky 1992). The n-th value w enters with a weight
    that falls as n grows: a ← a + (η + 1) / (n + η) · (w − a). So no number of steps has to be
    known before.

    Args:
        network: training changes its weights.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._means = [tf.Variable(each, trainable=False) for each in network.trainable_variables]
        self._update = tf.function(self._move, autograph=False)

    def after(self, before: int, step: int) -> None:
        """Take the weights in where it is time: `step` steps are done, `before` at the last
        call.
        """
        n = step // _EVERY
        # Until the first update, the average is the weights of the last step.
        if n > before // _EVERY or n == 0:
            self._update(tf.constant(min(1.0, (_ETA + 1) / (n + _ETA)), tf.float32))

    def _move(self, share: tf.Tensor) -> None:
        for mean, variable in zip(self._means, self._network.trainable_variables, strict=True):
            mean.assign_add((tf.convert_to_tensor(variable) - mean) * share)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the average, and its own weights back at the end."""
        own = weights_of(self._network)
        self.put()
        try:
            yield
        finally:
            set_weights(self._network, own)

    def put(self) -> None:
        """Give the network the average, for good."""
        for variable, mean in zip(self._network.trainable_variables, self._means, strict=True):
            variable.assign(mean)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint: `average/0`, …"""
        return {f"average/{k}": np.array(mean.numpy()) for k, mean in enumerate(self._means)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take the values of a checkpoint: "0" for the first weight, and so on."""
        for name, value in arrays.items():
            self._means[int(name)].assign(value)
