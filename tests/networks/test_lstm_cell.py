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
