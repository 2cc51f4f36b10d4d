"""The ONNX graphs give what Keras gives, from models that Keras made here from its own layers."""

import numpy as np
import onnxruntime
import pytest

from foretell.artifacts import onnx_graph, reference

keras = pytest.importorskip("keras")


def onnx_output(settings, weights, inputs, name):
    serialised = onnx_graph.build_onnx(settings, weights)
    opened = onnxruntime.InferenceSession(serialised, providers=["CPUExecutionProvider"])
    return opened.run([name], inputs)[0]


def take(layer, weights, *names):
    """Give a built Keras layer the weights of these names."""
    layer.set_weights([weights[name] for name in names])


def take_lstm(layer, weights, name):
    take(layer, weights, f"{name}/kernel", f"{name}/recurrent_kernel", f"{name}/bias")


@pytest.mark.parametrize("name", ["labels-article", "labels-article-3", "labels-cnn-lstm"])
def test_article_and_cnn_lstm(make_model, name):
    model = make_model(name)
    settings, weights, n_labels = model.settings, model.weights, len(model.labels)
    convolution = [
        keras.layers.Conv1D(settings.filters, settings.kernel_size, activation="relu", name="conv"),
        keras.layers.MaxPooling1D(settings.pool_size),
    ]
    last = (
        {"units": 1, "activation": "sigmoid"}
        if n_labels == 2
        else {"units": n_labels, "activation": "softmax"}
    )
    network = keras.Sequential(
        [
            keras.layers.Embedding(model.tokenizer.size, settings.embedding_size, name="embedding"),
            *(convolution if settings.network == "cnn-lstm" else []),
            keras.layers.LSTM(settings.units, name="lstm"),
            keras.layers.Dense(settings.dense_units, activation="relu", name="dense"),
            keras.layers.Dense(**last, name="output"),
        ]
    )
    inputs = reference.random_inputs(settings, weights)
    network(inputs["ids"])
    take(network.get_layer("embedding"), weights, "embedding")
    take_lstm(network.get_layer("lstm"), weights, "lstm")
    for layer in ("conv", "dense", "output"):
        if f"{layer}/kernel" in weights:
            take(network.get_layer(layer), weights, f"{layer}/kernel", f"{layer}/bias")
    expected = keras.ops.convert_to_numpy(network(inputs["ids"]))
    found = onnx_output(settings, weights, inputs, "probabilities")
    np.testing.assert_allclose(found[:, 1:] if n_labels == 2 else found, expected, atol=1e-5)


def test_bilstm_with_unequal_lengths(make_model):
    model = make_model("labels-bilstm-3")
    settings, weights = model.settings, model.weights
    inputs = reference.random_inputs(settings, weights)
    # 0 is padding to Keras's mask wherever it stands.
    steps = np.arange(inputs["ids"].shape[1])
    inputs["ids"] = np.where(steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0)
    embedding = keras.layers.Embedding(model.tokenizer.size, settings.embedding_size, mask_zero=True)
    both = keras.layers.Bidirectional(
        keras.layers.LSTM(settings.units, return_sequences=True, return_state=True)
    )
    output = keras.layers.Dense(3, activation="softmax")
    x = embedding(inputs["ids"])
    both(x), output(np.zeros((1, 6 * settings.units)))
    take(embedding, weights, "embedding")
    take_lstm(both.forward_layer, weights, "lstm_forward")
    take_lstm(both.backward_layer, weights, "lstm_backward")
    take(output, weights, "output/kernel", "output/bias")
    x = embedding(inputs["ids"])
    y, forward, _, backward, _ = map(keras.ops.convert_to_numpy, both(x, mask=x._keras_mask))
    pooled = [
        np.concatenate([row[:n].max(0), row[:n].mean(0), forward[i], backward[i]])
        for i, (row, n) in enumerate(zip(y, inputs["lengths"], strict=True))
    ]
    expected = keras.ops.convert_to_numpy(output(np.stack(pooled)))
    found = onnx_output(settings, weights, inputs, "probabilities")
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_words(make_model):
    model = make_model("words-3-projected")
    settings, weights = model.settings, model.weights
    inputs = reference.random_inputs(settings, weights)
    x = weights["embedding"][inputs["ids"]]
    for k in (1, 2, 3):
        layer = keras.layers.LSTM(settings.units, return_sequences=True)
        layer.build(x.shape)
        take_lstm(layer, weights, f"lstm_{k}")
        x = keras.ops.convert_to_numpy(layer(x, initial_state=[inputs[f"h_{k}"], inputs[f"c_{k}"]]))
    projected = x @ weights["projection/kernel"] + weights["projection/bias"]
    expected = projected @ weights["embedding"].T + weights["output/bias"]
    np.testing.assert_allclose(onnx_output(settings, weights, inputs, "logits"), expected, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["labels-article", "labels-article-3", "labels-cnn-lstm", "labels-bilstm", "labels-bilstm-3"]
)
def test_our_labels_networks(make_model, name):
    from foretell.networks import set_weights
    from foretell.networks.labels import labels_network

    model = make_model(name)
    network = labels_network(model.settings, model.tokenizer.size, len(model.labels))
    set_weights(network, model.weights)
    inputs = reference.random_inputs(model.settings, model.weights)
    if "lengths" in inputs:
        steps = np.arange(inputs["ids"].shape[1])
        inputs["ids"] = np.where(steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0)
    expected = keras.ops.convert_to_numpy(network(inputs["ids"].astype(np.int32)))
    found = onnx_output(model.settings, model.weights, inputs, "probabilities")
    np.testing.assert_allclose(found[:, 1:] if len(model.labels) == 2 else found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["words-1", "words-3-projected"])
def test_our_words_network(make_model, name):
    from foretell.networks import set_weights
    from foretell.networks.words import LstmNetwork

    model = make_model(name)
    network = LstmNetwork(model.settings, model.tokenizer.size)
    set_weights(network, model.weights)
    inputs = reference.random_inputs(model.settings, model.weights)
    layers = range(1, model.settings.layers + 1)
    hidden, states = network.hidden(inputs["ids"], [inputs[f"{s}_{k}"] for k in layers for s in ("h", "c")])
    expected = keras.ops.convert_to_numpy(network.logits(hidden))
    found = onnx_output(model.settings, model.weights, inputs, "logits")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    last = onnx_output(model.settings, model.weights, inputs, f"c_{layers[-1]}_out")
    np.testing.assert_allclose(last, keras.ops.convert_to_numpy(states[-1]), atol=1e-5)


def test_our_article_words_network(make_model):
    from foretell.networks import set_weights
    from foretell.networks.words import ArticleNetwork

    model = make_model("words-article")
    network = ArticleNetwork(model.settings, model.tokenizer.size)
    set_weights(network, model.weights)
    inputs = reference.random_inputs(model.settings, model.weights)
    found = onnx_output(model.settings, model.weights, inputs, "logits")
    for row, ids in zip(found, inputs["ids"], strict=True):
        logits, _ = network.forward(ids[:, 0].astype(np.int32))
        np.testing.assert_allclose(row[None], keras.ops.convert_to_numpy(logits), atol=1e-5)
