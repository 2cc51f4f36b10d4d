"""ONNX Runtime sessions and thread pools that also work in a forked child."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import onnxruntime

from foretell.arrays import Array
from foretell.artifacts.model import Model
from foretell.artifacts.onnx_graph import shared_graph
from foretell.artifacts.weights import Weights
from foretell.errors import ArtifactError, SettingsError
from foretell.machine import usable_processors
from foretell.runtime.stopping import check_stopped

Item = TypeVar("Item")
Result = TypeVar("Result")
Graph = tuple[bytes, Weights]
"""An ONNX graph, and the weights that it has the names of."""

# For a program that imports ONNX Runtime first: ORT_DISABLE_TELEMETRY is then set too late.
onnxruntime.disable_telemetry_events()

MAX_THREADS = 4
"""Memory bandwidth limits more threads than this."""
MAX_TRIAL_BYTES = 3 << 30
MAX_TRIAL_SECONDS = 20.0
"""Memory and time in which a graph of unknown origin is tried: its file has at most 2 GiB."""


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
        read: returns the verified graph; called again in each forked child.
        graph: the graph; None: `read` is called now, too. It is never opened by a name, which
            another file could have since it was verified.
        tried: whether it is of unknown origin: it is run once in bounded memory and time, and has
            an arena.

    Attributes:
        inputs, outputs: those of the graph.

    Raises:
        ArtifactError: ONNX Runtime cannot open the graph, or the run failed.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[], Graph],
        graph: Graph | None = None,
        *,
        tried: bool = False,
    ) -> None:
        self.path = path
        self._read = read
        graph = read() if graph is None else graph
        if tried:
            _try_out(graph, path)
        self._has_arena = tried
        self._open(graph)
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
        raise SettingsError(expected="at least 1", found=repr(threads), where="threads")
    return threads


def _open(
    graph: Graph, path: Path, *, arena: bool, is_trial: bool = False
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    more = dict[str, list[str]]()
    # An error is raised; nothing is written to standard error, too.
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # An arena keeps what its largest run needed. Only large graphs are faster with one
    # (docs/experiments.md).
    options.enable_cpu_mem_arena = arena
    content, weights = graph
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
    options.add_external_initializers(list(weights), values)
    if is_trial:
        options.add_session_config_entry("session.use_env_allocators", "1")
        more["disabled_optimizers"] = ["ConstantFolding"]
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"], **more)
    except Exception as error:
        raise _error("a graph that ONNX Runtime can open", error, path) from error


def _error(expected: str, error: Exception, path: Path) -> ArtifactError:
    found = str(error).partition("\n")[0][:300]
    fix = "upgrade onnxruntime, or train the model again"
    return ArtifactError(expected=expected, found=found, where=str(path), fix=fix)


def _try_out(graph: Graph, path: Path) -> None:
    """Run a graph of unknown origin once, in bounded memory and time, with inputs of 1 x 2 zeros.

    Opening a graph computes all that depends on no input. So it is opened first with nothing
    computed, and the run, which can be stopped between two operators, computes the same in an arena
    of bounded size.
    """
    _bounded_arena()
    session = _open(graph, path, arena=True, is_trial=True)
    options = onnxruntime.RunOptions()
    timer = threading.Timer(MAX_TRIAL_SECONDS, setattr, (options, "terminate", True))
    timer.start()
    try:
        types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        inputs = {each.name: np.zeros((1, 2), types[each.type]) for each in session.get_inputs()}
        session.run(None, inputs, options)
    # A name of an axis that is no text is a UnicodeDecodeError.
    except Exception as error:
        raise _error("a graph that ONNX Runtime can open", error, path) from error
    finally:
        timer.cancel()


@cache
def _bounded_arena() -> None:
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # As large as needed at each extension, not twice as large as the one before; -1: ONNX Runtime's
    # default.
    sizes = {"initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    arena = onnxruntime.OrtArenaCfg(
        {"max_mem": MAX_TRIAL_BYTES, "arena_extend_strategy": 1, **sizes}
    )
    onnxruntime.create_and_register_allocator(memory, arena)
