"""The ONNX graphs give what the NumPy reference and Keras give, whatever the batch."""

import numpy as np
import onnx
import onnxruntime
import pytest

from foretell.artifacts.onnx_graph import build_onnx
from tests import reference

LABELS = ["labels-article", "labels-article-3", "labels-cnn-lstm", "labels-bilstm", "labels-bilstm-3"]


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


def test_the_names_and_axes_of_words(make_model):
    opened = session(make_model("words-3-projected"))
    states = [f"{state}_{k}" for k in (1, 2, 3) for state in ("h", "c")]
    assert [i.name for i in opened.get_inputs()] == ["ids", *states]
    outputs = ["logits", *(f"{state}_out" for state in states), "hidden", "row_logits"]
    assert [o.name for o in opened.get_outputs()] == outputs
    assert opened.get_inputs()[0].shape == ["stream", "step"]
    assert opened.get_outputs()[0].shape[:2] == ["stream", "wanted step"]


def test_words_leave_out_the_logits_of_skipped_steps(make_model):
    """All of them, too, and the logits of the hidden values, later, are the same bit for bit."""
    opened, inputs = opened_with_inputs(make_model("words-3-projected"))
    whole, last = run(opened, inputs), run(opened, {**inputs, "skip": np.array([4])})
    np.testing.assert_array_equal(last["logits"], whole["logits"][:, 4:])
    np.testing.assert_array_equal(last["c_3_out"], whole["c_3_out"])
    later = run(opened, {**inputs, "skip": np.array([5]), "rows": whole["hidden"][1]})
    assert later["logits"].shape == (3, 0, whole["logits"].shape[2])
    np.testing.assert_array_equal(later["hidden"], whole["hidden"])
    np.testing.assert_array_equal(later["row_logits"], whole["logits"][1])


def test_the_article_words_are_basic_lstm_cells(make_model):
    """Against TensorFlow 1.15's BasicLSTMCell.call, written out: gates i, j, f, o and forget bias 1."""
    model = make_model("words-article")
    weights = model.weights

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    opened, inputs = opened_with_inputs(model)
    steps = list(inputs["ids"].transpose(1, 0, 2))
    for k in (1, 2):
        c = h = np.zeros((3, model.settings.units))
        for step, x in enumerate(steps):
            gates = np.concatenate([x, h], 1) @ weights[f"lstm_{k}/kernel"] + weights[f"lstm_{k}/bias"]
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


# ---- Beside our Keras networks, which tests/networks compares with Keras's own layers


def numpy(tensor):
    return pytest.importorskip("keras").ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", LABELS)
def test_our_labels_networks(make_model, name):
    pytest.importorskip("keras")
    from foretell.networks import set_weights
    from foretell.networks.labels import labels_network

    model = make_model(name)
    network = labels_network(model.settings, model.tokenizer.size, len(model.labels))
    set_weights(network, model.weights)
    opened, inputs = opened_with_inputs(model)
    if "lengths" in inputs:
        # 0 is padding to Keras's mask wherever it stands.
        steps = np.arange(inputs["ids"].shape[1])
        inputs["ids"] = np.where(steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0)
    expected = numpy(network(inputs["ids"].astype(np.int32)))
    found = run(opened, inputs)["probabilities"]
    np.testing.assert_allclose(found[:, 1:] if len(model.labels) == 2 else found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["words-1", "words-3-projected"])
def test_our_words_network(make_model, name):
    pytest.importorskip("keras")
    from foretell.networks import set_weights
    from foretell.networks.words import LstmNetwork

    model = make_model(name)
    network = LstmNetwork(model.settings, model.tokenizer.size)
    set_weights(network, model.weights)
    opened, inputs = opened_with_inputs(model)
    layers = range(1, model.settings.layers + 1)
    hidden, states = network.hidden(inputs["ids"], [inputs[f"{s}_{k}"] for k in layers for s in ("h", "c")])
    found = run(opened, inputs)
    np.testing.assert_allclose(found["logits"], numpy(network.logits(hidden)), atol=1e-5)
    np.testing.assert_allclose(found[f"c_{layers[-1]}_out"], numpy(states[-1]), atol=1e-5)


def test_our_article_words_network(make_model):
    pytest.importorskip("keras")
    from foretell.networks import set_weights
    from foretell.networks.words import ArticleNetwork

    model = make_model("words-article")
    network = ArticleNetwork(model.settings, model.tokenizer.size)
    set_weights(network, model.weights)
    opened, inputs = opened_with_inputs(model)
    for row, ids in zip(run(opened, inputs)["logits"], inputs["ids"], strict=True):
        logits, _ = network.forward(ids[:, 0].astype(np.int32))
        np.testing.assert_allclose(row[None], numpy(logits), atol=1e-5)
