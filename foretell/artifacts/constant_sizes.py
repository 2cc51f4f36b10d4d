"""Bound what the constants of a graph make: shapes, repeats, ranges and paddings.

ONNX Runtime computes what depends on no input when it opens a graph, so a few bytes would take
gigabytes. Only constants are followed here, also through operators that keep their numbers; a trial
measures all that is computed (`runtime.trial`). The graph was checked field by field before
(`runtime.graph_check`), and the numbers of the fields are those of onnx.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.artifacts.protocol_buffer import fields, integers

MAX_MADE = 1 << 24
"""Numbers that one operator makes by its constants, at most."""

# A shape has fewer axes, and a padding two numbers for each.
_MAX_NUMBERS = 32
Numbers = Sequence[float]
_RAW = {1: "<f4", 5: "<i2", 6: "<i4", 7: "<i8", 11: "<f8"}
"""Types of the numbers that shapes and ranges have, by their number in onnx.proto."""
_KEPT = frozenset([b"Cast", b"CastLike", b"Identity", b"Reshape", b"Squeeze", b"Unsqueeze"])
"""Operators whose output has the numbers of their first input."""
_SHAPES = {b"ConstantOfShape": 0, b"Expand": 1, b"OneHot": 1, b"Tile": 1}
"""Which input is a shape, or multiplies the size."""


def check_constant_sizes(content: bytes) -> None:
    """Check what the constants of an ONNX file make.

    Raises:
        ValueError: what is too large, in a few words.
    """
    for graph in _all(memoryview(content), 7):
        known = dict(_tensor(tensor) for tensor in _all(graph, 5))
        for message in _all(graph, 1):
            node = _Node.read(message)
            # "not at most" is true of NaN, too.
            if not node.made(known) <= MAX_MADE:
                what = f"constants that make more than {MAX_MADE:,} numbers"
                raise ValueError(f"{node.operator.decode()} with {what}")
            if node.outputs:
                known[node.outputs[0]] = node.numbers(known)


@dataclass(frozen=True)
class _Node:
    """An operator of a graph.

    Attributes:
        operator, inputs, outputs: names.
        pads: its attribute of this name.
        constant: the numbers of its other attributes.
    """

    operator: bytes
    inputs: Sequence[bytes]
    outputs: Sequence[bytes]
    pads: Numbers
    constant: Numbers

    @classmethod
    def read(cls, message: memoryview) -> _Node:
        names: dict[int, list[bytes]] = {1: [], 2: [], 4: [b""]}
        attributes: dict[bool, list[float]] = {True: [], False: []}
        for number, value in fields(message):
            if isinstance(value, int):
                continue
            if number in names:
                names[number].append(bytes(value))
            elif number == 5:
                name, numbers = _attribute(value)
                attributes[name == b"pads"].extend(numbers)
        return cls(names[4][-1], names[1], names[2], attributes[True], attributes[False])

    def numbers(self, known: Mapping[bytes, Numbers]) -> Numbers:
        """Return the numbers of the first output, as far as they are constant."""
        if self.operator == b"Constant":
            return self.constant
        if self.operator in _KEPT:
            return self._input(0, known)
        if self.operator == b"Concat":
            joined = [number for name in self.inputs for number in known.get(name, ())]
            return joined[:_MAX_NUMBERS]
        return ()

    def made(self, known: Mapping[bytes, Numbers]) -> float:
        """Return how many numbers its constants make, at least."""
        if self.operator in _SHAPES:
            return _product(self._input(_SHAPES[self.operator], known))
        if self.operator == b"Range":
            return _steps([self._input(i, known) for i in range(3)])
        pads = self._input(1, known) if self.operator == b"Pad" else ()
        return _product([pad + 1 for pad in (*self.pads, *pads)])

    def _input(self, place: int, known: Mapping[bytes, Numbers]) -> Numbers:
        return known.get(self.inputs[place], ()) if place < len(self.inputs) else ()


def _product(numbers: Numbers) -> float:
    if len(numbers) >= _MAX_NUMBERS:
        return math.inf
    return math.prod(float(max(1, number)) for number in numbers)


def _steps(inputs: Sequence[Numbers]) -> float:
    """Return the length of a range of which start, end and step are known; 0 of any other."""
    if not all(inputs):
        return 0
    start, end, step = (float(numbers[0]) for numbers in inputs)
    return (end - start) / step if step else math.inf


def _tensor(message: memoryview) -> tuple[bytes, Numbers]:
    """Return name and first numbers of a tensor.

    Raises:
        ValueError: it has fewer numbers than its shape says.
    """
    name = b""
    dims: list[int] = []
    kind = 0
    raw = memoryview(b"")
    numbers: list[float] = []
    for number, value in fields(message):
        if number == 1:
            dims.extend(integers(value, _MAX_NUMBERS))
        elif isinstance(value, int):
            kind = value if number == 2 else kind
            numbers += integers(value, 1) if number in (5, 7, 11) else ()
        elif number == 8:
            name = bytes(value)
        elif number == 9:
            raw = value
        else:
            numbers += _packed(number, value)
    # Two numbers of four bits share a byte.
    n_most = 2 * len(message)
    if len(dims) > _MAX_NUMBERS or min(dims, default=0) < 0 or math.prod(dims) > n_most:
        raise ValueError("a tensor with fewer numbers than its shape says")
    return name, numbers[:_MAX_NUMBERS] or _raw_numbers(raw, _RAW.get(kind, ""))


def _packed(number: int, value: memoryview) -> Numbers:
    if number in (5, 7, 11):
        return integers(value, _MAX_NUMBERS)
    return _raw_numbers(value, {4: "<f4", 10: "<f8"}.get(number, ""))


def _raw_numbers(raw: memoryview, dtype: str) -> Numbers:
    if not dtype:
        return ()
    count = min(len(raw) // np.dtype(dtype).itemsize, _MAX_NUMBERS)
    numbers: list[float] = np.frombuffer(raw, dtype, count).tolist()
    return numbers


def _attribute(message: memoryview) -> tuple[bytes, Numbers]:
    """Return name and numbers of an attribute."""
    name = b""
    numbers: list[float] = []
    for number, value in fields(message):
        if number == 1 and not isinstance(value, int):
            name = bytes(value)
        elif number in (3, 8):
            numbers += integers(value, _MAX_NUMBERS)
        elif isinstance(value, int):
            continue
        elif number in (2, 7):
            numbers += _raw_numbers(value, "<f4")
        elif number == 5:
            numbers += _tensor(value)[1]
    return name, numbers[:_MAX_NUMBERS]


def _all(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the messages in the fields of this number."""
    for key, value in fields(message):
        if key == number and not isinstance(value, int):
            yield value
