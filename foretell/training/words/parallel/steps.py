"""The training step in two halves, with the sum over all workers between them.

forward and backward pass of a part → sum over all workers → clipping by the global norm → update

The loss of each part is divided by the number of targets of the whole batch, so that the sum of the gradients
is the gradient of one worker on the whole batch, and is clipped as that would be.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.arrays import Float32s, Integers
from foretell.config import WordsSettings
from foretell.networks.batch_part import BatchPart
from foretell.networks.words import LstmNetwork, States
from foretell.training.gradients import Gradient, summed
from foretell.training.words.step import Steps

_FIGURES = 3
"""Numbers that are summed with the gradients: loss, right and judged words."""


class PartSteps(Steps):
    """The step functions of one worker.

    Args:
        network: the worker's copy of the network.
        settings: of the training.
        part: the streams of this worker.
    """

    def __init__(self, network: LstmNetwork, settings: WordsSettings, part: BatchPart) -> None:
        super().__init__(network, settings, part)
        self._gradients = tf.function(self._gradients_of_part, autograph=False)
        self._update = tf.function(self._update_all, autograph=False, reduce_retracing=True)
        self._flat = tf.function(self._joined_numbers, autograph=False)
        self._assign = tf.function(self._assign_all, autograph=False)
        self._sparse: list[int] = []

    def gradients(
        self, ids: Integers, targets: Integers, states: States, seed: Tensor, tokens: int
    ) -> tuple[Float32s, list[tuple[Integers, Float32s]], States]:
        """Compute the gradients of this part.

        Args:
            ids, targets: int32 [stream, step], of this part.
            states: of this part, carried from the window before.
            seed: int32 [2], of the step.
            tokens: targets of the whole batch.

        Returns:
            dense gradients one after another, then loss, right and judged words, float32 [number]; for each
            sparse gradient its rows, int32 [row], each once, and their values, float32 [row, column]; and the
            states after the window.
        """
        total = tf.constant(max(1, tokens), tf.float32)
        flat, sparse, after = self._gradients(ids, targets, states, seed, total)
        # Copied: what TensorFlow gives must not be changed.
        return np.array(flat.numpy()), [(rows.numpy(), values.numpy()) for rows, values in sparse], after

    def update(
        self, flat: Float32s, sparse: list[tuple[Integers, Float32s]], rate: float
    ) -> tuple[float, float]:
        """Clip and apply the gradients of all workers; the arguments are as `gradients` returns them.

        Returns:
            mean loss in nats and accuracy of the whole batch.
        """
        pairs = [(tf.constant(rows), tf.constant(values)) for rows, values in sparse]
        self._update(tf.constant(flat), pairs, tf.constant(rate, tf.float32))
        loss, right, judged = flat[-_FIGURES:].tolist()
        return loss, right / max(1.0, judged)

    def flat_state(self) -> Float32s:
        """Return all weights and the optimizer's values of each weight, one after another."""
        return np.array(self._flat().numpy())

    def set_flat_state(self, flat: Float32s) -> None:
        """Set what `flat_state` returned."""
        self._assign(tf.constant(flat))

    def compile(self) -> None:
        """Trace both halves and the step of its own, which change nothing yet."""
        assert self.part is not None
        shape = [self.part.count, self.settings.window]
        ids = tf.TensorSpec(shape, tf.int32)
        states = [
            tf.TensorSpec([self.part.count, self.settings.units]) for _ in range(2 * self.settings.layers)
        ]
        seed = tf.TensorSpec([2], tf.int32)
        self._gradients.get_concrete_function(ids, ids, states, seed, tf.TensorSpec([]))

    def _gradients_of_part(
        self, ids: Tensor, targets: Tensor, states: States, seed: Tensor, tokens: Tensor
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]], States]:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            done = self.forward(ids, targets, states, seed)
            loss = done.loss / tokens
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._sparse = [k for k, each in enumerate(gradients) if isinstance(each, tf.IndexedSlices)]
        sparse = []
        for k in self._sparse:
            once = summed(gradients[k])
            values = tf.reshape(
                once.values, [-1, variables[k].shape[1] if len(variables[k].shape) > 1 else 1]
            )
            sparse.append((tf.cast(once.indices, tf.int32), values))
        dense = [each for k, each in enumerate(gradients) if k not in self._sparse]
        return _joined([*dense, loss, done.right, done.judged]), sparse, done.states

    def _update_all(self, flat: Tensor, sparse: list[tuple[Tensor, Tensor]], rate: Tensor) -> None:
        variables, gradients, start = self.network.trainable_variables, list[Gradient](), 0
        waiting = list(sparse)
        for k, variable in enumerate(variables):
            if k in self._sparse:
                rows, values = waiting.pop(0)
                values = tf.reshape(values, [-1, *variable.shape[1:]])
                gradients.append(tf.IndexedSlices(values, rows, tf.constant(list(variable.shape))))
                continue
            size = int(np.prod(variable.shape))
            gradients.append(tf.reshape(flat[start : start + size], variable.shape))
            start += size
        self.apply(gradients, rate)

    def _numbers(self) -> list[tf.Variable]:
        """Return the variables that a step changes, but for counters."""
        slots = [variable for variable in self.optimizer.variables if len(variable.shape) > 0]
        return [*self.network.trainable_variables, *slots]

    def _joined_numbers(self) -> Tensor:
        return _joined([variable.value for variable in self._numbers()])

    def _assign_all(self, flat: Tensor) -> None:
        start = 0
        for variable in self._numbers():
            size = int(np.prod(variable.shape))
            variable.assign(tf.reshape(flat[start : start + size], variable.shape))
            start += size


def _joined(tensors: list[Tensor]) -> Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)
