"""What is not listed is refused wherever it stands in a graph; what encoders have is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper

from foretell.runtime.graph_check import MAX_MADE, check_graph
from tests.encoders import minilm, tiny_graph

EXTERNAL = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[4], data_location=1)
EXTERNAL.external_data.add(key="location", value="/etc/passwd")
# ONNX Runtime does not ask for the location: the entries alone are enough to be refused.
LISTED = TensorProto(name="x", data_type=TensorProto.FLOAT, raw_data=b"\0" * 4)
LISTED.external_data.add(key="location", value="/etc/passwd")
TEXTS = TensorProto(name="x", data_type=TensorProto.STRING, dims=[1], string_data=[b"text"])
ONLY_TYPE = TensorProto(name="x", data_type=TensorProto.STRING, dims=[1], raw_data=b"text")
TENSORS = [EXTERNAL, LISTED, TEXTS, ONLY_TYPE]
SPARSE = onnx.SparseTensorProto(values=EXTERNAL)
BODY = helper.make_graph([helper.make_node("Identity", ["input_ids"], ["x"])], "body", [], [])
ATTRIBUTES = [
    *(AttributeProto(name="value", type=4, t=tensor) for tensor in TENSORS),
    AttributeProto(name="value", type=9, tensors=[EXTERNAL]),
    AttributeProto(name="value", type=11, sparse_tensor=SPARSE),
    AttributeProto(name="value", type=12, sparse_tensors=[SPARSE]),
    AttributeProto(name="body", type=5, g=BODY),
    AttributeProto(name="body", type=10, graphs=[BODY]),
    AttributeProto(name="value_strings", type=8, strings=[b"text"]),
]
OPERATORS = [
    ("Loop", ""),
    ("If", ""),
    ("Scan", ""),
    ("RandomNormal", ""),
    ("Resize", ""),
    ("StringConcat", ""),
    ("Evil", "evil"),
    ("Add", "evil"),
    ("Tokenizer", "com.microsoft"),
]
FUNCTION = helper.make_function("", "Add", ["x"], ["y"], [], [helper.make_opsetid("", 17)])


def hostile() -> Iterator[Callable[[onnx.ModelProto, int], object]]:
    """Yield changes of a model, each at a place in it."""
    for tensor in TENSORS:
        yield lambda model, at, tensor=tensor: model.graph.initializer.insert(at % 4, tensor)
    for attribute in ATTRIBUTES:
        yield lambda model, at, each=attribute: model.graph.node[at % 5].attribute.append(each)
    for kind, domain in OPERATORS:
        node = helper.make_node(kind, ["input_ids"], ["new"], domain=domain)
        yield lambda model, at, node=node: model.graph.node.insert(at % 5, node)
    yield lambda model, _: model.functions.append(FUNCTION)
    yield lambda model, _: model.graph.sparse_initializer.append(SPARSE)
    yield lambda model, _: model.training_info.add()


@given(st.sampled_from(list(hostile())), st.integers(0, 59))
def test_it_is_refused_wherever_it_stands(change: Callable[..., object], at: int) -> None:
    model = tiny_graph()
    check_graph(model.SerializeToString())
    change(model, at)
    with pytest.raises(ValueError) as raised:
        check_graph(model.SerializeToString())
    assert len(str(raised.value)) < 200
    assert "\n" not in str(raised.value)


OPERATORS_OF_SIZES = ["ConstantOfShape", "Expand", "Tile", "OneHot", "Range", "Pad", "old Pad"]
KEEPING = ["Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape", "Concat"]
TYPES = [TensorProto.INT64, TensorProto.INT32, TensorProto.DOUBLE]


def constant(data: st.DataObject, model: onnx.ModelProto, values: list[int]) -> str:
    """Add numbers to a graph in one of the ways that there are, and return their name."""
    dtype = data.draw(st.sampled_from(TYPES))
    is_raw = data.draw(st.booleans())
    array = np.array(values, helper.tensor_dtype_to_np_dtype(dtype))
    vals = array.tobytes() if is_raw else array.tolist()
    tensor = helper.make_tensor("sizes", dtype, [len(values)], vals, raw=is_raw)
    way = data.draw(st.sampled_from(["initializer", "value", "value_ints"]))
    nodes = []
    if way == "initializer":
        model.graph.initializer.append(tensor)
    elif way == "value":
        nodes.append(helper.make_node("Constant", [], ["sizes"], value=tensor))
    else:
        nodes.append(helper.make_node("Constant", [], ["sizes"], value_ints=values))
    last = "sizes"
    for i, kind in enumerate(data.draw(st.lists(st.sampled_from(KEEPING), max_size=3))):
        more = ["unknown"] if kind == "Concat" else []
        nodes.append(helper.make_node(kind, [last, *more], [f"kept{i}"]))
        last = f"kept{i}"
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    return last


def with_sizes(data: st.DataObject, kind: str, size: int) -> bytes:
    """Return a graph in which an operator makes so many numbers, or a few more, by constants."""
    model = tiny_graph()
    factor = data.draw(st.sampled_from([1, 2, 8]))
    shape = data.draw(st.permutations([size // factor, factor, 1]))
    if kind == "old Pad":
        model.graph.node.append(helper.make_node("Pad", ["words"], ["x"], pads=shape))
        return model.SerializeToString()
    if kind == "Range":
        for name, number in (("start", 5), ("step", -1)):
            tensor = helper.make_tensor(name, TensorProto.INT64, [], [number])
            model.graph.initializer.append(tensor)
        inputs = ["start", constant(data, model, [5 - size]), "step"]
    else:
        name = constant(data, model, shape)
        inputs = [name] if kind == "ConstantOfShape" else ["words", name]
    model.graph.node.append(helper.make_node(kind, inputs, ["x"]))
    return model.SerializeToString()


@given(st.data(), st.sampled_from(OPERATORS_OF_SIZES), st.sampled_from([24, 30]))
def test_what_constants_make_is_bounded(data: st.DataObject, kind: str, bits: int) -> None:
    assert MAX_MADE == 1 << 24
    check_graph(with_sizes(data, kind, 1 << 20))
    with pytest.raises(ValueError, match=r"constants that make more than 16,777,216 numbers"):
        check_graph(with_sizes(data, kind, (1 << bits) + 8))


@pytest.mark.parametrize("dims", [[1 << 30], [-1], [-1, -4], [1] * 40])
def test_a_tensor_has_the_numbers_of_its_shape(dims: list[int]) -> None:
    tensor = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=dims, raw_data=b"\0" * 16)
    model = tiny_graph()
    model.graph.initializer.append(tensor)
    with pytest.raises(ValueError, match="fewer numbers than its shape"):
        check_graph(model.SerializeToString())


SMALL = tiny_graph().SerializeToString()
WORST = tiny_graph()
WORST.graph.node[1].attribute[0].t.CopyFrom(EXTERNAL)
WORST.graph.initializer.append(TEXTS)
HOSTILE = WORST.SerializeToString()


def parts(message: Any) -> Iterator[Any]:
    """Yield every message in a message of protocol buffers."""
    yield message
    for _, value in message.ListFields():
        for each in value if hasattr(value, "__len__") else [value]:
            if hasattr(each, "ListFields"):
                yield from parts(each)


def is_harmless(model: onnx.ModelProto) -> bool:
    """Return whether the ONNX package finds nothing in a model that must be refused."""
    if model.functions or model.graph.sparse_initializer:
        return False
    for each in parts(model):
        if isinstance(each, TensorProto) and (
            each.external_data or each.data_location or each.data_type == 8 or each.string_data
        ):
            return False
        if isinstance(each, AttributeProto) and (each.HasField("g") or each.graphs):
            return False
    return True


@given(st.data())
def test_what_is_accepted_is_harmless_to_the_onnx_package(data: st.DataObject) -> None:
    """The two readers agree, also of damaged files: nothing hides in what only one of them sees."""
    content = bytearray(data.draw(st.sampled_from([SMALL, HOSTILE])))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        check_graph(bytes(content))
    except ValueError:
        return
    model = onnx.ModelProto()
    try:
        model.ParseFromString(bytes(content))
    except Exception:
        return
    assert is_harmless(model)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 9000,
        b"\x3a\xff\xff\xff\xff\x0f" * 900,
        # A field of text that hides the beginning of a file in ONNX Runtime's own format.
        b"\x12\x40\0\0ORTM" + b"\0" * 58 + SMALL,
        b"\x08\x01" * 1_000_001,
    ],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        check_graph(content)


def test_a_real_encoder_is_accepted(tmp_path: Any) -> None:
    check_graph((minilm(tmp_path / "minilm") / "model.onnx").read_bytes())
