"""Matrices in tiles: what packing keeps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from foretell.networks import tiles


def rounded(x):
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()


def unpacked(packed):
    """Return a packed matrix as it was, in bfloat16: [inner, column]."""
    columns, inners = packed.shape[:2]
    pairs = packed.reshape(columns, inners, 16, 16, 2)  # …, pair, column, which of the pair
    bits = pairs.transpose(1, 2, 4, 0, 3).reshape(32 * inners, 16 * columns).astype(np.uint32) << 16
    return bits.view(np.float32)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(4, 9), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=30)
def test_packing_rounds_and_loses_nothing(n, inner, columns, parts, transposed):
    whole = np.random.default_rng(0).normal(size=(n, 32 * inner, 16 * columns)).astype(np.float32)
    if transposed:
        whole = np.ascontiguousarray(whole.transpose(0, 2, 1)).transpose(0, 2, 1)
    packed = tiles.packed(whole, map, parts)
    assert packed.ctypes.data % 64 == 0
    for one, matrix in zip(packed, whole, strict=True):
        np.testing.assert_array_equal(unpacked(one), rounded(matrix))


@pytest.mark.parametrize(
    ("inner", "columns", "fits"),
    [(64, 256, True), (32, 64, True), (48, 64, False), (64, 48, False), (64, 72, False), (100, 400, False)],
)
def test_the_sizes_that_fit(inner, columns, fits):
    assert tiles.fit(inner, columns) == fits
