"""Which precision a training's large products are computed in: what is faster on this machine."""

from __future__ import annotations

import time
from typing import Literal

import tensorflow as tf

from foretell.networks.products import Precision, product

_LEAST_MULTIPLICATIONS = 100_000_000
"""Of a product that rounding its factors can pay for."""

_TIMES_AS_FAST = 1.1
"""What bfloat16 must be: between where there are no instructions for it (below 1) and where there are (1.2 to
1.8). So far from both, one machine says the same each time, and the same seed gives the same weights."""

_TURNS = 16


def precision_for(wanted: Literal["auto", Precision], rows: int, inner: int, columns: int) -> Precision:
    """Return the precision that is wanted; for "auto", the faster one for products of a size.

    Args:
        wanted: a precision, or "auto": float32 where products are small, else what a probe of a tenth of a
            second says.
        rows, inner, columns: the size of the largest product of a training step.
    """
    if wanted != "auto":
        return wanted
    if rows * inner * columns < _LEAST_MULTIPLICATIONS:
        return "float32"
    a = tf.random.stateless_normal([rows, inner], [1, 2])
    b = tf.random.stateless_normal([inner, columns], [3, 4])
    in_float32, in_bfloat16 = (_seconds(a, b, precision) for precision in ("float32", "mixed_bfloat16"))
    return "mixed_bfloat16" if in_float32 > _TIMES_AS_FAST * in_bfloat16 else "float32"


def _seconds(a: tf.Tensor, b: tf.Tensor, precision: Precision) -> float:
    """Return the seconds of the fastest of a few products."""
    computed = tf.function(lambda a, b: product(a, b, precision))
    taken = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        computed(a, b).numpy()
        taken.append(time.perf_counter() - began)
    return min(taken)
