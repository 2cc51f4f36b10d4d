"""The NumPy reference of each network, against the equations of an LSTM for one unit."""

from __future__ import annotations

import math

import numpy as np

from foretell.artifacts import reference


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_an_lstm_of_one_unit_is_the_equations():
    kernel, recurrent, bias = [0.3, -0.2, 0.5, 0.7], [0.1, 0.4, -0.6, 0.2], [0.05, 1.0, -0.1, 0.0]
    h, c, expected = 0.2, -0.3, []
    for x in (1.0, -2.0, 0.5):
        i, f, g, o = (x * k + h * r + b for k, r, b in zip(kernel, recurrent, bias, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
        h = sigmoid(o) * math.tanh(c)
        expected.append(h)
    outputs, last_h, last_c = reference.lstm(
        np.array([[[1.0], [-2.0], [0.5]]]),
        np.array([kernel]),
        np.array([recurrent]),
        np.array(bias),
        np.array([[0.2]]),
        np.array([[-0.3]]),
    )
    np.testing.assert_allclose(outputs[0, :, 0], expected)
    np.testing.assert_allclose([last_h[0, 0], last_c[0, 0]], [h, c])


def test_a_basic_lstm_cell_has_its_gates_in_another_order_and_one_more_in_its_forget_bias():
    # Two inputs, one unit; gates i, j, f, o.
    kernel = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    of_input, of_state, bias = reference.from_basic_lstm_cell(kernel, np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_array_equal(of_input, [[1, 3, 2, 4], [5, 7, 6, 8]])
    np.testing.assert_array_equal(of_state, [[9, 11, 10, 12]])
    np.testing.assert_allclose(bias, [0.1, 1.3, 0.2, 0.4])


def test_labels_get_probabilities_that_stay_finite(make_model):
    model = make_model("labels-bilstm", scale=50.0)
    ids = np.array([[2, 3, 4], [5, 0, 0]])
    inputs = {"ids": ids, "lengths": np.array([3, 1], np.int32)}
    found = reference.run(model.settings, model.weights, inputs)["probabilities"]
    assert found.shape == (2, 2)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
