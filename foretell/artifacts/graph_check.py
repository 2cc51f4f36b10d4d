"""Check an ONNX graph against the settings of its model before ONNX Runtime reads it.

ONNX Runtime allocates what a graph asks for, opens files that it names and computes its constant parts at
once. So only what `onnx_graph` writes is let through: its operators, its inputs and outputs, and weights of
the shapes that settings, tokenizer and labels determine, in the file itself.

The file is one protocol buffer (onnx.proto of ONNX 1.15; https://protobuf.dev/programming-guides/encoding). A
few fields are read here, so that prediction needs no package for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from foretell.artifacts.weights import Shapes
from foretell.config import LabelsSettings, Settings, WordsSettings

FLOAT, INT32, INT64 = 1, 6, 7
_WIDTHS = {FLOAT: 4, INT32: 4, INT64: 8}
_OPERATORS = frozenset(
    [
        *("Add", "Cast", "Concat", "Conv", "Div", "Gather", "Gemm", "Identity", "LSTM", "Less", "Max"),
        *("MaxPool", "Range", "ReduceMax", "ReduceSum", "Relu", "Reshape", "Shape", "Slice", "Softmax"),
        *("Squeeze", "Sub", "Transpose", "Unsqueeze"),
    ]
)
_MAX_NODES = 200
_MAX_CONSTANT = 16
"""Elements of a constant that is no weight."""

# Numbers of fields in onnx.proto. Those of each message that may be there; anything else, such as functions,
# graphs and tensors in attributes, and external data, is refused.
_MODEL, _MODEL_GRAPH = {1, 2, 3, 4, 5, 6, 7, 8, 14}, 7
_GRAPH, _NODE, _INITIALIZER, _INPUT, _OUTPUT = {1, 2, 5, 10, 11, 12, 13}, 1, 5, 11, 12
_OF_NODE, _ARGUMENT, _OPERATOR, _ATTRIBUTE, _DOMAIN = {1, 2, 3, 4, 5, 6, 7}, 1, 4, 5, 7
_OF_ATTRIBUTE = {1, 2, 3, 4, 7, 8, 9, 13, 20, 21}
_OF_TENSOR, _DIMS, _TYPE, _NAME, _RAW = {1, 2, 8, 9}, 1, 2, 8, 9

Field = int | memoryview


class Value(NamedTuple):
    """An input or output: its element type (0: no tensor), and the size of its last axis (None: any)."""

    kind: int
    width: int | None


class Graph(NamedTuple):
    """The parts of a graph that are checked.

    Attributes:
        nodes: operator and names of the arguments of each node.
        constants: name to (element type, shape) of each initializer.
        inputs, outputs: by name, in order.
    """

    nodes: list[tuple[str, list[str]]]
    constants: dict[str, tuple[int, tuple[int, ...]]]
    inputs: dict[str, Value]
    outputs: dict[str, Value]


def check_graph(content: bytes, settings: Settings, shapes: Shapes) -> None:
    """Check that a graph is one of the network's.

    Args:
        content: model.onnx.
        settings: of the model.
        shapes: of its weights; see `weights.weight_shapes`.

    Raises:
        ValueError: what is there instead.
    """
    graph = read_graph(content)
    given = _kinds(graph.inputs), _kinds(graph.outputs)
    for wanted, found, name in zip(_interface(settings), given, ("inputs", "outputs"), strict=True):
        if found != wanted:
            raise ValueError(f"a graph with the {name} {', '.join(found)[:100]}")
    for name, width in _widths(settings).items():
        for values in (graph.inputs, graph.outputs):
            if name in values and values[name].width != width:
                raise ValueError(f"a graph in which {name} has a width of {values[name].width}")
    _check_constants(graph, _graph_shapes(settings, shapes))
    # The default of an optional input is no constant: another value may be given.
    fixed = graph.constants.keys() - graph.inputs.keys()
    for operator, arguments in graph.nodes:
        if operator not in _OPERATORS:
            raise ValueError(f"a graph with the operator {operator[:40]}")
        # ONNX Runtime would compute it when it opens the graph, however large the result is.
        is_constant = all(name in fixed for name in arguments if name)
        if is_constant or (operator == "Range" and arguments[1] in graph.constants):
            raise ValueError(f"a graph with the operator {operator} of constants alone")


def read_graph(content: bytes) -> Graph:
    """Return the parts of a graph.

    Raises:
        ValueError: it is damaged, or has parts that `onnx_graph` does not write.
    """
    graphs = _fields(memoryview(content), _MODEL, "model").get(_MODEL_GRAPH, [])
    parts = _fields(graphs[-1] if graphs else memoryview(b""), _GRAPH, "graph")
    nodes = parts.get(_NODE, [])
    if len(nodes) > _MAX_NODES:
        raise ValueError(f"a graph with more than {_MAX_NODES} operators")
    return Graph(
        [_node(each) for each in nodes],
        dict(map(_tensor, parts.get(_INITIALIZER, []))),
        dict(map(_value, parts.get(_INPUT, []))),
        dict(map(_value, parts.get(_OUTPUT, []))),
    )


def _node(content: Field) -> tuple[str, list[str]]:
    parts = _fields(content, _OF_NODE, "node")
    if domain := "".join(map(_text, parts.get(_DOMAIN, []))):
        raise ValueError(f"an operator of {domain[:40]}")
    for attribute in parts.get(_ATTRIBUTE, []):
        _fields(attribute, _OF_ATTRIBUTE, "attribute")
    return "".join(map(_text, parts.get(_OPERATOR, []))), list(map(_text, parts.get(_ARGUMENT, [])))


def _tensor(content: Field) -> tuple[str, tuple[int, tuple[int, ...]]]:
    """Return name, element type and shape of an initializer whose data is in the file."""
    parts = _fields(content, _OF_TENSOR, "weight")
    name, raw = "".join(map(_text, parts.get(_NAME, []))), parts.get(_RAW, [memoryview(b"")])[-1]
    # One number, or several packed into one field.
    shape = tuple(
        size for each in parts.get(_DIMS, []) for size in ([each] if isinstance(each, int) else _packed(each))
    )
    kind = parts.get(_TYPE, [0])[-1]
    width = _WIDTHS.get(kind, 0) if isinstance(kind, int) else 0
    n_bytes = len(_message(raw))
    if not width or n_bytes != width * math.prod(shape):
        raise ValueError(f"{n_bytes} bytes for the weight {name[:40]} of shape {list(shape)[:8]}")
    return name, (int(kind), shape)


def _value(content: Field) -> tuple[str, Value]:
    """Return the name of an input or output (`ValueInfoProto`), and what is known of it."""
    parts = _fields(content, {1, 2, 3}, "value")
    name = "".join(map(_text, parts.get(1, [])))
    tensors = [tensor for kind in parts.get(2, []) for tensor in _fields(kind).get(1, [])]
    tensor = _fields(tensors[0]) if len(tensors) == 1 else {}
    kinds = tensor.get(1, [])
    axes = [_axis(axis) for shape in tensor.get(2, []) for axis in _fields(shape).get(1, [])]
    kind = kinds[0] if len(kinds) == 1 and isinstance(kinds[0], int) else 0
    return name, Value(kind, axes[-1] if axes else None)


def _axis(content: Field) -> int | None:
    """Return the size of an axis; None where it has a name, which must be text: ONNX Runtime reads it."""
    parts = _fields(content)
    for number, values in parts.items():
        if number != 1:
            list(map(_text, values))
    sizes = parts.get(1, [])
    return sizes[-1] if sizes and isinstance(sizes[-1], int) else None


def _fields(content: Field, known: set[int] | None = None, what: str = "") -> dict[int, list[Field]]:
    """Return the fields of a message by their number; None: any may be there.

    Raises:
        ValueError: it is damaged, or has a field that is not known.
    """
    found: dict[int, list[Field]] = {}
    for number, value in _read(_message(content)):
        if known is not None and number not in known:
            raise ValueError(f"an ONNX {what} with the field {number}")
        found.setdefault(number, []).append(value)
    return found


def _read(content: memoryview) -> Iterator[tuple[int, Field]]:
    """Yield (number, value) of each field: an integer, or the bytes of a text, message or number."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        if wire not in (1, 2, 5):
            raise ValueError("bytes that are no ONNX model")
        size, at = _varint(content, at) if wire == 2 else (8 if wire == 1 else 4, at)
        if size > len(content) - at:
            raise ValueError("an ONNX model that is cut off")
        yield key >> 3, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            raise ValueError("an ONNX model that is cut off")
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("bytes that are no ONNX model")


