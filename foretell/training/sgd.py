"""Plain steps down the gradient, which read and write only the rows of an embedding that a step has used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Tensor = Any


class SGD:
    """Stochastic gradient descent, the gradient's norm cut to a largest one (Pascanu et al. 2013).

    A step of a language model reads some thousand rows of an embedding of tens of thousands. Nothing
    remembers the others between two steps, so to leave them alone is exact.

    Args:
        learning_rate: may be assigned anew before each step.
        global_clipnorm: largest norm of all gradients together.

    Attributes:
        variables: what a checkpoint must hold: nothing.
    """

    variables: Sequence[Any] = ()

    def __init__(self, learning_rate: float, *, global_clipnorm: float) -> None:
        self.learning_rate = keras.Variable(learning_rate, dtype="float32", trainable=False)
        self._most = global_clipnorm

    def apply(self, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        """Update Keras's variables by their gradients, tensors or `tf.IndexedSlices`."""
        whole = [_summed(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
        values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in whole]
        scale = tf.minimum(1.0, self._most / tf.linalg.global_norm(values)) * self.learning_rate.value
        for variable, gradient, each in zip(variables, whole, values, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                variable.value.scatter_sub(tf.IndexedSlices(scale * each, gradient.indices))
            else:
                variable.value.assign_sub(scale * each)


def _summed(pieces: Any) -> Any:
    """Return the same gradient with each row named once: the norm is that of the sum, not of its pieces."""
    rows, place = tf.unique(pieces.indices)
    return tf.IndexedSlices(tf.math.unsorted_segment_sum(pieces.values, place, tf.size(rows)), rows)
