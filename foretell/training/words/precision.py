"""The precision of the large matrix products of a training: the faster one on this machine."""

from __future__ import annotations

import time

import numpy as np
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

    float32 for small products, else the faster one in a measurement of a few tenths of a second.
    """
    if rows * inner * columns < _MIN_MULTIPLICATIONS:
        return "float32"
    a = tf.random.stateless_normal([rows, inner], [1, 2])
    b = tf.random.stateless_normal([inner, columns], [3, 4])
    # By turns: when another process takes a core for a while, it slows both precisions down.
    taken = [(_seconds(a, b, "float32"), _seconds(a, b, "mixed_bfloat16")) for _ in range(_REPEATS)]
    in_float32, in_bfloat16 = np.min(taken, axis=0)
    return "mixed_bfloat16" if in_float32 > _MIN_SPEEDUP * in_bfloat16 else "float32"


def _seconds(a: tf.Tensor, b: tf.Tensor, precision: Precision) -> float:
    """Return the seconds of one product."""
    began = time.perf_counter()
    _product(a, b, precision).numpy()
    return time.perf_counter() - began


_product = tf.function(product, autograph=False)