def _packed(content: memoryview) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value


def _message(value: Field) -> memoryview:
    if isinstance(value, int):
        raise ValueError("bytes that are no ONNX model")
    return value


def _text(value: Field) -> str:
    return bytes(_message(value)).decode()


def _kinds(values: dict[str, Value]) -> dict[str, int]:
    return {name: value.kind for name, value in values.items()}


def _widths(settings: Settings) -> dict[str, int]:
    """Return the sizes of the last axes that the runtime reads from the graph."""
    if not isinstance(settings, WordsSettings) or not settings.traits.carries_state:
        return {}
    return {**dict.fromkeys(_states(settings), settings.units), "hidden": settings.embedding_size}


def _states(settings: WordsSettings) -> list[str]:
    """Return the names of the inputs that carry the state."""
    return [f"{state}_{k}" for k in range(1, settings.layers + 1) for state in ("h", "c")]


def _interface(settings: Settings) -> tuple[dict[str, int], dict[str, int]]:
    """Return the inputs and outputs of a network's graph: name to element type."""
    if isinstance(settings, LabelsSettings):
        lengths = {} if settings.traits.pads_front else {"lengths": INT32}
        return {"ids": INT64, **lengths}, {"probabilities": FLOAT}
    assert isinstance(settings, WordsSettings)
    if not settings.traits.carries_state:
        return {"ids": FLOAT}, {"logits": FLOAT}
    states = _states(settings)
    inputs = {"ids": INT64, "skip": INT64, "rows": FLOAT, **dict.fromkeys(states, FLOAT)}
    outputs = dict.fromkeys(("logits", "hidden", "row_logits"), FLOAT)
    return inputs, {**outputs, **{f"{state}_out": FLOAT for state in states}}


def _graph_shapes(settings: Settings, shapes: Shapes) -> Shapes:
    """Return the shapes of the weights as the graph has them: LSTM layers as ONNX's operator wants them."""
    layers = [
        name.removesuffix("/bias") for name in shapes if name.startswith("lstm") and name.endswith("/bias")
    ]
    wanted = {name: shape for name, shape in shapes.items() if not name.startswith("lstm")}
    if "conv/kernel" in wanted:
        wanted["conv/kernel"] = wanted["conv/kernel"][::-1]
    is_bidirectional = isinstance(settings, LabelsSettings) and settings.traits.is_bidirectional
    for name in layers[:1] if is_bidirectional else layers:
        width, gates = shapes[f"{name}/kernel"]
        units, directions = gates // 4, len(layers) if is_bidirectional else 1
        if f"{name}/recurrent_kernel" not in shapes:
            # The article's kernel is over input and state.
            width -= units
        graph_name = "lstm" if is_bidirectional else name
        wanted[f"{graph_name}/W"] = (directions, gates, width)
        wanted[f"{graph_name}/R"] = (directions, gates, units)
        wanted[f"{graph_name}/B"] = (directions, 2 * gates)
    return wanted


def _check_constants(graph: Graph, wanted: Shapes) -> None:
    for name, shape in wanted.items():
        kind, given = graph.constants.get(name, (0, None))
        if (kind, given) != (FLOAT, shape):
            raise ValueError(
                f"{'none' if given is None else list(given)} for the weight {name} {list(shape)}"
            )
    for name, (_, given) in graph.constants.items():
        if name not in wanted and math.prod(given) > _MAX_CONSTANT:
            raise ValueError(f"an unknown weight {name[:40]}")
