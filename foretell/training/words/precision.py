"""The precision of the large matrix products of a training: the faster one on this machine."""

from __future__ import annotations

import time

import tensorflow as tf

from foretell.networks.lstm_layer import Precision, product

_MIN_MULTIPLICATIONS = 100_000_000
"""Smaller products are computed in float32: rounding their factors costs more than bfloat16
saves.
"""

_MIN_SPEEDUP = 1.1
"""The speedup from which bfloat16 is chosen. Processors without instructions for it measure below
1, those with them 1.2 to 1.8. The threshold is far from both, so that one machine chooses the same
each time, and the same seed gives the same weights."""

_REPEATS = 16


def precision_for(rows: int, inner: int, columns: int) -> Precision:
    """Return the faster precision for products of a size, that of the largest product of a training
    step.

    float32 for small products, else the faster one in a measurement of a tenth of a second.
    """
    if rows * inner * columns < _MIN_MULTIPLICATIONS:
        return "float32"
    a = tf.random.stateless_normal([rows, inner], [1, 2])
    b = tf.random.stateless_normal([inner, columns], [3, 4])
    in_float32, in_bfloat16 = (
        _seconds(a, b, precision) for precision in ("float32", "mixed_bfloat16")
    )
    return "mixed_bfloat16" if in_float32 > _MIN_SPEEDUP * in_bfloat16 else "float32"


def _seconds(a: tf.Tensor, b: tf.Tensor, precision: Precision) -> float:
    """Return the seconds of the fastest of a few products."""
    computed = tf.function(lambda a, b: product(a, b, precision), autograph=False)
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        computed(a, b).numpy()
        taken.append(time.perf_counter() - began)
    return min(taken)
