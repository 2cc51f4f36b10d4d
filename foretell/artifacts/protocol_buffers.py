"""Read protocol buffers field by field, so that prediction needs no package for them.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator

Field = tuple[int, int | memoryview]


def fields(content: memoryview) -> Iterator[Field]:
    """Yield (number, value) of each field: an integer, or the bytes of a text, message or number."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(content, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError("bytes that are no ONNX model")
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


def packed(content: memoryview) -> list[int]:
    """Return the integers that are packed into one field."""
    values, at = [], 0
    while at < len(content):
        value, at = _varint(content, at)
        values.append(value)
    return values


def message(value: int | memoryview) -> memoryview:
    """Return the bytes of a field."""
    if isinstance(value, int):
        raise ValueError("bytes that are no ONNX model")
    return value


def number_of(value: int | memoryview) -> int:
    """Return the integer of a field."""
    if not isinstance(value, int):
        raise ValueError("bytes that are no ONNX model")
    return value


def text(value: int | memoryview) -> str:
    """Return the text of a field."""
    return bytes(message(value)).decode()
