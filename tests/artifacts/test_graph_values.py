"""What onnx writes of inputs and outputs is read; damaged ones are refused."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper

from foretell.artifacts.graph_values import GraphValue, graph_value


def read(value: Any) -> GraphValue:
    return graph_value(memoryview(value.SerializeToString()))


@pytest.mark.parametrize(
    ("shape", "axes"), [(["stream", 3], (None, 3)), ([7], (7,)), ([None, 2], (None, 2)), ([], ()), (None, ())]
)
def test_names_types_and_axes(shape: Any, axes: Any) -> None:
    for kind in (TensorProto.FLOAT, TensorProto.INT64):
        assert read(helper.make_tensor_value_info("x", kind, shape)) == GraphValue("x", kind, axes)


def test_what_is_no_tensor_has_the_kind_0() -> None:
    assert read(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2])) == GraphValue("x", 0, ())


@pytest.mark.parametrize("name", [b"stream", b"hidden"])
def test_a_name_that_is_no_text_is_refused(name: bytes) -> None:
    content = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["stream"]).SerializeToString()
    with pytest.raises(ValueError, match="decode"):
        graph_value(memoryview(content.replace(name, b"\xc7" * len(name))))


def test_every_cut_is_refused_or_read() -> None:
    content = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["stream", 3]).SerializeToString()
    refused = 0
    for length in range(len(content)):
        try:
            graph_value(memoryview(content[:length]))
        except ValueError:
            refused += 1
    assert refused > len(content) / 2
