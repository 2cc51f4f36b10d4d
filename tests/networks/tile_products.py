"""Products in bfloat16, for the tests of each kind of instruction that computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from numba import njit

from foretell.networks import tiles

ROWS = (1, 2, 3, 4, 7, 8, 16, 17, 19, 32, 45)
SIZES = ((32, 64), (64, 80), (96, 256))
"""Inner values and columns of matrices."""


def rounded(x: Any) -> npt.NDArray[np.float32]:
    """Return the values in bfloat16, as float32."""
    values: npt.NDArray[np.float32] = tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()
    return values


def compiled(multiply: Any) -> Any:
    """Return `multiply` of a module of instructions as a function that Python can call."""

    @njit
    def call(rows, matrix, memory, result):  # type: ignore[no-untyped-def]
        multiply(rows, matrix, memory, result)

    return call


def check_product(multiply: Any, kind: Any, rows: int, inner: int, columns: int) -> None:
    """Assert that a product is that of the rounded factors, for a matrix in tiles of a kind of numbers."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(rows, inner)).astype(np.float32)
    b = rng.normal(size=(inner, columns)).astype(np.float32)
    result = np.full((rows, columns), np.nan, np.float32)
    packed = tiles.packed(b[None], map, 1)[0].view(kind)
    multiply(a, packed, np.empty((rows + 1, inner), np.uint16), result)
    np.testing.assert_allclose(result, rounded(a) @ rounded(b), rtol=1e-5, atol=1e-5)
