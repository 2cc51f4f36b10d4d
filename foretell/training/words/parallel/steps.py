"""The training step in two halves, with the sum over all workers between them.

forward and backward pass of a part → sum over all workers → clipping by the global norm → update

All workers sample the softmax from the same words. The gradients of these rows are summed as dense ones are;
the other rows are gathered.

The loss of each part is divided by the number of targets of the whole batch, so that the sum of the gradients
is the gradient of one worker on the whole batch, and is clipped as that would be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.arrays import Float32s, Integers
from foretell.config import WordsSettings
from foretell.networks.batch_part import BatchPart
from foretell.networks.words import LstmNetwork, States
from foretell.training.gradients import Gradient
from foretell.training.words.sampled_softmax import drawn_words
from foretell.training.words.step import Steps

_FIGURES = 3
"""Numbers that are summed with the gradients: loss, right and judged words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PartGradients:
    """The gradients of one worker's part of a step, or their sums over all workers.

    Attributes:
        flat: float32 [number]: dense gradients one after another; those of the shared rows of each sparse
            gradient; then loss, right and judged words.
        shared: int32 [shared], the rows that every worker has: the words that the softmax is sampled from.
        sparse: of each sparse gradient the other rows, int32 [row], and their values, float32 [row, column].
    """

    flat: Float32s
    shared: Integers
    sparse: list[tuple[Integers, Float32s]]


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
        # By the number of words in the softmax: the places of the variables whose gradients are sparse.
        self._sparse: dict[int, list[int]] = {}

    def gradients(
        self, ids: Integers, targets: Integers, states: States, seed: Tensor, tokens: int, words: int
    ) -> tuple[PartGradients, States]:
        """Compute the gradients of this part.

        Args:
            ids, targets: int32 [stream, step], of this part.
            states: of this part, carried from the window before.
            seed: int32 [2], of the step.
            tokens: targets of the whole batch.
            words: number of words in the softmax.

        Returns:
            the gradients, and the states after the window.
        """
        total = tf.constant(max(1, tokens), tf.float32)
        flat, shared, sparse, after = self._gradients(ids, targets, states, seed, total, words)
        rows = [(each.numpy(), values.numpy()) for each, values in sparse]
        # What TensorFlow's `numpy` returns is a copy, which may be changed.
        return PartGradients(flat=flat.numpy(), shared=shared.numpy(), sparse=rows), after

    def update(self, gradients: PartGradients, rate: float, words: int) -> tuple[float, float]:
        """Clip and apply the gradients of all workers.

        Args:
            gradients: of all workers.
            rate: the learning rate.
            words: as for `gradients`.

        Returns:
            mean loss in nats and accuracy of the whole batch; NaN in a step that does not measure it.
        """
        pairs = [(tf.constant(rows), tf.constant(values)) for rows, values in gradients.sparse]
        flat, shared = tf.constant(gradients.flat), tf.constant(gradients.shared)
        self._update(flat, shared, pairs, tf.constant(rate, tf.float32), words)
        loss, right, judged = gradients.flat[-_FIGURES:].tolist()
        return loss, right / judged if judged else math.nan

    def flat_state(self) -> Float32s:
        """Return all weights and the optimizer's values of each weight, one after another."""
        flat: Float32s = self._flat().numpy()
        return flat

    def set_flat_state(self, flat: Float32s) -> None:
        """Set what `flat_state` returned."""
        self._assign(tf.constant(flat))

    def compile(self, words: int) -> None:
        """Trace the first half for so many words in the softmax."""
        assert self.part is not None
        shape = [self.part.count, self.settings.window]
        ids = tf.TensorSpec(shape, tf.int32)
        states = [
            tf.TensorSpec([self.part.count, self.settings.units]) for _ in range(2 * self.settings.layers)
        ]
        seed = tf.TensorSpec([2], tf.int32)
        self._gradients.get_concrete_function(ids, ids, states, seed, tf.TensorSpec([]), words)

    def _gradients_of_part(
        self, ids: Tensor, targets: Tensor, states: States, seed: Tensor, tokens: Tensor, words: int
    ) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]], States]:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            done = self.forward(ids, targets, states, seed, words)
            loss = done.loss / tokens
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        sparse_ones = [k for k, each in enumerate(gradients) if isinstance(each, tf.IndexedSlices)]
        self._sparse[words] = sparse_ones
        shared = tf.zeros([0], tf.int32)
        if words < self.network.size:
            shared = drawn_words(self.network.size, words, seed)[0]
        sums, sparse = [], []
        for k in sparse_ones:
            of_shared, rows, values = _divided(gradients[k], shared, _columns(variables[k]))
            sums.append(of_shared)
            sparse.append((rows, values))
        dense = [each for k, each in enumerate(gradients) if k not in sparse_ones]
        return _joined([*dense, *sums, loss, done.right, done.judged]), shared, sparse, done.states

    def _update_all(
        self, flat: Tensor, shared: Tensor, sparse: list[tuple[Tensor, Tensor]], rate: Tensor, words: int
    ) -> None:
        variables, start, sparse_ones = self.network.trainable_variables, 0, self._sparse[words]
        gradients: list[Gradient | None] = [None] * len(variables)
        for k, variable in enumerate(variables):
            if k in sparse_ones:
                continue
            size = int(np.prod(variable.shape))
            gradients[k] = tf.reshape(flat[start : start + size], variable.shape)
            start += size
        for k, (rows, values) in zip(sparse_ones, sparse, strict=True):
            shape, columns = variables[k].shape, _columns(variables[k])
            size = tf.size(shared) * columns
            all_values = tf.concat([tf.reshape(flat[start : start + size], [-1, columns]), values], 0)
            all_rows = tf.concat([shared, rows], 0)
            gradients[k] = tf.IndexedSlices(
                tf.reshape(all_values, [-1, *shape[1:]]), all_rows, tf.constant(list(shape))
            )
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


def _divided(slices: tf.IndexedSlices, shared: Tensor, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Divide a sparse gradient into the rows that all workers have, and the others.

    Args:
        slices: the gradient; a row may be there several times.
        shared: int32 [shared], rows, each once.
        columns: numbers of a row.

    Returns:
        sums of the shared rows, [shared, column]; the other rows, int32 [row], each once; and their sums,
        [row, column].
    """
    indices = tf.cast(slices.indices, tf.int32)
    rows, place = tf.unique(tf.concat([shared, indices], 0))
    count = tf.size(shared)
    values = tf.reshape(slices.values, [-1, columns])
    sums = tf.math.unsorted_segment_sum(values, place[count:], tf.size(rows))
    return sums[:count], rows[count:], sums[count:]


def _columns(variable: tf.Variable) -> int:
    return int(np.prod(variable.shape[1:]))


def _joined(tensors: list[Tensor]) -> Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)
