"""The files of an export: model.onnx in float32 or int8, what runs it, and the copy's answers, read back."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_safetensors

from foretell.arrays import Float32s
from foretell.errors import ArtifactError
from foretell.export.source import TFIDF, Rows, Source
from foretell.export.whole_graph import whole_graph
from foretell.ngrams.tfidf import tfidf_arrays
from foretell.runtime.session import Session

if TYPE_CHECKING:
    import onnx

Format = Literal["onnx", "web"]
"""onnx: for ONNX Runtime in any language; web: a static folder that runs in the browser."""
FORMATS: tuple[Format, ...] = get_args(Format)
FILE = "model.onnx"
Files = dict[str, bytes]

_SCRIPTS = ("foretell.js", "labels.js", "words.js", "tokens.js", "spacing.js", "graph.js", "tfidf.js")
_PAGE = ("index.html", "page.js", "page.css", "runtime.js")

Inputs = Mapping[str, NDArray[np.generic]]
Run = Callable[[Inputs], Rows]
"""Runs a copy on `ids` [text, step] and the states of a stateful model [text, unit]. It returns probabilities
[text, label], or logits [text, word] (stateful: [text, step, word])."""


class Answer(Protocol):
    """The probabilities [place, choice] after the ids of a text.

    A classifier has one place. A language model has one for each word after which it can predict; the last is
    the one after the last word.
    """

    def __call__(self, ids: Sequence[int], tfidf_scores: Float32s | None = None, /) -> Rows:
        """Return them; `tfidf_scores` is float32 [1, column], None: zeros."""


def files_of(source: Source, format: Format, *, int8: bool) -> Files:
    """Return the model file, the TF-IDF models and the scripts of an export, name to content."""
    scripts = (*_SCRIPTS, *_PAGE) if format == "web" else _SCRIPTS
    content = {name: files("foretell.export").joinpath("web", name).read_bytes() for name in scripts}
    # Node.js reads a .js file as a module only if this file declares it.
    content["package.json"] = b'{"type": "module"}\n'
    content[FILE] = model_bytes(source, int8=int8)
    if source.tfidf:
        content[TFIDF] = save_safetensors(tfidf_arrays(source.tfidf))
    return content


def model_bytes(source: Source, *, int8: bool = False) -> bytes:
    """Return model.onnx: the whole classifier, or the language model with its states as inputs and outputs.

    Args:
        source: the model.
        int8: store the weights of the network in 8 bits, and multiply them in 8 bits.
    """
    import onnx

    network = onnx.load_from_string(source.model.graph())
    if source.kind == "stateful":
        network = _next_words_only(network)
        _require_skip(network)
    if int8:
        network = _in_8_bits(network)
    if source.kind == "classifier":
        network = whole_graph(source.model, network)
    content: bytes = network.SerializeToString()
    return content


def _next_words_only(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without what only `score` and the cache need: `hidden`, `rows` and `row_logits`."""
    import onnx

    outputs = [each.name for each in network.graph.output]
    if "row_logits" not in outputs:
        return network
    inputs = [each.name for each in network.graph.input if each.name != "rows"]
    kept = [name for name in outputs if name not in ("hidden", "row_logits")]
    smaller: onnx.ModelProto = onnx.utils.Extractor(network).extract_model(inputs, kept)
    return smaller


def _require_skip(network: onnx.ModelProto) -> None:
    """Make `skip`, the number of first words whose logits are left out, a required input.

    ONNX Runtime for JavaScript has no optional inputs.
    """
    for initializer in list(network.graph.initializer):
        if initializer.name == "skip":
            network.graph.initializer.remove(initializer)


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


def read_back(folder: Path, source: Source) -> Answer:
    """Return the function that answers ids by the exported graph.

    Raises:
        ArtifactError: ONNX Runtime cannot open or run it.
    """
    return session_answer(Session(folder / FILE), source)


def session_answer(session: Session, source: Source) -> Answer:
    """Return the function that answers ids by a graph."""
    output = "probabilities" if source.kind == "classifier" else "logits"
    skip = {"skip": np.zeros(1, np.int64)} if source.kind == "stateful" else {}

    def run(inputs: Inputs) -> Rows:
        try:
            rows: Rows = session.run([output], {**inputs, **skip})[0]
        except Exception as error:  # ONNX Runtime's exceptions share no public base class.
            raise ArtifactError(expected="an exported model that runs", found=str(error)[:300]) from error
        return rows

    return answer_of(run, source)


def answer_of(run: Run, source: Source) -> Answer:
    """Return the function that answers ids by a copy of a model."""
    if source.kind == "classifier":
        return _classifier_answer(run, source)
    if source.kind == "windowed":
        return lambda ids, _=None, /: softmax(run({"ids": windows(ids, source.window)}))
    states = {name: np.zeros((1, units), np.float32) for name, units in source.states.items()}
    return lambda ids, _=None, /: softmax(run({"ids": np.array([ids], np.int64), **states})[0])


def _classifier_answer(run: Run, source: Source) -> Answer:
    n_columns = len(source.tfidf[0].bias) if source.tfidf else 0

    def answer(ids: Sequence[int], tfidf_scores: Float32s | None = None, /) -> Rows:
        # A text without words is one padding id.
        inputs: dict[str, NDArray[np.generic]] = {"ids": np.array([ids or [0]], np.int64)}
        if source.tfidf:
            zeros = np.zeros((1, n_columns), np.float32)
            inputs["tfidf_scores"] = zeros if tfidf_scores is None else tfidf_scores
        return run(inputs)

    return answer


def windows(ids: Sequence[int], window: int) -> NDArray[np.float32]:
    """Return every window of ids as the article's network reads it: [place, window, 1]."""
    return np.lib.stride_tricks.sliding_window_view(np.array(ids, np.float32), window)[:, :, None]


def softmax(logits: Rows) -> Rows:
    """Return probabilities [place, word] in float64."""
    scaled: Rows = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled
