"""Encoders as they are published are let through; what only a hostile one has is refused with its name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from artifacts.hostile_teachers import tokenizer_json
from onnx import helper, numpy_helper

from foretell.artifacts.encoder_check import check_encoder_graph
from foretell.artifacts.encoder_tokenizer_check import check_encoder_tokenizer
from tests.encoders import minilm, tiny_graph, tiny_tokenizer


def graph_of(nodes: list[onnx.NodeProto], **constants: Any) -> bytes:
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [], [], tensors)
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    return content


def test_the_encoders_of_these_tests_are_let_through() -> None:
    check_encoder_graph(tiny_graph().SerializeToString())
    check_encoder_graph(tiny_graph(pooled=True).SerializeToString())
    check_encoder_tokenizer(tiny_tokenizer().to_str().encode())


def test_a_published_encoder_is_let_through(tmp_path: Any) -> None:
    folder = minilm(tmp_path / "minilm")
    check_encoder_graph((folder / "model.onnx").read_bytes())
    check_encoder_tokenizer((folder / "tokenizer.json").read_bytes())


def test_constants_of_exporters_are_let_through() -> None:
    node = helper.make_node
    check_encoder_graph(
        graph_of(
            [
                node("Constant", [], ["c"], value_ints=[1, 2]),
                node("Constant", [], ["d"], value=numpy_helper.from_array(np.ones(3, np.float32))),
                node("ConstantOfShape", ["shape"], ["ones"]),
                node("Equal", ["shape", "minus"], ["same"]),
                node("Where", ["same", "ones", "shape"], ["sizes"]),
                # Weights of eight bits with a scale for each column, in all three ways.
                node("Cast", ["weights"], ["floats"], to=1),
                node("Mul", ["floats", "scales"], ["product"]),
                node("DequantizeLinear", ["weights", "scales"], ["same_again"]),
                node("Transpose", ["product"], ["transposed"]),
                node("Gather", ["table", "places"], ["positions"]),
                node("Range", ["zero", "many", "one"], ["numbers"]),
            ],
            shape=np.array([2]),
            minus=np.array([-1]),
            weights=np.ones((400, 1500), np.int8),
            scales=np.ones((1, 1500), np.float32),
            table=np.ones((500, 384), np.float32),
            places=np.arange(500)[None],
            zero=np.array(0),
            many=np.array(512),
            one=np.array(1),
        )
    )


def test_numbers_below_zero_are_read_from_both_kinds_of_data() -> None:
    sizes = helper.make_tensor("sizes", onnx.TensorProto.INT64, [2], [-1, 1 << 40])
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "sizes"], ["y"])],
        "g",
        [],
        [],
        [sizes, numpy_helper.from_array(np.ones(1, np.float32), "x")],
    )
    with pytest.raises(ValueError, match="constants grow by the operator Expand"):
        check_encoder_graph(helper.make_model(graph).SerializeToString())


def test_a_shape_that_is_computed_of_constants_is_refused() -> None:
    nodes = [
        helper.make_node("Mul", ["a", "a"], ["b"]),
        helper.make_node("ConstantOfShape", ["b"], ["c"]),
    ]
    with pytest.raises(ValueError, match="ConstantOfShape of computed constants"):
        check_encoder_graph(graph_of(nodes, a=np.array([1 << 30])))


def test_the_operator_is_named() -> None:
    with pytest.raises(ValueError, match=r"the operator evil\.Steal"):
        check_encoder_graph(graph_of([helper.make_node("Steal", [], ["x"], domain="evil")]))


@pytest.mark.parametrize(
    "parts",
    [
        # all-MiniLM-L6-v2, all-mpnet-base-v2
        {"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}},
        # RoBERTa
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}},
        # XLM-RoBERTa and multilingual E5
        {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Precompiled", "precompiled_charsmap": ""},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
                    {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
                ],
            },
            "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"},
        },
    ],
)
def test_tokenizers_of_published_encoders_are_let_through(parts: dict[str, Any]) -> None:
    check_encoder_tokenizer(tokenizer_json(**parts))


def test_a_tokenizer_with_a_slow_expression_is_named() -> None:
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}}
    with pytest.raises(ValueError, match=r"the pattern .*\(a\+\)\+\$"):
        check_encoder_tokenizer(tokenizer_json(pre_tokenizer=split))
    with pytest.raises(ValueError, match="no tokenizer"):
        check_encoder_tokenizer(json.dumps({"model": 1}).encode())
