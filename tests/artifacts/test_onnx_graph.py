"""The ONNX graphs give what the NumPy reference and Keras give, whatever the batch."""

import numpy as np
import onnx
import onnxruntime
import pytest

import foretell
from foretell.artifacts.directory import write_model
from foretell.artifacts.onnx_graph import build_onnx
from tests import reference


def session(model):
    content = build_onnx(model.settings, model.weights)
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def run(opened, inputs):
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(names, inputs), strict=True))


def opened_with_inputs(model, seed=0):
    return session(model), reference.random_inputs(model.settings, model.weights, seed=seed)


def test_every_network_equals_the_reference(any_model):
    for seed in range(3):
        opened, inputs = opened_with_inputs(any_model, seed)
        found = run(opened, inputs)
        expected = reference.run(any_model.settings, any_model.weights, inputs)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5, rtol=1e-5)


def test_every_network_is_valid_onnx_with_true_lstm_operators(any_model):
    graph = onnx.load_from_string(build_onnx(any_model.settings, any_model.weights))
    onnx.checker.check_model(graph, full_check=True)
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("LSTM") == getattr(any_model.settings, "layers", 1)
    assert not {"Loop", "Scan", "If"} & set(kinds)


def test_words_leave_out_the_logits_of_skipped_steps(make_model):
    """All of them, too, and the logits of the hidden values, later, are the same bit for bit."""
    opened, inputs = opened_with_inputs(make_model("words-3-projected"))
    whole = run(opened, inputs)
    last = run(opened, {**inputs, "skip": np.array([4])})
    np.testing.assert_array_equal(last["logits"], whole["logits"][:, 4:])
    np.testing.assert_array_equal(last["c_3_out"], whole["c_3_out"])
    later = run(opened, {**inputs, "skip": np.array([5]), "rows": whole["hidden"][1]})
    assert later["logits"].shape == (3, 0, whole["logits"].shape[2])
    np.testing.assert_array_equal(later["hidden"], whole["hidden"])
    np.testing.assert_array_equal(later["row_logits"], whole["logits"][1])


def test_the_article_words_are_basic_lstm_cells(make_model):
    """Against TensorFlow 1.15's BasicLSTMCell.call, written out: gates i, j, f, o and forget bias
    1.
    """
    model = make_model("words-article")
    weights = model.weights

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    opened, inputs = opened_with_inputs(model)
    steps = list(inputs["ids"].transpose(1, 0, 2))
    for k in (1, 2):
        c = h = np.zeros((3, model.settings.units))
        for step, x in enumerate(steps):
            gates = (
                np.concatenate([x, h], 1) @ weights[f"lstm_{k}/kernel"] + weights[f"lstm_{k}/bias"]
            )
            i, j, f, o = np.split(gates, 4, axis=1)
            c = c * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
            h = np.tanh(c) * sigmoid(o)
            steps[step] = h
    expected = h @ weights["dense/kernel"] + weights["dense/bias"]
    np.testing.assert_allclose(run(opened, inputs)["logits"], expected, atol=1e-5)


def test_small_probabilities_keep_their_digits(make_model):
    model = make_model("labels-bilstm")
    model.weights["output/bias"][:] = 40
    assert (run(*opened_with_inputs(model))["probabilities"][:, 0] > 0).all()


def test_every_network_is_its_keras_network(any_model, tmp_path):
    """Which tests/networks compares with Keras's own layers and with formulas."""
    pytest.importorskip("keras")
    write_model(any_model, tmp_path / "model")
    opened, inputs = opened_with_inputs(any_model)
    if "lengths" in inputs:
        # 0 is padding to Keras's mask wherever it stands.
        steps = np.arange(inputs["ids"].shape[1])
        inputs["ids"] = np.where(
            steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0
        )
    states = {
        name: np.zeros_like(value) for name, value in inputs.items() if name[:2] in ("h_", "c_")
    }
    expected = next(iter(run(opened, inputs | states).values()))
    found = foretell.load(tmp_path / "model").to_keras().predict(inputs["ids"], verbose=0)
    if found.shape[-1] == 1:
        found = np.concatenate([1 - found, found], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
