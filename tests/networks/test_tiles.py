"""Products by tile registers against those of NumPy; the recurrence in bfloat16 against that in float32."""

from __future__ import annotations

import ctypes
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

lstm_kernel = pytest.importorskip("foretell.networks.lstm_kernel")
from foretell.networks import tiles  # noqa: E402

needs_tiles = pytest.mark.skipif(not tiles.available(), reason="the processor has no tile registers")


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


def test_not_every_machine_has_tiles():
    tiles.available.cache_clear()
    with mock.patch.object(tiles.platform, "system", return_value="Darwin"):
        assert not tiles.available()
    tiles.available.cache_clear()
    with mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value={"avx2": True}):
        assert not tiles.available()
    tiles.available.cache_clear()
    refused = mock.Mock(syscall=mock.Mock(return_value=-1))
    with (
        mock.patch.object(
            tiles.llvm, "get_host_cpu_features", return_value={"amx-tile": True, "amx-bf16": True}
        ),
        mock.patch.object(ctypes, "CDLL", return_value=refused),
    ):
        assert not tiles.available()
    tiles.available.cache_clear()


@needs_tiles
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 16, 17, 19, 32, 45])
@pytest.mark.parametrize(("inner", "columns"), [(32, 64), (64, 80), (96, 256)])
def test_a_product_is_that_of_the_rounded_factors(rows, inner, columns):
    from numba import njit

    @njit
    def multiply(rows, matrix, memory, result):
        tiles.multiply(rows, matrix, memory, result)

    rng = np.random.default_rng(0)
    a = rng.normal(size=(rows, inner)).astype(np.float32)
    b = rng.normal(size=(inner, columns)).astype(np.float32)
    result = np.full((rows, columns), np.nan, np.float32)
    multiply(a, tiles.packed(b[None], map, 1)[0], np.empty((rows + 1, inner), np.uint16), result)
    np.testing.assert_allclose(result, rounded(a) @ rounded(b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("units", [64, 50])  # 50: no tiles, the products stay in float32
@pytest.mark.parametrize("groups", [1, 4])
def test_the_recurrence_in_bfloat16_is_near_that_in_float32(units, groups):
    rng = np.random.default_rng(0)
    batch, steps = 21, 9
    inputs = rng.normal(size=(batch, steps, 4 * units)).astype(np.float32)
    recurrent = (rng.normal(size=(units, 4 * units)) / np.sqrt(units)).astype(np.float32)
    h, c = rng.normal(size=(2, batch, units)).astype(np.float32)
    masks = rng.integers(0, 2, (groups, batch, units)).astype(np.float32)

    def outcome(in_bfloat16):
        buffers = lstm_kernel.Buffers()
        hidden, last, done = lstm_kernel.forward(
            inputs, recurrent, h, c, masks, buffers, in_bfloat16=in_bfloat16
        )
        return [hidden, last, *lstm_kernel.backward(hidden, c, h, done, buffers)]

    same = not tiles.available() or units == 50
    for exact, mixed in zip(outcome(False), outcome(True), strict=True):
        if same:
            np.testing.assert_array_equal(mixed, exact)
        else:
            assert not np.array_equal(mixed, exact)
            assert np.abs(mixed - exact).max() < 0.03 * np.abs(exact).max()
