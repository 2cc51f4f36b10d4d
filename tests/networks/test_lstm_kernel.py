"""The compiled LSTM against its equations in NumPy: memory, rows on several cores, gradients that vanish."""

from __future__ import annotations

import gc
from unittest import mock

import numpy as np
import pytest

from foretell.artifacts.reference import lstm

lstm_cell = pytest.importorskip("foretell.networks.lstm_cell")
lstm_kernel = pytest.importorskip("foretell.networks.lstm_kernel")


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


def test_all_steps_are_those_of_the_equations():
    rng = np.random.default_rng(0)
    rows, steps, units = 3, 6, 5
    x = rng.normal(size=(rows, steps, 4))
    kernel, recurrent = rng.normal(size=(4, 4 * units)), rng.normal(size=(units, 4 * units))
    bias, h, c = rng.normal(size=4 * units), rng.normal(size=(rows, units)), rng.normal(size=(rows, units))
    expected, last_h, last_c = lstm(x, kernel, recurrent, bias, h, c)
    inputs, blocks = (x @ kernel + bias).astype(np.float32), recurrent.astype(np.float32)[None, None]
    gates = np.empty((1, steps, rows, 4 * units), np.float32)
    cells = np.empty((steps + 1, rows, units), np.float32)
    hidden = np.empty((rows, steps, units), np.float32)
    cells[0], state = c, h.astype(np.float32)
    masks = np.ones((1, rows, units), np.float32)
    memory = np.empty((1, rows, 4 * units), np.float32)
    lstm_cell.forward_steps(inputs, blocks, masks, gates, cells, state, hidden, memory)
    np.testing.assert_allclose(hidden, expected, atol=2e-6)
    np.testing.assert_allclose(state, last_h, atol=2e-6)
    np.testing.assert_allclose(cells[-1], last_c, atol=2e-6)


def test_tiny_gradients_are_zero_and_not_denormal():
    rng = np.random.default_rng(0)
    inputs, zeros = np.full((4, 300, 20), -3, np.float32), np.zeros((4, 5), np.float32)
    recurrent = rng.normal(size=(5, 20)).astype("f") * 1e-3
    buffers, masks = lstm_kernel.Buffers(), np.ones((1, 4, 5), np.float32)
    _, _, done = lstm_kernel.forward(inputs, recurrent, zeros, zeros, masks, buffers)
    none = np.zeros((4, 0, 5), np.float32)
    gradients = lstm_kernel.backward(none, zeros + 1, zeros, done, buffers)
    for gradient in gradients:
        small = np.abs(gradient[gradient != 0])
        assert (small > np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("scale", [1e-6, 1e-12, 1e-18])
def test_small_gradients_are_kept(scale):
    rng = np.random.default_rng(0)
    inputs, zeros = rng.normal(size=(2, 3, 20)).astype("f"), np.zeros((2, 5), np.float32)
    recurrent, masks = rng.normal(size=(5, 20)).astype("f"), np.ones((1, 2, 5), np.float32)
    none = np.zeros((2, 0, 5), np.float32)
    found = []
    for each in (1.0, scale):
        buffers = lstm_kernel.Buffers()
        _, _, done = lstm_kernel.forward(inputs, recurrent, zeros, zeros, masks, buffers)
        found.append(lstm_kernel.backward(none, zeros + np.float32(each), zeros, done, buffers))
    for whole, small in zip(*found, strict=True):
        np.testing.assert_allclose(small / np.float32(scale), whole, rtol=1e-3, atol=1e-4)
