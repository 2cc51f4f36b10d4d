"""The ONNX graph of each network, made of its weights, with LSTM operators.

A model directory holds no graph: it is made when a model is opened, and when it is exported. That
needs neither `onnx` nor TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.artifacts.weights import Weights, lstm_weights
from foretell.config import POOL_SIZE, LabelsSettings, Settings, WordsSettings

FLOAT = 1
INT32 = 6
INT64 = 7
_KINDS = {"float32": FLOAT, "int64": INT64}
_INT = 2
_STRING = 3
_INTS = 7
_OPSET = 17
_IR_VERSION = 8

Part = bytes | memoryview
"""A piece of a file: the numbers of a weight are not copied before the pieces are joined."""
Attribute = int | str | list[int]


def build_onnx(settings: Settings, weights: Weights) -> bytes:
    """Return the ONNX graph of a network, a whole file.

    ======================== =======================================
    ================================ network                  inputs
    outputs ======================== =======================================
    ================================ words lstm               ids int64 [stream, step],
                             logits [stream, step, word], h_k, c_k [stream, units] of layer k
                                                                     h_k_out, c_k_out [stream,
                                                                     units], hidden [stream, step,
                                                                     embedding]
                             rows [row, embedding], optional         row_logits [row, word]
    words article            ids float [batch, window, 1]            logits [batch, word]
    labels article, cnn-lstm ids int64 [batch, length], 0 in front   probabilities [batch, label]
    labels bilstm            ids int64 [batch, step], 0 at the end,  probabilities [batch, label]
                             lengths int32 [batch], at least 1
    ======================== =======================================
    ================================

    `hidden` is what the output layer of `words lstm` multiplies. `row_logits` are the logits of any
    such `rows`: they depend on no state, so another thread than that of a text's states can compute
    them.

    Args:
        settings: of the model.
        weights: name to float32 array; see `weights.weight_shapes`.
    """
    return _built(settings, weights, shares=False).file()


def shared_graph(settings: Settings, weights: Weights) -> tuple[bytes, Weights]:
    """Return the graph without the weights that it uses as they are, and these weights, by their
    names.

    ONNX Runtime then shares their memory instead of copying it: a model opens faster, in less
    memory.
    """
    graph = _built(settings, weights, shares=True)
    return graph.file(), graph.shared


def _built(settings: Settings, weights: Weights, *, shares: bool) -> _Graph:
    graph = _Graph(weights, shares=shares)
    if isinstance(settings, WordsSettings):
        (_article_words if settings.follows_article else _words)(graph, settings)
    else:
        features = _bilstm(graph) if settings.is_bidirectional else _lstm_dense(graph, settings)
        _probabilities(graph, features, several=bool(settings.multi_label))
    return graph


def _varint(value: int) -> bytes:
    """Return an integer of a protocol buffer; a negative one as 64 bits."""
    value = value % (1 << 64)
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def _field(number: int, value: int | str | bytes | Sequence[Part]) -> list[Part]:
    """Return a field of a protocol buffer: an integer, a text, bytes, or a message of parts."""
    if isinstance(value, int):
        return [_varint(number << 3) + _varint(value)]
    value = value.encode() if isinstance(value, str) else value
    parts = [value] if isinstance(value, bytes) else value
    return [_varint(number << 3 | 2) + _varint(sum(map(len, parts))), *parts]


class _Graph:
    """Collects nodes and weights. Each method adds one operator and returns the name of its output.

    The numbers are those of the fields in onnx.proto (ONNX 1.15;
    https://protobuf.dev/programming-guides/encoding).
    """

    def __init__(self, weights: Weights, *, shares: bool) -> None:
        self.weights = weights
        self._shares = shares
        self.shared: Weights = {}
        self._count = 0
        self._initializers: dict[str, list[Part]] = {}
        self._nodes = list[Part]()
        self._inputs = list[Part]()
        self._outputs = list[Part]()

    def op(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node; return the name of its only output."""
        return self.node(kind, inputs, [f"{kind.lower()}_{self._count}_0"], attributes)[0]

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: list[str],
        attributes: Mapping[str, Attribute],
    ) -> list[str]:
        """Add a node; return the names of its outputs."""
        fields = [*(_field(1, name) for name in inputs), *(_field(2, name) for name in outputs)]
        fields.append(_field(4, kind))
        for name, value in sorted(attributes.items()):
            number, code = {int: (3, _INT), str: (4, _STRING), list: (8, _INTS)}[type(value)]
            values = [
                _field(number, item) for item in (value if isinstance(value, list) else [value])
            ]
            fields.append(_field(5, _joined([_field(1, name), *values, _field(20, code)])))
        self._nodes += _field(1, _joined(fields))
        self._count += 1
        return outputs

    def constant(self, name: str, value: Array) -> str:
        """Add an array, unless there is one of this name already."""
        content = np.ascontiguousarray(value).data.cast("B") if value.size else b""
        return self._tensor(name, value, _field(9, [content]))

    def weight(self, name: str) -> str:
        if not self._shares:
            return self.constant(name, self.weights[name])
        self.shared[name] = np.ascontiguousarray(self.weights[name])
        # The array takes the place of an external file, which ONNX Runtime does not look for.
        file = _joined([_field(1, "location"), _field(2, "memory")])
        return self._tensor(name, self.weights[name], [*_field(13, file), *_field(14, 1)])

    def _tensor(self, name: str, value: Array, content: list[Part]) -> str:
        if name not in self._initializers:
            dims = [_field(1, size) for size in value.shape]
            fields = [*dims, _field(2, _KINDS[value.dtype.name]), _field(8, name), content]
            self._initializers[name] = _field(5, _joined(fields))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(f"ints_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def input(self, name: str, kind: int, axes: Sequence[str | int]) -> str:
        self._inputs += _field(11, _value(name, kind, axes))
        return name

    def optional_input(self, name: str, default: Array, axes: Sequence[str | int]) -> str:
        self.input(name, _KINDS[default.dtype.name], axes)
        return self.constant(name, default)

    def output(self, name: str, value: str, axes: Sequence[str | int]) -> None:
        self.node("Identity", [value], [name], {})
        self._outputs += _field(12, _value(name, FLOAT, axes))

    def dense(self, x: str, name: str) -> str:
        """x [row, in] · kernel [in, units] + bias."""
        return self.op("Gemm", x, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias"))

    def embed(self, ids: str) -> str:
        """ids [batch, step] to [step, batch, embedding], the order of axes of the LSTM operator."""
        # Transposing ids is faster than transposing embeddings.
        return self.op("Gather", self.weight("embedding"), self.op("Transpose", ids, perm=[1, 0]))

    def lstm(
        self,
        x: str,
        name: str,
        layers: Sequence[str] = (),
        *,
        lengths: str = "",
        state: Sequence[str] = ("", ""),
    ) -> list[str]:
        """Add an LSTM of the layer `name`, or of two directions where there are two `layers`.

        x is [step, batch, in], state [direction, batch, units]; the outputs are [step, direction,
        batch, units] and the last h and c, each [direction, batch, units].
        """
        parts = [lstm_weights(self.weights, layer) for layer in layers or (name,)]
        kernels, recurrent, biases = (
            _gates(kernels) for kernels in zip(*((w, r, b[None]) for w, r, b in parts), strict=True)
        )
        directions, gates, units = recurrent.shape
        # A second bias, which Keras does not have.
        biases = np.concatenate(
            [biases[:, :, 0], np.zeros((directions, gates), np.float32)], axis=1
        )
        weights = (
            self.constant(f"{name}/W", kernels),
            self.constant(f"{name}/R", recurrent),
            self.constant(f"{name}/B", biases),
        )
        direction = "bidirectional" if directions == 2 else "forward"
        outputs = [f"lstm_{self._count}_{i}" for i in range(3)]
        attributes: dict[str, Attribute] = {"hidden_size": units, "direction": direction}
        return self.node("LSTM", [x, *weights, lengths, *state], outputs, attributes)

    def file(self) -> bytes:
        weights = _joined(self._initializers.values())
        graph = [*self._nodes, *_field(2, "foretell"), *weights, *self._inputs, *self._outputs]
        opset = _joined([_field(1, ""), _field(2, _OPSET)])
        return b"".join(
            _joined(
                [_field(1, _IR_VERSION), _field(2, "foretell"), _field(7, graph), _field(8, opset)]
            )
        )


def _joined(fields: Iterable[Sequence[Part]]) -> list[Part]:
    return [part for field in fields for part in field]


def _value(name: str, kind: int, axes: Sequence[str | int]) -> list[Part]:
    """Return an input or output, a tensor: name and type, the latter with its element type and
    axes.
    """
    shape = _joined(_field(1, _field(1 if isinstance(axis, int) else 2, axis)) for axis in axes)
    tensor = _joined([_field(1, kind), _field(2, shape)])
    return _joined([_field(1, name), _field(2, _field(1, tensor))])


def _gates(kernels: Sequence[Float32s]) -> Float32s:
    """Return kernels [in, 4 * units], gates i, f, c, o, as ONNX's: [direction, 4 * units, in], i,
    o, f, c.
    """
    by_gate = (kernel.reshape(len(kernel), 4, -1)[:, [0, 3, 1, 2]] for kernel in kernels)
    return np.stack([kernel.reshape(len(kernel), -1).T for kernel in by_gate])


def _article_words(graph: _Graph, settings: WordsSettings) -> None:
    ids = graph.input("ids", FLOAT, ["batch", settings.window, 1])
    x = graph.op("Transpose", ids, perm=[1, 0, 2])
    h = ""
    for k in range(1, settings.layers + 1):
        y, h, _ = graph.lstm(x, f"lstm_{k}")
        x = graph.op("Squeeze", y, graph.ints(1))
    logits = graph.dense(graph.op("Squeeze", h, graph.ints(0)), "dense")
    graph.output("logits", logits, ["batch", "word"])


def _words(graph: _Graph, settings: WordsSettings) -> None:
    units = settings.units
    size = graph.weights["embedding"].shape[0]
    ids = graph.input("ids", INT64, ["stream", "step"])
    x = graph.embed(ids)
    lasts: list[tuple[str, str]] = []
    for k in range(1, settings.layers + 1):
        before = [graph.input(f"{state}_{k}", FLOAT, ["stream", units]) for state in ("h", "c")]
        h, c = (graph.op("Unsqueeze", state, graph.ints(0)) for state in before)
        y, h, c = graph.lstm(x, f"lstm_{k}", state=(h, c))
        x = graph.op("Squeeze", y, graph.ints(1))
        lasts += [(f"h_{k}_out", h), (f"c_{k}_out", c)]
    x = graph.op("Transpose", x, perm=[1, 0, 2])
    width = graph.weights["embedding"].shape[1]
    if "projection/kernel" in graph.weights:
        flat = graph.dense(graph.op("Reshape", x, graph.ints(-1, units)), "projection")
        shape = graph.op("Concat", graph.op("Shape", x, end=2), graph.ints(width), axis=0)
        x = graph.op("Reshape", flat, shape)
    # The output layer takes most of the time, and for a prompt only the logits of the last word are
    # needed.
    skip = graph.optional_input("skip", np.zeros(1, np.int64), [1])
    wanted = graph.op("Slice", x, skip, graph.ints(2**63 - 1), graph.ints(1))
    logits = _logits(graph, graph.op("Reshape", wanted, graph.ints(-1, width)))
    shape = graph.op("Concat", graph.op("Shape", wanted, end=2), graph.ints(size), axis=0)
    # allowzero: with all steps left out, 0 is a length and not the sign for the length of the
    # input.
    graph.output(
        "logits", graph.op("Reshape", logits, shape, allowzero=1), ["stream", "wanted step", size]
    )
    for name, last in lasts:
        graph.output(name, graph.op("Squeeze", last, graph.ints(0)), ["stream", units])
    graph.output("hidden", x, ["stream", "step", width])
    rows = graph.optional_input("rows", np.zeros((0, width), np.float32), ["row", width])
    graph.output("row_logits", _logits(graph, rows), ["row", size])


def _logits(graph: _Graph, rows: str) -> str:
    """Add the output layer: [row, embedding] to [row, word]."""
    # Gemm can transpose the embedding, so that the file has one copy for input and output.
    weights = graph.weight("embedding"), graph.weight("output/bias")
    return graph.op("Gemm", rows, *weights, transB=1)


def _lstm_dense(graph: _Graph, settings: LabelsSettings) -> str:
    x = graph.embed(graph.input("ids", INT64, ["batch", "length"]))
    if settings.network == "cnn-lstm":
        x = graph.op("Transpose", x, perm=[1, 2, 0])
        # Keras's kernel is [step, in, filter], ONNX's [filter, in, step].
        kernel = graph.constant("conv/kernel", graph.weights["conv/kernel"].transpose(2, 1, 0))
        x = graph.op("Relu", graph.op("Conv", x, kernel, graph.weight("conv/bias")))
        x = graph.op("MaxPool", x, kernel_shape=[POOL_SIZE], strides=[POOL_SIZE])
        x = graph.op("Transpose", x, perm=[2, 0, 1])
    _, h, _ = graph.lstm(x, "lstm")
    return graph.op("Relu", graph.dense(graph.op("Squeeze", h, graph.ints(0)), "dense"))


def _bilstm(graph: _Graph) -> str:
    units = len(graph.weights["lstm_forward/bias"]) // 4
    ids = graph.input("ids", INT64, ["batch", "step"])
    lengths = graph.input("lengths", INT32, ["batch"])
    layers = ["lstm_forward", "lstm_backward"]
    y, h, _ = graph.lstm(graph.embed(ids), "lstm", layers, lengths=lengths)
    # [step, direction, batch, units] to [batch, step, both directions' units]
    y = graph.op(
        "Reshape", graph.op("Transpose", y, perm=[2, 0, 1, 3]), graph.ints(0, 0, 2 * units)
    )
    last = graph.op("Reshape", graph.op("Transpose", h, perm=[1, 0, 2]), graph.ints(0, 2 * units))
    # An LSTM's outputs are between -1 and 1, and ONNX Runtime's are 0 after the end of a text: 0
    # does not change the sum, and 0 - 1 is never the maximum.
    one = graph.constant("one float", np.ones(1, np.float32))
    is_word = graph.op("Cast", _mask(graph, ids, lengths), to=FLOAT)
    below = graph.op("Sub", is_word, one)
    longest = graph.op("ReduceMax", graph.op("Add", y, below), axes=[1], keepdims=0)
    total = graph.op("ReduceSum", y, graph.ints(1), keepdims=0)
    counts = graph.op("Cast", graph.op("Unsqueeze", lengths, graph.ints(1)), to=FLOAT)
    # The runtime never passes a text without steps; another program that does must not get NaN.
    mean = graph.op("Div", total, graph.op("Max", counts, one))
    return graph.op("Concat", longest, mean, last, axis=1)


def _mask(graph: _Graph, ids: str, lengths: str) -> str:
    """[batch, step, 1]: which steps are words, not padding."""
    step = graph.op("Gather", graph.op("Shape", ids), graph.constant("one", np.ones(1, np.int64)))
    start = graph.constant("start", np.zeros(1, np.int64))
    steps = graph.op("Range", start, step, "one")
    ends = graph.op("Cast", graph.op("Unsqueeze", lengths, graph.ints(1)), to=INT64)
    return graph.op("Unsqueeze", graph.op("Less", steps, ends), graph.ints(2))


def _probabilities(graph: _Graph, features: str, *, several: bool) -> None:
    """Add the output of a classifier; where texts may have several labels, a sigmoid for each."""
    logits = graph.dense(features, "output")
    n_labels = len(graph.weights["output/bias"])
    axis = 1
    if several:
        logits = graph.op("Unsqueeze", logits, graph.ints(2))
        axis = 2
    if several or n_labels == 1:
        # A softmax over [0, x] is [1 - sigmoid(x), sigmoid(x)]. ONNX Runtime's own sigmoid is
        # approximate, and 0 for small probabilities.
        logits = graph.op("Concat", graph.op("Sub", logits, logits), logits, axis=axis)
    probabilities = graph.op("Softmax", logits, axis=axis)
    if several:
        second = graph.op("Gather", probabilities, graph.ints(1), axis=2)
        probabilities = graph.op("Squeeze", second, graph.ints(2))
    graph.output("probabilities", probabilities, ["batch", max(2, n_labels)])
