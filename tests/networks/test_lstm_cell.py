"""The compiled LSTM cell against its equations in NumPy, and gradients that vanish."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.artifacts.reference import lstm

lstm_cell = pytest.importorskip("foretell.networks.lstm_cell")
from foretell.networks import lstm_kernel  # noqa: E402


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


def test_tanh_is_exact_up_to_where_it_is_one():
    x = np.linspace(-20, 20, 4001).astype(np.float32)
    found = np.array([lstm_cell._tanh(each) for each in x])
    np.testing.assert_allclose(found, np.tanh(x.astype(np.float64)), atol=4e-7, rtol=0)


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
