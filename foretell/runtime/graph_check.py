"""Check the graph of a sentence encoder from outside before anything opens it.

ONNX Runtime would read the external data of a graph from any file, and run any operator. So every
field of the file is listed here, each operator too, and what is not listed is refused: external
data wherever a tensor can stand, functions, graphs in attributes, sparse and text tensors. How much
memory and time the listed operators take is measured by a trial (`runtime.trial`).

ONNX Runtime computes what depends on no input when it opens a graph, so a few bytes would take
gigabytes: what constants make, shapes, repeats, ranges and paddings, is bounded here. They are
followed through operators that keep their numbers.

The file is a protocol buffer, and the numbers are those of onnx.proto. Prediction needs no package
for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.artifacts.protocol_buffer import fields, integers

MAX_FIELDS = 1_000_000
"""Fields that are read of a graph, at most: a large encoder has less than a fifth."""

_OPERATORS = frozenset(
    b"""
    Abs Acos Add And ArgMax ArgMin Asin Atan Attention AveragePool BatchNormalization BitShift
    BitwiseAnd BitwiseNot BitwiseOr Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape
    Conv ConvInteger Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout
    DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand Flatten Floor GRU Gather GatherElements
    GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization
    HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LSTM
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul
    MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not
    OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Range
    Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape RotaryEmbedding Round ScatterElements
    ScatterND Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth
    Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze
    Where Xor

    BiasGelu BiasSoftmax BiasSplitGelu DynamicQuantizeLSTM DynamicQuantizeMatMul
    EmbedLayerNormalization FastGelu FusedConv FusedGemm FusedMatMul GatedRelativePositionBias
    GatherBlockQuantized MatMulIntegerToFloat MatMulNBits MultiHeadAttention PackedAttention
    PackedMultiHeadAttention QAttention QEmbedLayerNormalization QGemm QLinearAdd QLinearConcat
    QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere
    QuickGelu RelativePositionBias SimplifiedLayerNormalization SkipLayerNormalization
    SkipSimplifiedLayerNormalization
    """.split()
)
"""Operators of encoders: standard ones, and those that ONNX Runtime's optimiser and quantiser
write.
"""
_DOMAINS = frozenset([b"", b"ai.onnx", b"com.microsoft"])
# All but 8, which are texts.
_TYPES = frozenset([*range(1, 8), *range(9, 24)])


def _any(numbers: str) -> dict[int, object]:
    """Return fields that may hold anything."""
    return dict.fromkeys(map(int, numbers.split()))


# The numbers of the fields in onnx.proto: of a tensor the type and the place of its data, of a node
# the operator, its attributes and the package.
_TENSOR = _any("1 4 5 7 8 9 10 11 12 16") | {2: _TYPES, 14: frozenset([0])}
_ATTRIBUTE = _any("1 2 3 4 7 8 13 20") | {5: _TENSOR}
_NODE = _any("1 2 3 6 9") | {4: _OPERATORS, 5: _ATTRIBUTE, 7: _DOMAINS}
_GRAPH = _any("2 10 11 12 13 14 16") | {1: _NODE, 5: _TENSOR}
_MODEL = _any("1 2 3 4 5 6 8 14") | {7: _GRAPH}


def check_graph(content: bytes) -> None:
    """Check the ONNX file of a sentence encoder.

    Raises:
        ValueError: what is refused, in a few words.
    """
    # ONNX Runtime knows its own format by these, also of a file that is an ONNX model, too.
    if content[4:8] == b"ORTM":
        raise ValueError("a graph in ONNX Runtime's own format")
    _Reader().check(memoryview(content), _MODEL)
    check_constant_sizes(content)


class _Reader:
    """Reads the fields of one file."""

    _left = MAX_FIELDS

    def check(self, message: memoryview, allowed: Mapping[int, object]) -> None:
        for number, value in fields(message):
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"more than {MAX_FIELDS:,} fields")
            held = allowed.get(number, frozenset())
            if isinstance(value, memoryview) and isinstance(held, dict):
                self.check(value, held)
            elif isinstance(held, frozenset):
                # A name of an operator is shorter.
                found = value if isinstance(value, int) else bytes(value[:99])
                if found not in held:
                    what = "such as weights in another file"
                    raise ValueError(f"{found!r:.60} in the field {number}, {what}")


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
