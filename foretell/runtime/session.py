"""ONNX Runtime sessions and thread pools that also work in a forked child."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import onnxruntime

from foretell.arrays import Array
from foretell.artifacts.model import Model
from foretell.artifacts.onnx_graph import shared_graph
from foretell.artifacts.weights import Weights
from foretell.errors import ArtifactError, SettingsError
from foretell.machine import usable_processors
from foretell.runtime.stopping import check_stopped
from foretell.runtime.trial import session_options

Item = TypeVar("Item")
Result = TypeVar("Result")
Graph = tuple[bytes, Weights]
"""An ONNX graph, and the weights that it has the names of."""

# For a program that imports ONNX Runtime first: ORT_DISABLE_TELEMETRY is then set too late.
onnxruntime.disable_telemetry_events()

MAX_THREADS = 4
"""Memory bandwidth limits more threads than this."""


class GraphValue(Protocol):
    """An input or output of a graph."""

    name: str
    type: str
    shape: list[str | int]


class Session:
    """An ONNX graph opened for prediction on the processor.

    Each `run` uses the thread that calls it and no other; several may run at once. An LSTM's small
    steps gain little from more threads and lose much on busy processors, so work is distributed in
    whole batches.

    A forked child opens the graph again at its first `run`: another thread of the parent may have
    held one of ONNX Runtime's locks at the moment of the fork. Where that fails, since a file has
    changed or is gone, the child uses the session that it inherited.

    Args:
        path: where the graph comes from, for errors.
        read: returns the verified graph; called again in each forked child. It is never opened by
            a name, which another file could have since it was verified.
        arena: whether it keeps the memory that its largest run needed; see `session_options`.

    Attributes:
        inputs, outputs: those of the graph.

    Raises:
        ArtifactError: ONNX Runtime cannot open the graph.
    """

    def __init__(self, path: Path, read: Callable[[], Graph], *, arena: bool = False) -> None:
        self.path = path
        self._read = read
        self._has_arena = arena
        self._open(read())
        self.inputs: list[GraphValue] = self._session.get_inputs()
        self.outputs: list[GraphValue] = self._session.get_outputs()

    @classmethod
    def of_model(cls, model: Model) -> Session:
        """Open the network of a model that was read from a directory.

        Raises:
            ArtifactError: ONNX Runtime cannot open it.
        """
        return cls(model.directory, partial(shared_graph, model.settings, model.weights))

    def _open(self, graph: Graph) -> None:
        # ONNX Runtime does not hold the shared weights itself.
        self._session = _open(graph, self.path, arena=self._has_arena)
        self._weights = graph[1]
        self._pid = os.getpid()

    def run(self, outputs: list[str] | None, inputs: dict[str, Array]) -> list[Array]:
        """Run the graph and return the named outputs (None: all).

        Raises:
            StoppedError: see `runtime.stopping`.
            ArtifactError: the graph cannot be computed.
        """
        check_stopped()
        if os.getpid() != self._pid:
            with suppress(ArtifactError, OSError):
                self._open(self._read())
            self._pid = os.getpid()
        try:
            results: list[Array] = self._session.run(outputs, inputs)
        except Exception as error:  # ONNX Runtime's exceptions share no public base class.
            raise _error("a graph that ONNX Runtime can compute", error, self.path) from error
        return results


class Threads:
    """A pool of threads that a forked child, which inherits none of them, makes again.

    Args:
        count: how many threads.
        name: prefix of their names.
    """

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self._name = name
        self._pid = 0
        self._pool: ThreadPoolExecutor

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield `work` of each item, in order, computed by several threads.

        A few items wait at a time, so that other callers have their turns; closing cancels those.
        """
        left = iter(items)
        waiting = deque[Future[Result]]()
        try:
            while True:
                waiting.extend(
                    self.submit(work, item) for item in islice(left, 2 * self.count - len(waiting))
                )
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()

    def submit(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Start `work` of one item on another thread."""
        if os.getpid() != self._pid:
            self._pool = ThreadPoolExecutor(self.count, thread_name_prefix=self._name)
            self._pid = os.getpid()
        return self._pool.submit(work, item)


def check_threads(threads: int | None) -> int:
    """Return the number of threads; None: the processors that this process may use, at most 4.

    Raises:
        SettingsError: `threads` below 1.
    """
    if threads is None:
        return min(usable_processors(), MAX_THREADS)
    if threads < 1:
        raise SettingsError("at least 1", repr(threads), where="threads")
    return threads


def _open(graph: Graph, path: Path, *, arena: bool) -> onnxruntime.InferenceSession:
    options = session_options(arena=arena)
    content, weights = graph
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
    options.add_external_initializers(list(weights), values)
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        raise _error("a graph that ONNX Runtime can open", error, path) from error


def _error(expected: str, error: Exception, path: Path) -> ArtifactError:
    return ArtifactError(
        expected,
        str(error).partition("\n")[0][:300],
        where=path,
        fix="upgrade onnxruntime, or train the model again",
    )
