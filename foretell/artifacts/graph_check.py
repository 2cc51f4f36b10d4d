"""Check an ONNX graph against the settings of its model before ONNX Runtime reads it.

ONNX Runtime allocates what a graph asks for, opens files that it names and computes its constant parts at
once. So only what `onnx_graph` writes is let through: its operators, its inputs and outputs, and weights of
the shapes that settings, tokenizer and labels determine, in the file itself.

The file is one protocol buffer (onnx.proto of ONNX 1.15); a few fields are read here, so that prediction
needs no package for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from foretell.artifacts.graph_values import graph_value
from foretell.artifacts.protocol_buffers import fields, message, number_of, packed, text
from foretell.artifacts.weights import Shapes
from foretell.config import LabelsSettings, Settings, WordsSettings

FLOAT, INT32, INT64 = 1, 6, 7
_OPERATORS = frozenset(
    [
        "Add",
        "Cast",
        "Concat",
        "Conv",
        "Div",
        "Gather",
        "Gemm",
        "Identity",
        "LSTM",
        "Less",
        "Max",
        "MaxPool",
        "Range",
        "ReduceMax",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Shape",
        "Slice",
        "Softmax",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    ]
)
_MAX_NODES = 200
_MAX_CONSTANT = 16
"""Elements of a constant that is no weight."""

# Numbers of fields in onnx.proto; those that are ignored hold no data.
_MODEL_GRAPH, _MODEL_IGNORED = 7, {1, 2, 3, 4, 5, 6, 8, 14}
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_GRAPH_IGNORED = {2, 10, 13}
_NODE_INPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN, _NODE_IGNORED = 1, 4, 5, 7, {2, 3, 6}
_ATTRIBUTE_PLAIN = {1, 2, 3, 4, 7, 8, 9, 13, 20, 21}
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9


@dataclass
class Graph:
    """The parts of a graph that are checked.

    Attributes:
        nodes: operator and names of the arguments of each node.
        constants: name to (element type, shape) of each initializer.
        inputs, outputs: their names and element types, in order.
        widths: name to size of the last axis of each input and output; None: it differs, or there is no axis.
    """

    nodes: list[tuple[str, list[str]]] = field(default_factory=list)
    constants: dict[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int | None] = field(default_factory=dict)


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
    inputs, outputs = _interface(settings)
    if graph.inputs != inputs:
        raise ValueError(f"a graph with the inputs {', '.join(graph.inputs)[:100]}")
    if graph.outputs != outputs:
        raise ValueError(f"a graph with the outputs {', '.join(graph.outputs)[:100]}")
    for name, width in _widths(settings).items():
        if name in graph.widths and graph.widths[name] != width:
            raise ValueError(f"a graph in which {name} has a width of {graph.widths[name]}")
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
    graph = Graph()
    for number, value in fields(memoryview(content)):
        if number == _MODEL_GRAPH:
            _read_graph(message(value), graph)
        elif number not in _MODEL_IGNORED:
            raise ValueError(f"an ONNX model with the field {number}")
    return graph


def _read_graph(content: memoryview, graph: Graph) -> None:
    for number, value in fields(content):
        if number == _GRAPH_NODE:
            _read_node(message(value), graph)
        elif number == _GRAPH_INITIALIZER:
            name, kind, shape = _tensor(message(value))
            graph.constants[name] = kind, shape
        elif number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
            given = graph_value(message(value))
            (graph.inputs if number == _GRAPH_INPUT else graph.outputs)[given.name] = given.kind
            graph.widths[given.name] = given.axes[-1] if given.axes else None
        elif number not in _GRAPH_IGNORED:
            raise ValueError(f"an ONNX graph with the field {number}")


def _read_node(content: memoryview, graph: Graph) -> None:
    operator, arguments = "", []
    for number, value in fields(content):
        if number == _NODE_INPUT:
            arguments.append(text(value))
        elif number == _NODE_OPERATOR:
            operator = text(value)
        elif number == _NODE_DOMAIN:
            if text(value):
                raise ValueError(f"an operator of {text(value)[:40]}")
        elif number == _NODE_ATTRIBUTE:
            # Graphs and tensors in attributes: nothing of foretell has them.
            if not {part for part, _ in fields(message(value))} <= _ATTRIBUTE_PLAIN:
                raise ValueError(f"an attribute with a graph or tensor in {operator[:40]}")
        elif number not in _NODE_IGNORED:
            raise ValueError(f"an ONNX node with the field {number}")
    graph.nodes.append((operator, arguments))
    if len(graph.nodes) > _MAX_NODES:
        raise ValueError(f"a graph with more than {_MAX_NODES} operators")


def _tensor(content: memoryview) -> tuple[str, int, tuple[int, ...]]:
    """Return name, element type and shape of an initializer whose data is in the file."""
    name, kind, n_bytes = "", 0, 0
    shape: list[int] = []
    for number, value in fields(content):
        if number == _TENSOR_DIMS:
            # One number, or several packed into one field.
            shape += [value] if isinstance(value, int) else packed(value)
        elif number == _TENSOR_TYPE:
            kind = number_of(value)
        elif number == _TENSOR_NAME:
            name = text(value)
        elif number == _TENSOR_RAW:
            n_bytes = len(message(value))
        else:
            # External data (13, 14) among them: it would be read from any file.
            raise ValueError(f"a weight with the field {number}: {name[:40]}")
    width = {FLOAT: 4, INT32: 4, INT64: 8}.get(kind, 0)
    if not width or any(size < 0 for size in shape) or n_bytes != width * math.prod(shape):
        raise ValueError(f"{n_bytes} bytes for the weight {name[:40]} of shape {shape[:8]}")
    return name, kind, tuple(shape)


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
