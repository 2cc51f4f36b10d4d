"""Hostile graphs, weights and linear models: a part of `hostile`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load, save

from tests.builders import rewrite, rewrite_manifest

Change = Callable[[Path], object]


def unnamed_axis(directory: Path, name: str) -> None:
    """Add an axis to the first output of a graph, whose name is no UTF-8."""
    model = onnx.load(directory / name)
    model.graph.output[0].type.tensor_type.shape.dim.add().dim_param = "axis"
    content = model.SerializeToString()
    assert b"axis" in content
    rewrite(directory, name, content.replace(b"axis", b"axi\xc7"))


def graphs() -> dict[str, Change]:
    def change(work: Callable[[onnx.ModelProto], object]) -> Change:
        def apply(directory: Path) -> None:
            model = onnx.load(directory / "model.onnx")
            work(model)
            rewrite(directory, "model.onnx", model.SerializeToString())

        return apply

    def node(kind: str, inputs: list[str], **attributes: Any) -> Change:
        made = helper.make_node(kind, inputs, ["new"], **attributes)
        return change(lambda model: model.graph.node.append(made))

    def external(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../../etc/passwd")

    def add(array: np.ndarray[Any, Any]) -> Change:
        tensor = numpy_helper.from_array(array, "more")
        return change(lambda model: model.graph.initializer.append(tensor))

    body = helper.make_graph([helper.make_node("Identity", ["ids"], ["x"])], "body", [], [])
    return {
        "model.onnx: external data": change(external),
        "model.onnx: dimensions without data": change(
            lambda model: model.graph.initializer.append(
                TensorProto(name="more", data_type=TensorProto.FLOAT, dims=[2**40])
            )
        ),
        "model.onnx: an unknown weight": add(np.zeros(100, np.float32)),
        "model.onnx: a loop": node("Loop", ["", ""], body=body),
        "model.onnx: another operator": node("ConstantOfShape", ["ids"]),
        "model.onnx: an operator of another domain": node("Gelu", ["ids"], domain="com.microsoft"),
        "model.onnx: constants multiplied": node("Gemm", ["embedding", "embedding"], transB=1),
        "model.onnx: a range of constants": node("Range", ["start", "ints_1", "one"]),
        "model.onnx: a function": change(
            lambda model: model.functions.append(
                helper.make_function("", "Relu", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
            )
        ),
        "model.onnx: no graph": change(lambda model: model.ClearField("graph")),
        **{
            f"model.onnx: the bytes {content[:9]!r}": partial(rewrite, name="model.onnx", content=content)
            for content in (b"\x08" * 9000, b"\xff" * 9000, b"\x3a\xff\xff\xff\xff\x0f" * 900, b"ORTM" * 900)
        },
    }


def weights() -> dict[str, Change]:
    def change(work: Callable[[dict[str, Any]], object]) -> Change:
        def apply(directory: Path) -> None:
            weights = load((directory / "model.safetensors").read_bytes())
            work(weights)
            rewrite(directory, "model.safetensors", save(weights))

        return apply

    def header(text: bytes, size: int | None = None) -> Change:
        content = struct.pack("<Q", len(text) if size is None else size) + text + b"\0" * 3000
        return partial(rewrite, name="model.safetensors", content=content)

    return {
        "model.safetensors: a weight less": change(lambda weights: weights.pop("output/bias")),
        "model.safetensors: a weight more": change(
            lambda weights: weights.update(more=np.zeros(9, np.float32))
        ),
        "model.safetensors: another shape": change(
            lambda weights: weights.update(embedding=weights["embedding"].T.copy())
        ),
        "model.safetensors: another type": change(
            lambda weights: weights.update(embedding=weights["embedding"].astype(np.float16))
        ),
        "model.safetensors: a header of exabytes": header(b"{}", 2**63),
        "model.safetensors: a header past the end": header(b"{}", 9000),
        "model.safetensors: a header that is no object": header(b"[]"),
        "model.safetensors: a header of nonsense": header(b'{"embedding": {"dtype": 1, "shape": {}}}'),
        "model.safetensors: no safetensors": partial(
            rewrite, name="model.safetensors", content=b"\x80" * 3000
        ),
    }


def linear_models() -> dict[str, Change]:
    def change(name: str, array: Any) -> Change:
        def apply(directory: Path) -> None:
            arrays = load((directory / "linear.safetensors").read_bytes())
            arrays[f"linear/{name}"] = array(arrays[f"linear/{name}"])
            rewrite(directory, "linear.safetensors", save(arrays))

        return apply

    return {
        "linear.safetensors: no safetensors": partial(
            rewrite, name="linear.safetensors", content=b"\x80" * 90
        ),
        "linear.safetensors: two columns": change("bias", lambda _: np.zeros(2, np.float32)),
        "linear.safetensors: not a number": change("bias", lambda bias: bias * np.nan),
        "linear.safetensors: keys that descend": change("keys", lambda keys: keys[::-1].copy()),
        "linear.safetensors: keys below zero": change("keys", lambda keys: keys - 10**9),
        "linear.safetensors: no ids": change("size", lambda size: size * 0),
        "linear.safetensors: long n-grams": change("longest", lambda longest: longest + 1000),
        "linear.safetensors: n-grams without end": change("longest", lambda longest: longest + 2**60),
        "linear.safetensors: an empty size": change("size", lambda size: size[:0]),
        "linear.safetensors: gone, but needed": _without_linear,
    }


def _without_linear(directory: Path) -> None:
    (directory / "linear.safetensors").unlink()
    rewrite_manifest(directory, lambda listed: listed["files"].pop("linear.safetensors"))
