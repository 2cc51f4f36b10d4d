"""Matrix products of training, in float32 or, where that is faster, in bfloat16."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf
from tensorflow import Tensor

Precision = Literal["float32", "mixed_bfloat16"]
"""The precision of products. With `mixed_bfloat16` (Keras's name) weights and sums stay float32, and the
factors are rounded to the 8 bits of bfloat16 (mixed precision, Micikevicius et al. 2018)."""


def product(
    a: Tensor, b: Tensor, precision: Precision, *, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    """Return a · b; the two products of its gradient are computed in the same precision.

    Args:
        a: float32 [row, inner], or [batch, step, inner] with a row for each step of the batch.
        b: float32 [inner, column].
        precision: the precision of the factors.
        transpose_a, transpose_b: that factor is given transposed; `a` then has two axes.

    Returns:
        float32 [row, column], or [batch, step, column].
    """
    kind = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    rows = a if len(a.shape) == 2 else tf.reshape(a, [-1, a.shape[-1]])
    factors = (tf.cast(rows, kind), tf.cast(b, kind))
    result = tf.cast(tf.matmul(*factors, transpose_a=transpose_a, transpose_b=transpose_b), tf.float32)
    if len(a.shape) == 2:
        return result
    shape = tf.shape(a)
    return tf.reshape(result, [shape[0], shape[1], result.shape[1]])
