"""Hostile files of a kept teacher: a part of `hostile`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from artifacts.hostile_graphs import Change, array, arrays, content, gone
from onnx import TensorProto, helper, numpy_helper

from tests.builders import rewrite, rewrite_json, rewrite_manifest

GRAPH = "teacher.onnx"
TOKENIZER = "teacher_tokenizer.json"
MODEL = "teacher.safetensors"
HARMLESS = (
    # Nothing uses them.
    f"{GRAPH}: dimensions ",
    f"{GRAPH}: an axis whose name is no text",
    f"{TOKENIZER}: normalizer = 1 ",
)
"""Beginnings of the names of cases that may be answered as if they were not there."""


def teachers() -> dict[str, Change]:
    return {**_graphs(), **_tokenizers(), **_models(), **_missing()}


def _graphs() -> dict[str, Change]:  # noqa: PLR0915
    def change(work: Callable[[onnx.ModelProto], object]) -> Change:
        def apply(directory: Path) -> None:
            model = onnx.load(directory / GRAPH)
            work(model)
            rewrite(directory, GRAPH, model.SerializeToString())

        return apply

    def first(kind: str, inputs: list[str], *, domain: str = "", **attributes: Any) -> Change:
        made = helper.make_node(kind, inputs, ["new"], domain=domain, **attributes)
        return change(lambda model: model.graph.node.insert(0, made))

    def unnamed_axis(directory: Path) -> None:
        """Add an axis to the first output, whose name is no UTF-8."""
        model = onnx.load(directory / GRAPH)
        model.graph.output[0].type.tensor_type.shape.dim.add().dim_param = "axis"
        stored = model.SerializeToString()
        assert b"axis" in stored
        rewrite(directory, GRAPH, stored.replace(b"axis", b"axi\xc7"))

    def external(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../../etc/passwd")

    def external_attribute(model: onnx.ModelProto) -> None:
        tensor = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
        model.graph.node.insert(0, helper.make_node("Constant", [], ["new"], value=tensor))

    def growing(operator: str, *shapes: list[int], values: list[int] | None = None) -> Change:
        def work(model: onnx.ModelProto) -> None:
            names = [f"grow{i}" for i in range(len(shapes))]
            for name, shape in zip(names, shapes, strict=True):
                array = np.ones(shape, np.float32)
                model.graph.initializer.append(numpy_helper.from_array(array, name))
            if values is not None:
                names.append("sizes")
                model.graph.initializer.append(numpy_helper.from_array(np.array(values), "sizes"))
            model.graph.node.insert(0, helper.make_node(operator, names, ["new"]))

        return change(work)

    def doubling(model: onnx.ModelProto) -> None:
        for i in range(40):
            name = "table" if i == 0 else f"d{i - 1}"
            model.graph.node.insert(i, helper.make_node("Concat", [name, name], [f"d{i}"], axis=0))

    def dimensions(dims: list[int]) -> Change:
        tensor = TensorProto(
            name="more", data_type=TensorProto.FLOAT, dims=dims, raw_data=b"\0" * 16
        )
        return change(lambda model: model.graph.initializer.append(tensor))

    body = helper.make_graph([helper.make_node("Identity", ["input_ids"], ["x"])], "body", [], [])
    made: dict[str, Change] = {
        "external data": change(external),
        "an axis whose name is no text": unnamed_axis,
        "external data of an attribute": change(external_attribute),
        "a loop": first("Loop", ["", ""], body=body),
        "a condition": first("If", ["input_ids"], then_branch=body, else_branch=body),
        "a graph in an attribute": first("Identity", ["input_ids"], body=body),
        "an operator of another package": first("Evil", ["input_ids"], domain="evil"),
        "a random operator": first("RandomNormal", [], shape=[1 << 20, 1 << 20]),
        "a function": change(
            lambda model: model.functions.append(
                helper.make_function("", "Add", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
            )
        ),
        "a sparse weight": change(lambda model: model.graph.sparse_initializer.add()),
        "no graph": change(lambda model: model.ClearField("graph")),
        "dimensions without data": dimensions([1 << 30]),
        "dimensions below zero": dimensions([-1, -4]),
        "a huge constant of a shape": growing("ConstantOfShape", values=[1 << 20, 1 << 20]),
        "a huge expansion": growing("Expand", [1], values=[1 << 40]),
        "a huge tile": growing("Tile", [8], values=[1 << 40]),
        "an outer sum": growing("Add", [40_000, 1], [1, 40_000]),
        "an outer product": growing("MatMul", [40_000, 1], [1, 40_000]),
        "constants doubled forty times": change(doubling),
        "a hundred thousand operators": change(
            lambda model: model.graph.node.extend(
                [helper.make_node("Identity", ["input_ids"], ["x"]) for _ in range(100_000)]
            )
        ),
    }
    changes = {f"{GRAPH}: {name}": each for name, each in made.items()}
    contents = (
        b"",
        b"\x08" * 9000,
        b"\xff" * 9000,
        b"\x3a\xff\xff\xff\xff\x0f" * 900,
        b"ORTM" * 900,
    )
    changes |= {f"{GRAPH}: {each[:9]!r}": content(GRAPH, each) for each in contents}
    return changes


def _tokenizers() -> dict[str, Change]:
    bomb = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}
    slow = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Removed", "invert": False}
    special = {"[CLS]": {"id": "[CLS]", "ids": list(range(1000)), "tokens": ["[CLS]"] * 1000}}
    pair = [{"Sequence": {"id": each, "type_id": 0}} for each in "AB"]
    templates = [
        {
            "type": "TemplateProcessing",
            "single": single,
            "pair": pair,
            "special_tokens": special,
        }
        for single in (
            [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, pair[0]],
            pair[:1] * 100,
        )
    ]
    charsmap = base64.b64encode(b"\0\0\0\0" + b"a" * 1000 + b"\0").decode()
    parts: dict[str, list[Any]] = {
        "normalizer": [
            bomb,
            {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]},
            {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 300},
            {"type": "Precompiled", "precompiled_charsmap": charsmap},
            {"type": "Replace", "pattern": {"String": ""}, "content": "a"},
            {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""},
            {"type": "Nosuch"},
            [],
        ],
        "pre_tokenizer": [
            slow,
            {"type": "Sequence", "pretokenizers": [slow]},
            {"type": "Nosuch"},
            1,
        ],
        "post_processor": [
            *templates,
            {"type": "Nosuch"},
            {"type": "TemplateProcessing", "single": 1},
        ],
        "model": [
            None,
            {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.5},
            {
                "type": "WordPiece",
                "unk_token": "a",
                "vocab": {"a": 0},
                "max_input_chars_per_word": 10**9,
            },
            {
                "type": "WordPiece",
                "unk_token": "a",
                "vocab": {"a": 0},
                "continuing_subword_prefix": "#" * 1000,
                "max_input_chars_per_word": 100,
            },
        ],
    }
    changes: dict[str, Change] = {
        f"{TOKENIZER}: {name} = {i} {str(value)[:60]}": partial(
            rewrite_json,
            name=TOKENIZER,
            change=lambda stored, n=name, v=value: stored.update({n: v}),
        )
        for name, values in parts.items()
        for i, value in enumerate(values)
    }
    contents = (b"[]", b"1", b"", b"[" * 100_000, b"\x80\x04pickle")
    return changes | {f"{TOKENIZER}: {each[:9]!r}": content(TOKENIZER, each) for each in contents}


def _models() -> dict[str, Change]:
    def two_columns(stored: dict[str, Any]) -> None:
        weights = np.repeat(stored["teacher/weights"], 2, axis=1)
        stored.update({"teacher/weights": weights, "teacher/bias": weights[0]})

    changes: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "other columns": ("bias", lambda _: np.zeros(2, np.float32)),
        "no weights": ("weights", lambda weights: weights[:0]),
        "not a number": ("weights", lambda weights: weights * np.nan),
        "a window of two": ("window", lambda window: window * 0 + 2),
        "a window of a million": ("window", lambda window: window * 0 + 10**6),
    }
    return {
        **{
            f"{MODEL}: {kind}": array(MODEL, f"teacher/{key}", work)
            for kind, (key, work) in changes.items()
        },
        f"{MODEL}: no safetensors": content(MODEL, b"\x80" * 90),
        f"{MODEL}: two columns for two labels": arrays(MODEL, two_columns),
    }


def _missing() -> dict[str, Change]:
    def listed(directory: Path, name: str, size: int) -> None:
        rewrite_manifest(directory, lambda files: files["files"][name].update(size=size))

    sizes = {GRAPH: 3 * 10**9, TOKENIZER: 10**9, "teacher_LICENSE": 10**9}
    return {
        **{f"{name}: gone, but needed": partial(gone, name=name) for name in (GRAPH, TOKENIZER)},
        **{
            f"{name}: listed with gigabytes": partial(listed, name=name, size=sizes[name])
            for name in sizes
        },
        "teacher_LICENSE: changed": lambda directory: (directory / "teacher_LICENSE").write_text(
            "GPL"
        ),
    }
