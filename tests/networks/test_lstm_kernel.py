"""Threads and memory of the kernel: blocks of columns, buffers, rows on several cores."""

from __future__ import annotations

import gc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

lstm_kernel = pytest.importorskip("foretell.networks.lstm_kernel")


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 60), st.integers(1, 70))
def test_blocks_are_the_columns_side_by_side_then_zeros(matrices, inner, columns, rows):
    whole = np.random.default_rng(0).normal(size=(matrices, inner, columns)).astype(np.float32)
    with mock.patch.object(lstm_kernel, "_MAX_MULTIPLICATIONS", 20_000):
        blocks = lstm_kernel._columns(whole, rows)
    beside = np.concatenate([blocks[:, b] for b in range(blocks.shape[1])], axis=2)
    np.testing.assert_array_equal(beside[:, :, :columns], whole)
    assert not beside[:, :, columns:].any()
    assert blocks.shape[1] == 1 or rows * inner * blocks.shape[3] <= 20_000


def test_buffers_are_used_again_and_bounded():
    buffers = lstm_kernel.Buffers()
    array = buffers.take(2, 3)
    buffers.give(array)
    assert buffers.take(2, 3) is array
    for k in range(500):
        buffers.give(np.empty(k, np.float32))
    gc.collect()
    assert sum(len(free) for free in buffers._free.values()) <= 64


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_number_of_threads_changes_nothing_but_rounding(threads):
    rng = np.random.default_rng(0)
    batch, steps, units = 7, 5, 6
    inputs = rng.normal(size=(batch, steps, 4 * units)).astype(np.float32)
    recurrent = rng.normal(size=(units, 4 * units)).astype(np.float32)
    zeros, masks = np.zeros((batch, units), np.float32), np.ones((1, batch, units), np.float32)

    def outcome(n):
        buffers = lstm_kernel.Buffers()
        with mock.patch.object(lstm_kernel, "_THREADS", n):
            hidden, c, done = lstm_kernel.forward(inputs, recurrent, zeros, zeros, masks, buffers)
            assert len(done.parts) == min(n, batch)
            return [hidden, c, *lstm_kernel.backward(hidden, zeros, zeros, done, buffers)]

    for one, other in zip(outcome(1), outcome(threads), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("units", [64, 50])  # 50: no tiles, the products stay in float32
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("way", ["amx", "avx512"])
def test_the_recurrence_in_bfloat16_is_near_that_in_float32(units, groups, way):
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

    available = getattr(lstm_kernel, way).available()
    other = {"amx": lstm_kernel.avx512, "avx512": lstm_kernel.amx}[way]
    with mock.patch.object(other, "available", return_value=False):
        exact, mixed = outcome(False), outcome(True)
    for one, another in zip(exact, mixed, strict=True):
        if units == 50 or not available:
            np.testing.assert_array_equal(another, one)
        else:
            assert not np.array_equal(another, one)
            assert np.abs(another - one).max() < 0.03 * np.abs(one).max()
