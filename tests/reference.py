"""Every network in plain NumPy and float64: the reference for the ONNX graph, and its shortest
definition.

Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.
"""

from __future__ import annotations

import numpy as np

from foretell.arrays import Array
from foretell.artifacts.weights import Weights, lstm_weights
from foretell.config import POOL_SIZE, LabelsSettings, Settings, WordsSettings

Arrays = dict[str, Array]


def run(settings: Settings, weights: Weights, inputs: Arrays) -> Arrays:
    """Compute a network's outputs from its inputs; names and shapes: see
    `onnx_graph.build_onnx`.
    """
    exact = {name: weight.astype(np.float64) for name, weight in weights.items()}
    if isinstance(settings, WordsSettings):
        return (_article_words if settings.follows_article else _words)(settings, exact, inputs)
    assert isinstance(settings, LabelsSettings)
    features = _bilstm if settings.is_bidirectional else _lstm_dense
    logits = features(settings, exact, inputs) @ exact["output/kernel"] + exact["output/bias"]
    return {"probabilities": _sigmoid(logits) if settings.multi_label else _probabilities(logits)}


def random_inputs(settings: Settings, weights: Weights, *, seed: int = 0) -> Arrays:
    """Return inputs of three rows with random ids."""
    rng = np.random.default_rng(seed)
    rows = 3
    if isinstance(settings, WordsSettings):
        if settings.follows_article:
            size = weights["dense/bias"].shape[0]
            return {"ids": rng.integers(size, size=(rows, settings.window, 1)).astype(np.float32)}
        inputs: Arrays = {"ids": rng.integers(weights["embedding"].shape[0], size=(rows, 5))}
        for k in range(1, settings.layers + 1):
            for state in ("h", "c"):
                inputs[f"{state}_{k}"] = rng.uniform(-1, 1, (rows, settings.units)).astype(
                    np.float32
                )
        inputs["rows"] = rng.uniform(-1, 1, (rows, settings.embedding_size)).astype(np.float32)
        return inputs
    assert isinstance(settings, LabelsSettings)
    size = weights["embedding"].shape[0]
    if not settings.is_bidirectional:
        return {"ids": rng.integers(size, size=(rows, settings.length))}
    steps = min(settings.length, 12)
    lengths = np.array([steps, max(1, steps // 2), 1], np.int32)
    ids = rng.integers(size, size=(rows, steps))
    return {"ids": np.where(np.arange(steps) < lengths[:, None], ids, 0), "lengths": lengths}


def lstm(
    x: Array, kernel: Array, recurrent_kernel: Array, bias: Array, h: Array, c: Array
) -> tuple[Array, Array, Array]:
    """Run one LSTM layer with Keras's gate order i, f, c, o.

    Args:
        x: [batch, step, in].
        kernel: [in, 4 * units].
        recurrent_kernel: [units, 4 * units].
        bias: [4 * units].
        h, c: the state before the first step, [batch, units].

    Returns:
        Outputs [batch, step, units] and the last h and c.
    """
    outputs = []
    for step in range(x.shape[1]):
        i, f, candidate, o = np.split(x[:, step] @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(candidate)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def _article_words(settings: WordsSettings, weights: Arrays, inputs: Arrays) -> Arrays:
    x = inputs["ids"].astype(np.float64)
    zeros = np.zeros((x.shape[0], settings.units))
    for k in range(1, settings.layers + 1):
        x, _, _ = lstm(x, *lstm_weights(weights, f"lstm_{k}"), zeros, zeros)
    return {"logits": x[:, -1] @ weights["dense/kernel"] + weights["dense/bias"]}


def _words(settings: WordsSettings, weights: Arrays, inputs: Arrays) -> Arrays:
    x = weights["embedding"][inputs["ids"]]
    outputs = {}
    for k in range(1, settings.layers + 1):
        state = inputs[f"h_{k}"], inputs[f"c_{k}"]
        x, outputs[f"h_{k}_out"], outputs[f"c_{k}_out"] = lstm(
            x, *lstm_weights(weights, f"lstm_{k}"), *state
        )
    if "projection/kernel" in weights:
        x = x @ weights["projection/kernel"] + weights["projection/bias"]
    rows = inputs.get("rows", np.zeros((0, x.shape[2])))
    outputs |= {"hidden": x, "row_logits": rows @ weights["embedding"].T + weights["output/bias"]}
    return {"logits": x @ weights["embedding"].T + weights["output/bias"], **outputs}


def _lstm_dense(settings: LabelsSettings, weights: Arrays, inputs: Arrays) -> Array:
    x = weights["embedding"][inputs["ids"]]
    if settings.network == "cnn-lstm":
        x = convolved(x, weights["conv/kernel"], weights["conv/bias"], POOL_SIZE)
    zeros = np.zeros((x.shape[0], settings.units))
    _, h, _ = lstm(x, *lstm_weights(weights, "lstm"), zeros, zeros)
    return np.maximum(h @ weights["dense/kernel"] + weights["dense/bias"], 0)


def _bilstm(settings: LabelsSettings, weights: Arrays, inputs: Arrays) -> Array:
    """Return [text, 6 * units]: max, mean and last of both directions over the steps of each
    text.
    """
    rows = []
    zeros = np.zeros((1, settings.units))
    for ids, length in zip(inputs["ids"], inputs["lengths"], strict=True):
        x = weights["embedding"][ids[:length]][None]
        forward, forward_last, _ = lstm(x, *lstm_weights(weights, "lstm_forward"), zeros, zeros)
        backward, backward_last, _ = lstm(
            x[:, ::-1], *lstm_weights(weights, "lstm_backward"), zeros, zeros
        )
        both = np.concatenate([forward, backward[:, ::-1]], axis=2)
        rows.append(
            np.concatenate([both.max(1), both.mean(1), forward_last, backward_last], axis=1)
        )
    return np.concatenate(rows)


def convolved(x: Array, kernel: Array, bias: Array, size: int) -> Array:
    """Convolve x [batch, step, in]; return the maximum of each `size` steps, [batch, position,
    filter].
    """
    width, _, filters = kernel.shape
    windows = [x[:, s : s + width].reshape(x.shape[0], -1) for s in range(x.shape[1] - width + 1)]
    y = np.maximum(np.stack(windows, axis=1) @ kernel.reshape(-1, filters) + bias, 0)
    n_positions = y.shape[1] // size
    return y[:, : n_positions * size].reshape(x.shape[0], n_positions, size, -1).max(2)


def _probabilities(logits: Array) -> Array:
    if logits.shape[1] == 1:
        return np.concatenate([_sigmoid(-logits), _sigmoid(logits)], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _sigmoid(x: Array) -> Array:
    # 1 / (1 + exp(-x)) overflows, tanh does not.
    return 0.5 * (1 + np.tanh(0.5 * x))
