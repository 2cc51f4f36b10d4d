"""What every worker does in a step, the first one too."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from foretell.arrays import Integers
from foretell.networks.words import States
from foretell.ring.collectives import Ring
from foretell.training.words.parallel.steps import PartSteps
from foretell.training.words.step import seed_of


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the first worker has decided about a step.

    Attributes:
        step: its number, from which all its random numbers come.
        rate: the learning rate.
        tokens: targets of the whole batch.
        words: number of words in the softmax.
        is_first: whether it is the first window of a pass, so that all states are empty.
        is_local: whether each worker changes its own weights by its own gradients.
        averages: whether the weights are averaged after it.
    """

    step: int
    rate: float
    tokens: int
    words: int
    is_first: bool = False
    is_local: bool = False
    averages: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return dataclasses.asdict(self)


class PartWorker:
    """One worker in training.

    Args:
        steps: its step functions.
        ring: its neighbours.
        carried: the states of its streams, [stream, unit] each.

    Attributes:
        dense_bytes: of the gradients that the last step added up as one vector; 0: it was local.
    """

    def __init__(self, steps: PartSteps, ring: Ring, carried: States) -> None:
        self.steps, self.ring, self.carried = steps, ring, carried
        self.dense_bytes = 0

    def copy_weights(self) -> None:
        """Replace the weights, and the optimizer's values of each, by those of the first worker."""
        flat = self.steps.flat_state()
        self.ring.copy_from_first(flat)
        self.steps.set_flat_state(flat)

    def average(self) -> None:
        """Replace the weights, and the optimizer's values of each, by their means over all workers.

        With Adam these are both moments: as one worker has them that has seen all gradients. A checkpoint of
        the means is then complete.
        """
        flat = self.steps.flat_state()
        self.ring.sum(flat)
        flat /= self.ring.workers
        self.steps.set_flat_state(flat)

    def step(self, order: Order, ids: Integers, targets: Integers) -> tuple[float, float]:
        """Do one training step.

        Args:
            order: what is decided about it.
            ids, targets: int32 [stream, step], of this worker's streams.

        Returns:
            mean loss in nats and accuracy: of the whole batch; of a local step, of this worker's streams.

        Raises:
            LostWorkerError: a worker is gone; the step is not done.
        """
        steps = self.steps
        carried = steps.network.first_states(len(ids)) if order.is_first else self.carried
        seed = seed_of(steps.settings, order.step)
        if order.is_local:
            self.dense_bytes = 0
            rate = tf.constant(order.rate, tf.float32)
            loss, accuracy, self.carried = steps.train(ids, targets, carried, seed, rate, order.words)
            figures = float(loss), float(accuracy)
            if order.averages:
                self.average()
            return figures
        gradients, carried = steps.gradients(ids, targets, carried, seed, order.tokens, order.words)
        self.dense_bytes = gradients.flat.nbytes
        self.ring.sum(gradients.flat)
        rows = [self.ring.gather_rows(*each) for each in gradients.sparse]
        self.carried = carried
        return steps.update(dataclasses.replace(gradients, sparse=rows), order.rate, order.words)
