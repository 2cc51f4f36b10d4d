"""The ONNX graphs give what the NumPy reference gives, whatever the batch."""

import numpy as np
import onnx
import onnxruntime
import pytest

from foretell.artifacts import onnx_graph, reference
from foretell.errors import ArtifactError

LABELS = ["labels-article", "labels-article-3", "labels-cnn-lstm", "labels-bilstm", "labels-bilstm-3"]


def session(model):
    serialised = onnx_graph.build_onnx(model.settings, model.weights)
    return onnxruntime.InferenceSession(serialised, providers=["CPUExecutionProvider"])


def run(opened, inputs):
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(names, inputs), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_every_network_equals_the_reference(any_model, seed):
    inputs = reference.random_inputs(any_model.settings, any_model.weights, seed=seed)
    found = run(session(any_model), inputs)
    expected = reference.run(any_model.settings, any_model.weights, inputs)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, rtol=1e-5)


def test_every_network_is_valid_onnx_with_true_lstm_operators(any_model):
    graph = onnx.load_from_string(onnx_graph.build_onnx(any_model.settings, any_model.weights))
    onnx.checker.check_model(graph)
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


def test_only_the_numbers_of_the_weights_may_differ(any_model):
    content = bytearray(onnx_graph.build_onnx(any_model.settings, any_model.weights))
    shapes = {key: value.shape for key, value in any_model.weights.items()}
    at, n_free = 0, 0
    for part in onnx_graph.graph_parts(any_model.settings, shapes):
        for place in (at, at + len(part) - 1):
            changed = bytes([*content[:place], content[place] ^ 1, *content[place + 1 :]])
            if isinstance(part, bytes):
                with pytest.raises(ValueError, match="another graph"):
                    onnx_graph.check_graph(changed, any_model.settings, shapes)
            else:
                n_free += 1
                onnx_graph.check_graph(changed, any_model.settings, shapes)
        at += len(part)
    assert n_free >= 10


def test_every_cut_of_a_graph_is_refused(make_model):
    model = make_model("labels-bilstm")
    content = onnx_graph.build_onnx(model.settings, model.weights)
    shapes = {key: value.shape for key, value in model.weights.items()}
    for wrong in (*(content[:length] for length in range(0, len(content), 7)), content + b"\0"):
        with pytest.raises(ValueError):
            onnx_graph.check_graph(wrong, model.settings, shapes)


def test_words_leave_out_the_logits_of_skipped_steps(make_model):
    model = make_model("words-3-projected")
    opened = session(model)
    inputs = reference.random_inputs(model.settings, model.weights)
    whole, last = run(opened, inputs), run(opened, {**inputs, "skip": np.array([4])})
    np.testing.assert_array_equal(last["logits"], whole["logits"][:, 4:])
    np.testing.assert_array_equal(last["c_3_out"], whole["c_3_out"])


def test_words_give_their_hidden_values_without_any_logits(make_model):
    """And the logits of these, later, are the same bit for bit."""
    model = make_model("words-3-projected")
    opened = session(model)
    inputs = reference.random_inputs(model.settings, model.weights)
    whole, none = run(opened, inputs), run(opened, {**inputs, "skip": np.array([5])})
    assert none["logits"].shape == (3, 0, whole["logits"].shape[2])
    np.testing.assert_array_equal(none["hidden"], whole["hidden"])
    later = run(opened, {**inputs, "skip": np.array([5]), "rows": whole["hidden"][1]})
    np.testing.assert_array_equal(later["row_logits"], whole["logits"][1])


def test_words_state_carries_from_call_to_call(make_model):
    model = make_model("words-3-projected")
    opened = session(model)
    inputs = reference.random_inputs(model.settings, model.weights)
    whole = run(opened, inputs)
    first = run(opened, {**inputs, "ids": inputs["ids"][:, :2]})
    carried = {name.removesuffix("_out"): value for name, value in first.items() if name.endswith("_out")}
    second = run(opened, {**carried, "ids": inputs["ids"][:, 2:]})
    np.testing.assert_allclose(second["logits"], whole["logits"][:, 2:], atol=1e-6)
    np.testing.assert_allclose(second["c_3_out"], whole["c_3_out"], atol=1e-6)


def test_the_article_words_are_basic_lstm_cells(make_model):
    """Against TensorFlow 1.15's BasicLSTMCell.call, written out: gates i, j, f, o and forget bias 1."""
    model = make_model("words-article")

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    inputs = reference.random_inputs(model.settings, model.weights)
    steps = list(inputs["ids"].transpose(1, 0, 2))
    for k in (1, 2):
        c = h = np.zeros((3, model.settings.units))
        for step, x in enumerate(steps):
            gates = (
                np.concatenate([x, h], 1) @ model.weights[f"lstm_{k}/kernel"]
                + model.weights[f"lstm_{k}/bias"]
            )
            i, j, f, o = np.split(gates, 4, axis=1)
            c = c * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
            h = np.tanh(c) * sigmoid(o)
            steps[step] = h
    expected = h @ model.weights["dense/kernel"] + model.weights["dense/bias"]
    np.testing.assert_allclose(run(session(model), inputs)["logits"], expected, atol=1e-5)


@pytest.mark.parametrize("name", LABELS)
def test_one_text_and_a_batch_give_the_same(make_model, name):
    model = make_model(name)
    opened = session(model)
    inputs = reference.random_inputs(model.settings, model.weights)
    together = run(opened, inputs)["probabilities"]
    for row in range(3):
        alone = run(opened, {key: value[row : row + 1] for key, value in inputs.items()})["probabilities"]
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_bilstm_padding_changes_nothing(make_model):
    model = make_model("labels-bilstm")
    opened = session(model)
    ids, lengths = np.array([[5, 6, 7], [8, 0, 0]]), np.array([3, 1], np.int32)
    padded = np.pad(ids, ((0, 0), (0, 9)))
    # What lies behind the end is not read at all, not even when it is a word.
    noisy = np.where(np.arange(12) < lengths[:, None], padded, 9)
    expected = run(opened, {"ids": ids, "lengths": lengths})["probabilities"]
    for other in (padded, noisy):
        found = run(opened, {"ids": other, "lengths": lengths})["probabilities"]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bilstm_with_no_steps_is_finite(make_model):
    inputs = {"ids": np.zeros((2, 3), np.int64), "lengths": np.array([0, 2], np.int32)}
    assert np.isfinite(run(session(make_model("labels-bilstm")), inputs)["probabilities"]).all()


@pytest.mark.parametrize("name", LABELS)
def test_probabilities_are_of_every_label_and_sum_to_one(make_model, name):
    model = make_model(name)
    inputs = reference.random_inputs(model.settings, model.weights)
    found = run(session(model), inputs)["probabilities"]
    assert found.shape == (3, len(model.labels))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_small_probabilities_keep_their_digits(make_model):
    model = make_model("labels-bilstm")
    model.weights["output/bias"][:] = 40
    inputs = reference.random_inputs(model.settings, model.weights)
    assert (run(session(model), inputs)["probabilities"][:, 0] > 0).all()


def test_a_graph_of_other_weights_is_refused(any_model):
    serialised = onnx_graph.build_onnx(any_model.settings, any_model.weights)
    changed = {name: weight + 0.1 for name, weight in any_model.weights.items()}
    with pytest.raises(ArtifactError, match=r"model\.onnx: expected .* within 0\.0001 of the reference"):
        reference.check_onnx(serialised, any_model.settings, changed)
