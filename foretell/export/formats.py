"""The files of an export: model.onnx in float32, 12 or 8 bits, what runs it, and the copy's
answers.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save as save_safetensors

from foretell.arrays import Array, Float32s, Floats
from foretell.artifacts.manifest import KNESER_NEY, TFIDF
from foretell.artifacts.onnx_graph import build_onnx
from foretell.export import arpa
from foretell.export.source import ExportSource
from foretell.export.whole_graph import TFIDF_SCORES, parsed, whole_graph
from foretell.ngrams.ensemble import softmax
from foretell.ngrams.kneser_ney import KneserNey, compact, expanded
from foretell.ngrams.tfidf import tfidf_arrays
from foretell.runtime.session import Session

if TYPE_CHECKING:
    import onnx

Format = Literal["onnx", "web", "arpa"]
"""onnx: for ONNX Runtime in any language; web: a static folder that runs in the browser; arpa: the
Kneser–Ney model alone, for programs that read n-grams.
"""
FORMATS: tuple[Format, ...] = get_args(Format)
FILE = "model.onnx"
Files = dict[str, bytes]

_SCRIPTS = (
    *("foretell.js", "foretell.d.ts", "labels.js", "words.js", "tokens.js", "graph.js"),
    *("tfidf.js", "kneser_ney.js", "cache.js", "safetensors.js", "search.js", "spacing.js"),
)
_PAGE = (
    *("index.html", "page.js", "page.css", "start.js", "offline.js", "runtime.js"),
    *("attach.js", "keyboard.js", "suggestions.js", "memory.js"),
    *("elements.js", "latest_request.js"),
)
_SHARED = {"spacing.js", "suggestions.js", "memory.js", "elements.js", "latest_request.js"}
"""Scripts that the page of the service has, too."""

_LARGEST = 2047
_MIN_SIZE = 64
"""Smaller weights stay as they are."""

Answer = Callable[[Sequence[int], Float32s | None], Floats]
"""The probabilities [place, choice] after the ids of a text. A classifier with linear models of
TF-IDF values also takes their scores, float32 [1, column] (None: zeros). A classifier has one
place, a language model one for each word after which it can predict; the last is the one after the
last word.
"""


def files_of(source: ExportSource, format: Format, *, int8: bool) -> Files:
    """Return the files of an export, name to content: model, TF-IDF or Kneser–Ney models,
    scripts.
    """
    if format == "arpa":
        return arpa.content(source.model)
    scripts = (*_SCRIPTS, *_PAGE) if format == "web" else _SCRIPTS
    package = files("foretell")
    content = {}
    for name in scripts:
        folder = "service/page" if name in _SHARED else "export/web"
        content[name] = package.joinpath(folder, name).read_bytes()
    # Node.js reads a .js file as a module only if this file declares it.
    content["package.json"] = b'{"type": "module"}\n'
    content[FILE] = model_bytes(source, int8=int8)
    if source.tfidf:
        content[TFIDF] = save_safetensors(tfidf_arrays(source.tfidf))
    if source.model.kneser_ney is not None:
        content[KNESER_NEY] = save_safetensors(compact(source.model.kneser_ney, in_8_bits=int8))
    return content


def model_bytes(source: ExportSource, *, int8: bool = False) -> bytes:
    """Return model.onnx: the whole classifier, or the language model with its states as inputs and
    outputs.

    `int8` stores and multiplies the weights of a classifier's network in 8 bits, and stores those
    of a language model with a state in 12 bits.
    """
    import onnx

    network = onnx.load_from_string(build_onnx(source.model.settings, source.model.weights))
    in_fewer_bits = _in_8_bits
    if source.kind == "stateful":
        network = _next_words_only(network)
        in_fewer_bits = _in_12_bits
    if int8:
        network = in_fewer_bits(network)
    if source.kind == "classifier":
        network = whole_graph(source.model, network)
    content: bytes = network.SerializeToString()
    return content


def _next_words_only(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without what only `score` needs, `rows` and `row_logits`, and with `skip`
    required.

    `skip` is the number of first words whose logits are left out. ONNX Runtime for JavaScript has
    no optional inputs.
    """
    import onnx

    outputs = [each.name for each in network.graph.output if each.name != "row_logits"]
    inputs = [each.name for each in network.graph.input if each.name != "rows"]
    smaller: onnx.ModelProto = onnx.utils.Extractor(network).extract_model(inputs, outputs)
    defaults = smaller.graph.initializer
    defaults.remove(next(each for each in defaults if each.name == "skip"))
    return smaller


def _in_8_bits(network: onnx.ModelProto) -> onnx.ModelProto:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    # It recommends a preprocessing that this graph does not need.
    root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            quantize_dynamic(network, path, weight_type=QuantType.QInt8)
            return onnx.load(str(path))
    finally:
        root.setLevel(level)


