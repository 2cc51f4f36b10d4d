"""The gradients of one step, cut to a largest norm, as an optimiser is given them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def clipped(gradients: Sequence[Any], largest: float) -> list[Any]:
    """Scale gradients down to a global norm, where theirs is larger (Pascanu et al. 2013).

    The gradient of an embedding comes in pieces that may name a row twice. They are summed, so that the norm
    is that of the gradient, and stay rows: SGD leaves the others, which no step has read, alone.

    Args:
        gradients: tensors, or `tf.IndexedSlices`.
        largest: the norm.

    Returns:
        the same kinds, each row named once; all NaN where the norm is not finite.
    """
    summed = [_summed(each) if isinstance(each, tf.IndexedSlices) else each for each in gradients]
    found: list[Any] = tf.clip_by_global_norm(summed, largest)[0]
    return found


def _summed(pieces: Any) -> Any:
    rows, place = tf.unique(pieces.indices)
    values = tf.math.unsorted_segment_sum(pieces.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, pieces.dense_shape)
