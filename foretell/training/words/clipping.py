"""Gradient clipping for embeddings: sparse gradients stay sparse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


def clipped(gradients: Sequence[Gradient], max_norm: float) -> list[Gradient]:
    """Scale gradients down to a global norm, where theirs is larger (Pascanu et al. 2013).

    The gradient of an embedding is sparse, and may hold a row several times. Such rows are summed,
    so that the norm is that of the gradient. It stays sparse: SGD then changes only the rows that
    the step has read.

    Args:
        gradients: tensors, or `tf.IndexedSlices`.
        max_norm: the largest global norm.

    Returns:
        gradients of the same kinds, each row once; all NaN where the norm is not finite.
    """
    once = [
        _summed(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
        for gradient in gradients
    ]
    scaled: list[Gradient] = tf.clip_by_global_norm(once, max_norm)[0]
    return scaled


def _summed(slices: tf.IndexedSlices) -> tf.IndexedSlices:
    rows, place = tf.unique(slices.indices)
    values = tf.math.unsorted_segment_sum(slices.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, slices.dense_shape)
