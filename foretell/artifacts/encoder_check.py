"""Check the graph of a sentence encoder from outside before ONNX Runtime reads it.

A graph that foretell writes is known to the last weight (`graph_check`); an encoder has any layers. Let
through are standard operators that encoders are made of, with weights in the file itself. Refused are
external data, which ONNX Runtime would read from any file, functions, graphs within graphs, operators of
other packages, dimensions without data, and constants that grow when ONNX Runtime opens the graph, since it
computes them at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from foretell.artifacts.graph_values import graph_value
from foretell.artifacts.protocol_buffers import fields, message, number_of, packed, text


def _names(spaced: str) -> frozenset[str]:
    return frozenset(spaced.split())


# Element-wise operators: the result has the shape that the arguments have together.
_TOGETHER = _names(
    "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow Sub Sum Where Xor"
)
# The result has the shape of the first argument, or fewer elements.
_AS_FIRST = _names(
    "Abs Cast CastLike Ceil Clip Cos CumSum DequantizeLinear Dropout Erf Exp Floor Gelu Identity IsNaN "
    "LayerNormalization LeakyRelu Log LpNormalization Neg Not QuantizeLinear Reciprocal Relu Round Sigmoid "
    "Sign Sin Softmax Softplus Sqrt Tanh Trilu"
)
_AS_MANY = _names(
    "Flatten ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum Reshape Shape Size Slice Split Squeeze "
    "Transpose Unsqueeze"
)
# The result of constants depends on their values.
_BY_VALUE = frozenset(["ConstantOfShape", "Expand", "Range", "Tile"])
_OTHERS = _names(
    "Concat Constant DynamicQuantizeLinear Einsum Gather GatherElements GatherND Gemm LSTM MatMul "
    "MatMulInteger ScatterND"
)
_STANDARD = _TOGETHER | _AS_FIRST | _AS_MANY | _BY_VALUE | _OTHERS
_MICROSOFT = _names(
    "Attention BiasGelu DequantizeLinear DynamicQuantizeMatMul EmbedLayerNormalization FastGelu FusedGemm "
    "FusedMatMul Gelu MatMulIntegerToFloat MatMulNBits MultiHeadAttention QAttention "
    "QEmbedLayerNormalization QuantizeLinear QuickGelu RotaryEmbedding SimplifiedLayerNormalization "
    "SkipLayerNormalization SkipSimplifiedLayerNormalization"
)
"""Operators that ONNX Runtime's own optimiser and quantiser write; every build of it has them."""

_OPERATORS = {"": _STANDARD, "ai.onnx": _STANDARD, "com.microsoft": _MICROSOFT}

_MAX_NODES = 20_000
_FEW = 16
"""Elements of a constant whose values are read: shapes and bounds are no longer."""
_MORE, _TIMES = 1 << 20, 4
"""Elements that constants may have in all when they are computed: so many, and so many times the stored."""

# Numbers of fields in onnx.proto (ONNX 1.15).
_MODEL_GRAPH, _MODEL_IGNORED = 7, {1, 2, 3, 4, 5, 6, 8, 14}
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_GRAPH_IGNORED = {2, 10, 13, 14, 16}
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_NODE_IGNORED = {3, 6, 9}
_ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS = 5, 8
_ATTRIBUTE_PLAIN = {1, 2, 3, 4, 7, 8, 9, 13, 20}
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME = 1, 2, 8
_TENSOR_DATA, _TENSOR_IGNORED = {4, 5, 7, 9, 10, 11}, {12}
_INT64_DATA, _RAW_DATA, _INT64 = 7, 9, 7


@dataclass(frozen=True)
class _Constant:
    """What is known of a constant.

    Attributes:
        size: its elements, at most.
        shape: its shape; None: not known.
        values: its values, of a short one of integers; None: not known.
    """

    size: int
    shape: tuple[int, ...] | None = None
    values: tuple[int, ...] | None = None


@dataclass
class _Node:
    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    constant: _Constant = _Constant(1)


@dataclass
class _Graph:
    nodes: list[_Node] = field(default_factory=list)
    constants: dict[str, _Constant] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)


def check_encoder_graph(content: bytes) -> None:
    """Check the graph of a sentence encoder.

    Args:
        content: the ONNX file.

    Raises:
        ValueError: what is there instead, in a few words.
    """
    graph = _Graph()
    for number, value in fields(memoryview(content)):
        if number == _MODEL_GRAPH:
            _read_graph(message(value), graph)
        elif number not in _MODEL_IGNORED:
            raise ValueError(f"an ONNX model with functions or the field {number}")
    if not graph.nodes:
        raise ValueError("an ONNX model without a graph")
    for node in graph.nodes:
        if node.operator not in _OPERATORS.get(node.domain, ()):
            name = f"{node.domain}.{node.operator}".strip(".")
            raise ValueError(f"a graph with the operator {name[:60]}")
    _check_constants(graph)


def _read_graph(content: memoryview, graph: _Graph) -> None:
    for number, value in fields(content):
        if number == _GRAPH_NODE:
            graph.nodes.append(_node(message(value)))
            if len(graph.nodes) > _MAX_NODES:
                raise ValueError(f"a graph with more than {_MAX_NODES:,} operators")
        elif number == _GRAPH_INITIALIZER:
            name, constant = _tensor(message(value))
            graph.constants[name] = constant
        elif number == _GRAPH_INPUT:
            graph.inputs.add(graph_value(message(value)).name)
        elif number == _GRAPH_OUTPUT:
            graph_value(message(value))
        elif number not in _GRAPH_IGNORED:
            raise ValueError(f"an ONNX graph with the field {number}")


