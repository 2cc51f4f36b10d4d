"""The fields of a protocol buffer: https://protobuf.dev/programming-guides/encoding."""

from __future__ import annotations

from collections.abc import Iterator

Value = int | memoryview
_MAX_VARINT = 10
_SIZES = {1: 8, 5: 4}
"""Bytes of the fields of a fixed size, by their type."""
_BROKEN = "bytes that are no ONNX file"


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field: an integer, or the bytes of anything else.

    Raises:
        ValueError: it is damaged.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number = key >> 3
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        else:
            size = _SIZES.get(wire, len(message))
        if size > len(message) - at:
            raise ValueError(_BROKEN)
        yield number, message[at : at + size]
        at += size


def integers(value: Value, most: int) -> list[int]:
    """Return the first signed integers of a field: one, or several that are packed."""
    if isinstance(value, int):
        return [_signed(value)]
    found: list[int] = []
    at = 0
    while at < len(value) and len(found) < most:
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the integer that begins at a place, and the place after it."""
    value = 0
    for i, byte in enumerate(message[at : at + _MAX_VARINT]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise ValueError(_BROKEN)
