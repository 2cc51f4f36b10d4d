"""The formats `onnx` and `web` share this: one ONNX graph with the whole answer, in float32 or int8."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import ArtifactError, MissingExtraError
from foretell.export.check import Answer
from foretell.export.source import Rows, Source
from foretell.export.whole_graph import whole_graph
from foretell.runtime.session import Session

ONNX = "model.onnx"


def graph_bytes(source: Source, *, int8: bool) -> bytes:
    """Return model.onnx: the whole classifier, or the language model with its state in and out.

    Args:
        source: the model.
        int8: keep the weights of the network in 8 bits and multiply them so.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            expected="onnx, to export", found="no such package", fix="pip install 'foretell[train]'"
        ) from error
    network = onnx.load(str(source.opened.onnx_path))
    if source.states is not None:
        _require_skip(network)
    if int8:
        network = _in_8_bits(network)
    if source.job == "labels":
        network = whole_graph(source.opened, network, source.ensemble)
    content: bytes = network.SerializeToString()
    return content


def _require_skip(network: Any) -> None:
    """Make `skip`, the number of first words whose logits are left out, an input like any other.

    ONNX Runtime for JavaScript takes no input that need not be given.
    """
    for initializer in list(network.graph.initializer):
        if initializer.name == "skip":
            network.graph.initializer.remove(initializer)


def _in_8_bits(network: Any) -> Any:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    before = root.level
    # It recommends a preparation that a graph without loose ends does not need.
    root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ONNX
            quantize_dynamic(network, path, weight_type=QuantType.QInt8)
            return onnx.load(str(path))
    finally:
        root.setLevel(before)


def read_back(folder: Path, source: Source) -> Answer:
    """Return the function that answers ids by the exported graph.

    Raises:
        ArtifactError: ONNX Runtime cannot open it.
    """
    return answer_of(Session(folder / ONNX), source)


def answer_of(session: Session, source: Source) -> Answer:
    """Return the function that answers ids by a graph; see `foretell.export.check.Answer`."""
    if source.job == "labels":
        return lambda ids: _run(session, "probabilities", {"ids": np.array([ids or [0]], np.int64)})
    if source.window is not None:
        window = source.window
        return lambda ids: softmax(_run(session, "logits", {"ids": windows(ids, window)}))
    given: dict[str, Any] = {"skip": np.zeros(1, np.int64)}
    given |= {name: np.zeros((1, units), np.float32) for name, units in (source.states or {}).items()}
    return lambda ids: softmax(_run(session, "logits", {"ids": np.array([ids], np.int64), **given})[0])


def windows(ids: Sequence[int], window: int) -> NDArray[np.float32]:
    """Return every window of ids as the article's network reads it: [place, window, 1]."""
    return np.lib.stride_tricks.sliding_window_view(np.array(ids, np.float32), window)[:, :, None]


def softmax(logits: Rows) -> Rows:
    """Return probabilities [place, word] in float64."""
    scaled: Rows = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled


def _run(session: Session, output: str, inputs: dict[str, Any]) -> Rows:
    try:
        found: Rows = session.run([output], inputs)[0]
    except Exception as error:  # ONNX Runtime's exceptions share no public base class.
        raise ArtifactError(expected="an exported model that runs", found=str(error)[:300]) from error
    return found