def _node(content: memoryview) -> _Node:
    node = _Node()
    for number, value in fields(content):
        if number == _NODE_INPUT:
            node.inputs.append(text(value))
        elif number == _NODE_OUTPUT:
            node.outputs.append(text(value))
        elif number == _NODE_OPERATOR:
            node.operator = text(value)
        elif number == _NODE_DOMAIN:
            node.domain = text(value)
        elif number == _NODE_ATTRIBUTE:
            _read_attribute(message(value), node)
        elif number not in _NODE_IGNORED:
            raise ValueError(f"an ONNX node with the field {number}")
    return node


def _read_attribute(content: memoryview, node: _Node) -> None:
    for number, value in fields(content):
        if number == _ATTRIBUTE_TENSOR:
            _, node.constant = _tensor(message(value))
        elif number not in _ATTRIBUTE_PLAIN:
            raise ValueError(f"an attribute with a graph in {node.operator[:40]}")
        elif number == _ATTRIBUTE_INTS and node.operator == "Constant":
            node.constant = _Constant(len(packed(value)) if isinstance(value, memoryview) else 1)


def _tensor(content: memoryview) -> tuple[str, _Constant]:
    """Return the name of a tensor whose data is in the file, and what is known of it."""
    name, kind, shape, n_bytes = "", 0, [], 0
    values: tuple[int, ...] | None = None
    for number, value in fields(content):
        if number == _TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else packed(value)
        elif number == _TENSOR_TYPE:
            kind = number_of(value)
        elif number == _TENSOR_NAME:
            name = text(value)
        elif number in _TENSOR_DATA:
            n_bytes += len(value) if isinstance(value, memoryview) else 1
            values = _values(number, kind, value)
        elif number not in _TENSOR_IGNORED and not (number == 14 and value == 0):
            raise ValueError(f"a weight with external data or the field {number}: {name[:40]}")
    size = math.prod(shape)
    # Two elements of four bits share a byte.
    if any(each >= 1 << 32 for each in shape) or size > 2 * n_bytes:
        raise ValueError(f"{n_bytes} bytes for the weight {name[:40]} of shape {shape[:8]}")
    return name, _Constant(size, tuple(shape), values)


def _values(number: int, kind: int, value: int | memoryview) -> tuple[int, ...] | None:
    """Return the values of a few integers; None of anything else."""
    if kind != _INT64 or not isinstance(value, memoryview):
        return None
    if number == _RAW_DATA and len(value) <= 8 * _FEW and len(value) % 8 == 0:
        return tuple(np.frombuffer(value, "<i8").tolist())
    if number == _INT64_DATA and len(value) <= 10 * _FEW:
        # A negative number is written as 2^64 more.
        return tuple(each - (1 << 64) if each >> 63 else each for each in packed(value))
    return None


def _check_constants(graph: _Graph) -> None:
    """Check how large the constants become that ONNX Runtime computes when it opens the graph.

    Raises:
        ValueError: they may become larger than what is stored explains.
    """
    # The default of an input is no constant: another value may be given.
    known = {name: each for name, each in graph.constants.items() if name not in graph.inputs}
    left = _MORE + _TIMES * sum(each.size for each in known.values())
    for node in graph.nodes:
        arguments = [known.get(name) for name in node.inputs if name]
        constants = [each for each in arguments if each is not None]
        if len(constants) < len(arguments):
            continue
        result = node.constant if node.operator == "Constant" else _result(node.operator, constants)
        left -= result.size * max(1, len(node.outputs))
        if left < 0:
            raise ValueError(f"a graph whose constants grow by the operator {node.operator[:40]}")
        known.update(dict.fromkeys(node.outputs, result))


def _result(operator: str, arguments: Sequence[_Constant]) -> _Constant:
    """Return what is known of an operator's result for constants; its size is never too small."""
    if not arguments:
        return _Constant(_MORE)
    first, sizes = arguments[0], [each.size for each in arguments]
    shapes = [each.shape for each in arguments if each.shape is not None]
    if operator in _AS_FIRST:
        return _Constant(first.size, first.shape)
    if operator in _AS_MANY or operator in ("GatherElements", "ScatterND"):
        return _Constant(max(sizes))
    if operator == "Concat":
        return _Constant(sum(sizes))
    if operator in _TOGETHER and len(shapes) == len(arguments):
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError:
            return _Constant(math.prod(sizes))
        return _Constant(math.prod(shape), shape)
    if operator == "Gather" and first.shape:
        return _Constant(math.prod(sizes[1:]) * first.size // max(1, min(first.shape)))
    values = [each.values for each in arguments]
    if operator in _BY_VALUE:
        # Of `Expand` and `Tile` the first argument is the data.
        given = values[1:] if operator in ("Expand", "Tile") else values
        if any(each is None for each in given):
            raise ValueError(f"a graph with the operator {operator} of computed constants")
        times = math.prod(max(1, abs(value)) for each in given if each is not None for value in each)
        return _Constant(times * (first.size if operator in ("Expand", "Tile") else 1))
    return _Constant(math.prod(max(1, size) for size in sizes))
