"""The ONNX graph of each network, built from its weights with LSTM operators.

Building needs `onnx`, checking ONNX Runtime; neither needs TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array
from foretell.artifacts import reference
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.errors import ArtifactError, MissingExtraError

if TYPE_CHECKING:
    import onnx

_OPSET = 17
_IR_VERSION = 8
_TOLERANCE = 1e-4


def build_onnx(settings: Settings, weights: Weights) -> onnx.ModelProto:
    """Build the graph of a network.

    ======================== ======================================= ================================
    network                  inputs                                  outputs
    ======================== ======================================= ================================
    words lstm               ids int64 [stream, step],               logits [stream, step, word],
                             h_k, c_k [stream, units] of layer k     h_k_out, c_k_out [stream, units],
                                                                     hidden [stream, step, embedding]
                             rows [row, embedding], optional         row_logits [row, word]
    words article            ids float [batch, window, 1]            logits [batch, word]
    labels article, cnn-lstm ids int64 [batch, length], 0 in front   probabilities [batch, label]
    labels bilstm            ids int64 [batch, step], 0 at the end,  probabilities [batch, label]
                             lengths int32 [batch], at least 1
    ======================== ======================================= ================================

    `hidden` is what the output layer of `words lstm` multiplies. `row_logits` are the logits of any such
    `rows`: they depend on no state, so another thread than that of a text's states can compute them.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    graph = _Graph(weights)
    if isinstance(settings, WordsSettings):
        (_words if settings.traits.carries_state else _article_words)(graph, settings)
        return graph.model()
    assert isinstance(settings, LabelsSettings)
    features = _bilstm(graph) if settings.traits.is_bidirectional else _lstm_dense(graph, settings)
    (_sigmoids if settings.is_multi_label else _probabilities)(graph, features)
    return graph.model()


