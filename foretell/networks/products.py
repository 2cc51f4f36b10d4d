"""Matrix products of training, in float32 or, where the processor is faster at it, in bfloat16."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

Tensor = Any

Precision = Literal["float32", "mixed_bfloat16"]
"""What products are computed in. `mixed_bfloat16`, as Keras calls it: weights and sums stay float32, only the
factors are rounded to the 8 bits of bfloat16 (mixed precision, Micikevicius et al. 2018)."""


def product(
    a: Tensor, b: Tensor, precision: Precision, *, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    """Return a · b; the two products of its gradient are computed in the same precision.

    Args:
        a: float32 [row, inner], or [batch, step, inner], whose rows are those of all steps.
        b: float32 [inner, column].
        precision: how.
        transpose_a, transpose_b: that factor is given turned around; `a` then has two axes.

    Returns:
        float32 [row, column], or [batch, step, column].
    """
    kind = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    rows = a if len(a.shape) == 2 else tf.reshape(a, [-1, a.shape[-1]])
    found = tf.matmul(tf.cast(rows, kind), tf.cast(b, kind), transpose_a=transpose_a, transpose_b=transpose_b)
    found = tf.cast(found, tf.float32)
    if len(a.shape) == 2:
        return found
    shape = tf.shape(a)
    return tf.reshape(found, [shape[0], shape[1], found.shape[1]])
