"""The model file of the formats `onnx` and `web`: one ONNX graph, in float32 or int8."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foretell.errors import ArtifactError
from foretell.export.copy_answers import Answer, Inputs, answer_of
from foretell.export.source import Rows, Source
from foretell.export.whole_graph import whole_graph
from foretell.runtime.session import Session

if TYPE_CHECKING:
    import onnx

FILE = "model.onnx"


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
