"""Check the graph of a sentence encoder from outside before anything opens it.

ONNX Runtime would read the external data of a graph from any file, and run any operator. So every
field of the file is listed here, each operator too, and what is not listed is refused: external
data wherever a tensor can stand, functions, graphs in attributes, sparse and text tensors. How much
memory and time the listed operators take is measured by a trial (`runtime.trial`).

The file is a protocol buffer, and the numbers are those of onnx.proto. Prediction needs no package
for them.
"""

from __future__ import annotations

from collections.abc import Mapping

from foretell.artifacts.constant_sizes import check_constant_sizes
from foretell.artifacts.protocol_buffer import fields

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