def check_onnx(serialised: bytes, settings: Settings, weights: Weights, *, seed: int = 0) -> None:
    """Run the graph in ONNX Runtime on random ids and compare it with the NumPy reference.

    Raises:
        ArtifactError: any output is further than 1e-4 from the reference (relative to the largest above 1).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(serialised, options, providers=["CPUExecutionProvider"])
    inputs = random_inputs(settings, weights, seed=seed)
    names = [output.name for output in session.get_outputs()]
    expected = reference.run(settings, weights, inputs)
    for name, found in zip(names, session.run(names, inputs), strict=True):
        off = float(np.abs(found - expected[name]).max())
        if not off <= _TOLERANCE * max(1.0, float(np.abs(expected[name]).max())):
            raise ArtifactError(
                expected=f"{name} within {_TOLERANCE} of the reference",
                found=f"a difference of {off:.2g}",
                where="model.onnx",
                fix="report this with foretell doctor's output",
            )


def random_inputs(settings: Settings, weights: Weights, *, seed: int = 0) -> dict[str, Array]:
    """Return inputs of three rows with random ids, for `check_onnx`."""
    rng = np.random.default_rng(seed)
    rows = 3
    if isinstance(settings, WordsSettings):
        if not settings.traits.carries_state:
            size = weights["dense/bias"].shape[0]
            return {"ids": rng.integers(size, size=(rows, settings.window, 1)).astype(np.float32)}
        inputs: dict[str, Array] = {"ids": rng.integers(weights["embedding"].shape[0], size=(rows, 5))}
        for k in range(1, settings.layers + 1):
            for state in ("h", "c"):
                inputs[f"{state}_{k}"] = rng.uniform(-1, 1, (rows, settings.units)).astype(np.float32)
        inputs["rows"] = rng.uniform(-1, 1, (rows, settings.embedding_size)).astype(np.float32)
        return inputs
    assert isinstance(settings, LabelsSettings)
    size = weights["embedding"].shape[0]
    if settings.traits.pads_front:
        return {"ids": rng.integers(size, size=(rows, settings.length))}
    steps = min(settings.length, 12)
    lengths = np.array([steps, max(1, steps // 2), 1], np.int32)
    ids = rng.integers(size, size=(rows, steps))
    return {"ids": np.where(np.arange(steps) < lengths[:, None], ids, 0), "lengths": lengths}


class _Graph:
    """Collects nodes and weights. Each method adds one operator and returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        try:
            import onnx
        except ImportError as error:
            raise MissingExtraError(
                expected="onnx, to save a model", found="no such package", fix="pip install 'foretell[train]'"
            ) from error
        self.onnx, self.weights = onnx, weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def op(self, kind: str, *inputs: str, n_outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the names of its outputs, or the name of its only output."""
        names = [f"{kind.lower()}_{len(self._nodes)}_{i}" for i in range(n_outputs)]
        self._nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if n_outputs == 1 else names

    def constant(self, name: str, value: Array) -> str:
        """Add an array, unless there is one of this name already."""
        if name not in self._initializers:
            array = np.ascontiguousarray(value)
            self._initializers[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str) -> str:
        """Add one of the model's weights."""
        return self.constant(name, self.weights[name])

    def ints(self, *values: int) -> str:
        """Add an array of int64."""
        return self.constant(f"ints_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def input(self, name: str, dtype: npt.DTypeLike, axes: list[str | int]) -> str:
        """Declare an input."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(self.onnx.helper.make_tensor_value_info(name, kind, axes))
        return name

    def optional_input(self, name: str, default: Array, axes: list[str | int]) -> str:
        """Declare an input with a default."""
        self.input(name, default.dtype, axes)
        return self.constant(name, default)

    def output(self, name: str, value: str, axes: list[str | int]) -> None:
        """Declare an output and its value."""
        self._nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        kind = self.onnx.TensorProto.FLOAT
        self._outputs.append(self.onnx.helper.make_tensor_value_info(name, kind, axes))

    def dense(self, x: str, name: str) -> str:
        """x [row, in] · kernel [in, units] + bias."""
        return str(self.op("Gemm", x, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias")))

    def embed(self, ids: str) -> str:
        """ids [batch, step] to [step, batch, embedding], the order of axes of the LSTM operator."""
        # Transposing ids is faster than transposing embeddings.
        return str(self.op("Gather", self.weight("embedding"), self.op("Transpose", ids, perm=[1, 0])))

    def lstm(
        self,
        x: str,
        name: str,
        layers: list[tuple[Array, Array, Array]],
        *,
        lengths: str = "",
        state: tuple[str, str] = ("", ""),
    ) -> tuple[str, str, str]:
        """Add an LSTM of one direction, or of two where there are two `layers`, in Keras's order of gates.

        x is [step, batch, in], state [direction, batch, units]; the outputs are [step, direction, batch,
        units] and the last h and c, each [direction, batch, units].
        """
        kernels, recurrent_kernels, biases = zip(*layers, strict=True)
        units = biases[0].shape[0] // 4
        bias = np.stack([np.concatenate([_gates(b), np.zeros_like(b)]) for b in biases])
        outputs = self.op(
            "LSTM",
            x,
            self.constant(f"{name}/W", np.stack([_gates(kernel).T for kernel in kernels])),
            self.constant(f"{name}/R", np.stack([_gates(kernel).T for kernel in recurrent_kernels])),
            self.constant(f"{name}/B", bias),
            lengths,
            *state,
            n_outputs=3,
            hidden_size=units,
            direction="bidirectional" if len(layers) == 2 else "forward",
        )
        return outputs[0], outputs[1], outputs[2]

    def layer(self, name: str) -> tuple[Array, Array, Array]:
        """Return a Keras LSTM layer's three weights."""
        parts = ("kernel", "recurrent_kernel", "bias")
        kernel, recurrent_kernel, bias = (self.weights[f"{name}/{part}"] for part in parts)
        return kernel, recurrent_kernel, bias

    def model(self) -> onnx.ModelProto:
        """Return the model after a check of its form."""
        graph = self.onnx.helper.make_graph(
            self._nodes, "foretell", self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [self.onnx.helper.make_opsetid("", _OPSET)]
        made = self.onnx.helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="foretell"
        )
        self.onnx.checker.check_model(made)
        return made


def _gates(array: Array) -> Array:
    """Reorder the last axis from Keras's gates i, f, c, o to ONNX's i, o, f, c."""
    i, f, c, o = np.split(array, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def _article_words(graph: _Graph, settings: WordsSettings) -> None:
    ids = graph.input("ids", np.float32, ["batch", settings.window, 1])
    x, h = graph.op("Transpose", ids, perm=[1, 0, 2]), ""
    for k in range(1, settings.layers + 1):
        kernel, bias = graph.weights[f"lstm_{k}/kernel"], graph.weights[f"lstm_{k}/bias"]
        y, h, _ = graph.lstm(x, f"lstm_{k}", [reference.from_basic_lstm_cell(kernel, bias)])
        x = graph.op("Squeeze", y, graph.ints(1))
    logits = graph.dense(graph.op("Squeeze", h, graph.ints(0)), "dense")
    graph.output("logits", logits, ["batch", "word"])


def _words(graph: _Graph, settings: WordsSettings) -> None:
    units, size = settings.units, graph.weights["embedding"].shape[0]
    ids = graph.input("ids", np.int64, ["stream", "step"])
    x = graph.embed(ids)
    lasts: list[tuple[str, str]] = []
    for k in range(1, settings.layers + 1):
        before = [graph.input(f"{state}_{k}", np.float32, ["stream", units]) for state in ("h", "c")]
        h, c = (graph.op("Unsqueeze", state, graph.ints(0)) for state in before)
        y, h, c = graph.lstm(x, f"lstm_{k}", [graph.layer(f"lstm_{k}")], state=(h, c))
        x = graph.op("Squeeze", y, graph.ints(1))
        lasts += [(f"h_{k}_out", h), (f"c_{k}_out", c)]
    x = graph.op("Transpose", x, perm=[1, 0, 2])
    width = graph.weights["embedding"].shape[1]
    if "projection/kernel" in graph.weights:
        flat = graph.dense(graph.op("Reshape", x, graph.ints(-1, units)), "projection")
        shape = graph.op("Concat", graph.op("Shape", x, end=2), graph.ints(width), axis=0)
        x = graph.op("Reshape", flat, shape)
    # The output layer takes most of the time, and for a prompt only the logits of the last word are needed.
    skip = graph.optional_input("skip", np.zeros(1, np.int64), [1])
    wanted = graph.op("Slice", x, skip, graph.ints(np.iinfo(np.int64).max), graph.ints(1))
    logits = _logits(graph, graph.op("Reshape", wanted, graph.ints(-1, width)))
    shape = graph.op("Concat", graph.op("Shape", wanted, end=2), graph.ints(size), axis=0)
    # allowzero: with all steps left out, 0 is a length and not the sign for the length of the input.
    graph.output("logits", graph.op("Reshape", logits, shape, allowzero=1), ["stream", "wanted step", size])
    for name, last in lasts:
        graph.output(name, graph.op("Squeeze", last, graph.ints(0)), ["stream", units])
    graph.output("hidden", x, ["stream", "step", width])
    rows = graph.optional_input("rows", np.zeros((0, width), np.float32), ["row", width])
    graph.output("row_logits", _logits(graph, rows), ["row", size])


def _logits(graph: _Graph, rows: str) -> str:
    """Add the output layer: [row, embedding] to [row, word]."""
    # Gemm can transpose the embedding, so that the file has one copy for input and output.
    weights = graph.weight("embedding"), graph.weight("output/bias")
    return str(graph.op("Gemm", rows, *weights, transB=1))


def _lstm_dense(graph: _Graph, settings: LabelsSettings) -> str:
    x = graph.embed(graph.input("ids", np.int64, ["batch", "length"]))
    if settings.traits.has_convolution:
        x = graph.op("Transpose", x, perm=[1, 2, 0])
        # Keras's kernel is [step, in, filter], ONNX's [filter, in, step].
        kernel = graph.constant("conv/kernel", graph.weights["conv/kernel"].transpose(2, 1, 0))
        x = graph.op("Relu", graph.op("Conv", x, kernel, graph.weight("conv/bias")))
        x = graph.op("MaxPool", x, kernel_shape=[settings.pool_size], strides=[settings.pool_size])
        x = graph.op("Transpose", x, perm=[2, 0, 1])
    _, h, _ = graph.lstm(x, "lstm", [graph.layer("lstm")])
    return str(graph.op("Relu", graph.dense(graph.op("Squeeze", h, graph.ints(0)), "dense")))


def _bilstm(graph: _Graph) -> str:
    units = graph.weights["lstm_forward/bias"].shape[0] // 4
    ids = graph.input("ids", np.int64, ["batch", "step"])
    lengths = graph.input("lengths", np.int32, ["batch"])
    layers = [graph.layer("lstm_forward"), graph.layer("lstm_backward")]
    y, h, _ = graph.lstm(graph.embed(ids), "lstm", layers, lengths=lengths)
    # [step, direction, batch, units] to [batch, step, both directions' units]
    y = graph.op("Reshape", graph.op("Transpose", y, perm=[2, 0, 1, 3]), graph.ints(0, 0, 2 * units))
    last = graph.op("Reshape", graph.op("Transpose", h, perm=[1, 0, 2]), graph.ints(0, 2 * units))
    # An LSTM's outputs are between -1 and 1, and ONNX Runtime's are 0 after the end of a text (`check_onnx`
    # verifies it): 0 does not change the sum, and 0 - 1 is never the maximum.
    one = graph.constant("one float", np.array(1, np.float32))
    is_word = graph.op("Cast", _mask(graph, ids, lengths), to=graph.onnx.TensorProto.FLOAT)
    below = graph.op("Sub", is_word, one)
    longest = graph.op("ReduceMax", graph.op("Add", y, below), axes=[1], keepdims=0)
    total = graph.op("ReduceSum", y, graph.ints(1), keepdims=0)
    counts = graph.op("Cast", graph.op("Unsqueeze", lengths, graph.ints(1)), to=graph.onnx.TensorProto.FLOAT)
    # The runtime never passes a text without steps; another program that does must not get NaN.
    mean = graph.op("Div", total, graph.op("Max", counts, one))
    return str(graph.op("Concat", longest, mean, last, axis=1))


def _mask(graph: _Graph, ids: str, lengths: str) -> str:
    """[batch, step, 1]: which steps are words, not padding."""
    step = graph.op("Gather", graph.op("Shape", ids), graph.constant("one", np.array(1, np.int64)))
    start = graph.constant("start", np.array(0, np.int64))
    steps = graph.op("Range", start, step, "one")
    ends = graph.op("Cast", graph.op("Unsqueeze", lengths, graph.ints(1)), to=graph.onnx.TensorProto.INT64)
    return str(graph.op("Unsqueeze", graph.op("Less", steps, ends), graph.ints(2)))


def _probabilities(graph: _Graph, features: str) -> None:
    logits = graph.dense(features, "output")
    n_outputs = graph.weights["output/bias"].shape[0]
    if n_outputs == 1:
        # A softmax over [0, x] is [1 - sigmoid(x), sigmoid(x)]. ONNX Runtime's own sigmoid is approximate,
        # and 0 for small probabilities.
        logits = graph.op("Concat", graph.op("Sub", logits, logits), logits, axis=1)
    probabilities = graph.op("Softmax", logits, axis=1)
    graph.output("probabilities", probabilities, ["batch", max(2, n_outputs)])


def _sigmoids(graph: _Graph, features: str) -> None:
    """Add the output of a classifier whose texts may have several labels: a sigmoid for each label."""
    logits = graph.op("Unsqueeze", graph.dense(features, "output"), graph.ints(2))
    # As in `_probabilities`: a softmax over [0, x] of each label.
    pairs = graph.op("Concat", graph.op("Sub", logits, logits), logits, axis=2)
    both = graph.op("Softmax", pairs, axis=2)
    probabilities = graph.op("Squeeze", graph.op("Gather", both, graph.ints(1), axis=2), graph.ints(2))
    graph.output("probabilities", probabilities, ["batch", graph.weights["output/bias"].shape[0]])
