"""The inputs and outputs of an ONNX graph, read from its bytes: names, element types and axes."""

from __future__ import annotations

from dataclasses import dataclass

from foretell.artifacts.protocol_buffers import fields, message, number_of, text

_NAME, _TYPE = 1, 2
_TENSOR = 1
_ELEMENT, _SHAPE = 1, 2
_AXIS = 1
_SIZE = 1


@dataclass(frozen=True)
class GraphValue:
    """An input or output (`ValueInfoProto` of onnx.proto).

    Attributes:
        name: its name.
        kind: the element type, a number of `TensorProto.DataType`; 0: it is no tensor.
        axes: the size of each axis; None: it differs from call to call.
    """

    name: str
    kind: int
    axes: tuple[int | None, ...]


def graph_value(content: memoryview) -> GraphValue:
    """Return an input or output.

    Raises:
        ValueError: it is damaged, or a name is no text. ONNX Runtime reads the names of axes when it is asked
            for a shape, and its error for other bytes has no type.
    """
    name, kind = "", 0
    axes: list[int | None] = []
    for number, value in fields(content):
        if number == _NAME:
            name = text(value)
        elif number == _TYPE:
            tensors = [part for each, part in fields(message(value)) if each == _TENSOR]
            parts = list(fields(message(tensors[0]))) if len(tensors) == 1 else []
            kinds = [number_of(part) for each, part in parts if each == _ELEMENT]
            kind = kinds[0] if len(kinds) == 1 else 0
            shapes = [message(part) for each, part in parts if each == _SHAPE]
            axes = [_axis(message(part)) for shape in shapes for each, part in fields(shape) if each == _AXIS]
    return GraphValue(name, kind, tuple(axes))


def _axis(content: memoryview) -> int | None:
    """Return the size of an axis; None where it has a name instead."""
    size = None
    for number, value in fields(content):
        if number == _SIZE:
            size = number_of(value)
        else:
            text(value)
    return size