def _in_12_bits(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its matrices in 12 bits, of ONNX's standard operators; each row has its
    scale.

    With 8 bits one of the three most probable words differed at 2 % of the positions of the Penn
    Treebank, with 12 bits at 0.3 %. ONNX has no numbers of 12 bits, so a weight is 16 · high + low,
    two of `low` in one byte. A runtime computes the weights once, when it opens the graph.
    """
    import onnx
    from onnx.numpy_helper import from_array, to_array

    packed = onnx.ModelProto()
    packed.CopyFrom(network)
    nodes = []
    arrays = []
    given = {each.name for each in network.graph.input}
    del packed.graph.initializer[:]
    for place, tensor in enumerate(network.graph.initializer):
        weights = to_array(tensor)
        is_matrix = weights.dtype == np.float32 and weights.ndim > 1 and weights.size >= _MIN_SIZE
        if not is_matrix or weights.size % 2 or tensor.name in given:
            arrays.append(tensor)
            continue
        name = f"packed_{place}"
        nodes += parsed(_unpacked(name, weights.shape))
        nodes[-1].output[0] = tensor.name
        arrays += [from_array(array, f"{name}_{part}") for part, array in _packed(weights).items()]
    packed.graph.initializer.extend(arrays)
    del packed.graph.node[:]
    packed.graph.node.extend([*nodes, *network.graph.node])
    onnx.checker.check_model(packed)
    return packed


def _packed(weights: Float32s) -> dict[str, Array]:
    rows = weights.reshape(-1, weights.shape[-1])
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    numbers = np.round(rows / scale).astype(np.int16).ravel()
    # Rounded down, so that `low` is from 0 to 15; that of the first half stands above that of the
    # second.
    high = numbers >> 4
    low = (numbers & 15).astype(np.uint8)
    first, second = np.split(low, 2)
    return {"high": high.astype(np.int8), "low": first << 4 | second, "scale": scale}


def _unpacked(name: str, shape: tuple[int, ...]) -> str:
    """Return the lines that compute weights of this shape; the output of the last is to be
    renamed.
    """
    return f"""
    {name}_sixteen = Constant <value = float[1] {{16.0}}> ()
    {name}_rows = Constant <value = int64[2] {{-1, {shape[-1]}}}> ()
    {name}_shape = Constant <value = int64[{len(shape)}] {{{", ".join(map(str, shape))}}}> ()
    {name}_pairs = Cast <to = 1> ({name}_low)
    {name}_shares = Div ({name}_pairs, {name}_sixteen)
    {name}_first = Floor ({name}_shares)
    {name}_above = Mul ({name}_first, {name}_sixteen)
    {name}_second = Sub ({name}_pairs, {name}_above)
    {name}_lows = Concat <axis = 0> ({name}_first, {name}_second)
    {name}_numbers = Cast <to = 1> ({name}_high)
    {name}_highs = Mul ({name}_numbers, {name}_sixteen)
    {name}_sums = Add ({name}_highs, {name}_lows)
    {name}_matrix = Reshape ({name}_sums, {name}_rows)
    {name}_scaled = Mul ({name}_matrix, {name}_scale)
    {name}_weights = Reshape ({name}_scaled, {name}_shape)
    """


def read_back(folder: Path, source: ExportSource) -> Answer:
    """Return the function that answers ids by the exported graph."""
    kneser_ney = None
    if source.model.kneser_ney is not None:
        kneser_ney = expanded(load_file(folder / KNESER_NEY), source.model.tokenizer.size)
    path = folder / FILE
    return session_answer(Session(path, lambda: (path.read_bytes(), {})), source, kneser_ney)


def session_answer(session: Session, source: ExportSource, kneser_ney: KneserNey | None) -> Answer:
    """Return the function that answers ids by a graph and, of a language model, a Kneser–Ney
    model.
    """
    states = {name: np.zeros((1, units), np.float32) for name, units in source.states.items()}

    def answer(ids: Sequence[int], tfidf_scores: Float32s | None = None) -> Floats:
        if source.kind == "classifier":
            # A text without words is one padding id.
            given: dict[str, Array] = {"ids": np.array([ids or [0]], np.int64)}
            if tfidf_scores is not None:
                given[TFIDF_SCORES] = tfidf_scores
            return session.run(["probabilities"], given)[0]
        if source.kind == "windowed":
            # Every window of ids as the article's network reads it: [place, window, 1].
            array = np.array(ids, np.float32)
            windows = np.lib.stride_tricks.sliding_window_view(array, source.window)
            return softmax(session.run(["logits"], {"ids": windows[:, :, None]})[0])
        inputs: dict[str, Array] = {"ids": np.array([ids], np.int64), "skip": np.zeros(1, np.int64)}
        rows = softmax(session.run(["logits"], inputs | states)[0][0])
        interpolation = source.model.interpolation
        if kneser_ney is not None and interpolation is not None:
            for n_words, row in enumerate(rows, start=1):
                interpolation.distribution(row, *kneser_ney.distribution(np.array(ids[:n_words])))
        return rows

    return answer
