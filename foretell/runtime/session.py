"""Opening a model's ONNX graph with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import onnxruntime
from numpy.typing import NDArray

from foretell.errors import ArtifactError, SettingsError
from foretell.machine import usable_processors

Array = NDArray[Any]

# More would wait for memory more than they compute.
MOST_THREADS = 4
ERRORS_ONLY = 3


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here."""

    def run(self, outputs: list[str] | None, inputs: dict[str, Array], options: Any = None) -> list[Array]:
        """Run the graph and return the named outputs (None: all)."""

    def get_inputs(self) -> list[Any]:
        """Return the graph's inputs, each with a name, type and shape."""

    def get_outputs(self) -> list[Any]:
        """Return the graph's outputs, each with a name, type and shape."""


def open_session(path: Path) -> Session:
    """Open a graph for prediction on the processor.

    Each `run` uses the thread that calls it and no other; several may run at once. An LSTM's small steps gain
    little from more threads and lose much on busy processors, so work is shared out in whole batches.

    Args:
        path: the ONNX file, already verified.

    Raises:
        ArtifactError: ONNX Runtime cannot open the graph.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session: Session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's exceptions share no public base class.
        raise ArtifactError(
            expected="a graph that ONNX Runtime can open",
            found=str(error),
            where=str(path),
            fix="upgrade onnxruntime, or train the model again",
        ) from error
    return session


def check_threads(threads: int | None) -> int:
    """Return how many threads to share work out to; None: the processors this process may use, at most 4.

    Raises:
        SettingsError: `threads` below 1.
    """
    if threads is None:
        return min(usable_processors(), MOST_THREADS)
    if threads < 1:
        raise SettingsError(expected="at least 1", found=repr(threads), where="threads")
    return threads
