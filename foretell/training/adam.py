"""Adam as Keras has it, each variable updated by one pass of TensorFlow's fused kernel instead of a dozen."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """`keras.optimizers.Adam` without AMSGrad: the same numbers but for rounding (Kingma & Ba 2015).

    Large embeddings make the update a matter of memory: Keras reads and writes each of their numbers once an
    operation. Where a gradient comes in pieces (`tf.IndexedSlices`), Keras squares each piece for the second
    moment; here they are summed first, as the paper has it.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
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
