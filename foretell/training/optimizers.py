"""The optimizer of the language model: Adam by a fused kernel, and gradient clipping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import keras
import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """`keras.optimizers.Adam` without AMSGrad: the same numbers but for rounding (Kingma & Ba 2015).

    TensorFlow's fused kernel needs one pass over each variable. With large embeddings the update is limited
    by memory bandwidth, and Keras reads and writes each number once per operation. Where a sparse gradient
    (`tf.IndexedSlices`) holds a row several times, Keras squares each for the second moment; here they are
    summed first, as in the paper.
    """

    def update_step(
        self, gradient: tf.Tensor | tf.IndexedSlices, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update one variable; see `keras.optimizers.Optimizer.update_step`."""
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )


def clipped(gradients: Sequence[Gradient], max_norm: float) -> list[Gradient]:
    """Scale gradients down to a global norm, where theirs is larger (Pascanu et al. 2013).

    The gradient of an embedding is sparse, and may hold a row several times. Such rows are summed, so that
    the norm is that of the gradient. It stays sparse: SGD then changes only the rows that the step has read.

    Args:
        gradients: tensors, or `tf.IndexedSlices`.
        max_norm: the largest global norm.

    Returns:
        gradients of the same kinds, each row once; all NaN where the norm is not finite.
    """
    once = [_summed(each) if isinstance(each, tf.IndexedSlices) else each for each in gradients]
    scaled: list[Gradient] = tf.clip_by_global_norm(once, max_norm)[0]
    return scaled


def _summed(slices: tf.IndexedSlices) -> tf.IndexedSlices:
    """Return a gradient with each of its rows once."""
    rows, place = tf.unique(slices.indices)
    values = tf.math.unsorted_segment_sum(slices.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, slices.dense_shape)
