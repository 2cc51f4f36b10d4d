"""Keras's Adam with TensorFlow's fused kernel: one pass over each variable instead of a dozen."""

from __future__ import annotations

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """`keras.optimizers.Adam` without AMSGrad: the same numbers but for rounding (Kingma & Ba 2015).

    With large embeddings the update is limited by memory bandwidth: Keras reads and writes each number once
    per operation. Where a sparse gradient (`tf.IndexedSlices`) holds a row several times, Keras squares each
    for the second moment; here they are summed first, as in the paper.
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
