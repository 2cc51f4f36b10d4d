"""ONNX Runtime sessions and thread pools that also work in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import onnxruntime

from foretell.arrays import Array
from foretell.artifacts import manifest
from foretell.artifacts.model import Model
from foretell.errors import ArtifactError, SettingsError
from foretell.machine import usable_processors
from foretell.runtime.stopping import check_stopped

Item = TypeVar("Item")
Result = TypeVar("Result")

# Memory bandwidth limits more threads than this.
MAX_THREADS = 4
ERRORS_ONLY = 3
NOTHING = 4

MAX_TRIAL_BYTES, MAX_TRIAL_SECONDS = 3 << 30, 20.0
"""Memory and time in which a graph of unknown origin is tried: its file has at most 2 GiB."""


class GraphValue(Protocol):
    """An input or output of a graph."""

    name: str
    type: str
    shape: list[str | int]


class Session:
    """An ONNX graph opened for prediction on the processor.

    Each `run` uses the thread that calls it and no other; several may run at once. An LSTM's small steps gain
    little from more threads and lose much on busy processors, so work is distributed in whole batches.

    A forked child opens the graph again at its first `run`: another thread of the parent may have held one of
    ONNX Runtime's locks at the moment of the fork. Where the file has changed or is gone by then, the child
    uses the session that it inherited.

    Args:
        path: the ONNX file.
        content: its verified content; None: it is read.
        entry: its size and SHA-256; None: a child opens whatever is at `path`.
        log_level: what ONNX Runtime writes to standard error: `ERRORS_ONLY`, or `NOTHING` where the caller
            expects that a run may fail.
        tried: whether a graph of unknown origin is run once, in bounded memory and time, before it is opened.

    Raises:
        ArtifactError: ONNX Runtime cannot open the graph, or the run failed.
        OSError: the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        content: bytes | None = None,
        *,
        entry: manifest.Entry | None = None,
        log_level: int = ERRORS_ONLY,
        tried: bool = False,
    ) -> None:
        self.path, self._entry, self._log_level = path, entry, log_level
        # Never by its name: another file could have it since it was verified.
        content = path.read_bytes() if content is None else content
        if tried:
            _try_out(content, path)
        self._session = _open(content, path, log_level)
        self._pid = os.getpid()

    @classmethod
    def of_model(cls, model: Model) -> Session:
        """Open the graph of a model that was read from a directory.

        Raises:
            ArtifactError: ONNX Runtime cannot open it, or the files have changed since they were read.
        """
        return cls(model.onnx_path, model.graph(), entry=model.files.get(manifest.ONNX))

    def run(self, outputs: list[str] | None, inputs: dict[str, Array]) -> list[Array]:
        """Run the graph and return the named outputs (None: all).

        Raises:
            StoppedError: see `runtime.stopping`.
            ArtifactError: the graph cannot be computed. With `NOTHING`, ONNX Runtime's own exception.
        """
        check_stopped()
        if os.getpid() != self._pid:
            self._open_again()
        try:
            results: list[Array] = self._session.run(outputs, inputs)
        except Exception as error:
            if self._log_level == NOTHING:
                raise
            raise ArtifactError(
                expected="a graph that ONNX Runtime can compute",
                found=str(error).partition("\n")[0][:300],
                where=str(self.path),
                fix="train the model again",
            ) from error
        return results

    def get_inputs(self) -> list[GraphValue]:
        """Return the graph's inputs."""
        inputs: list[GraphValue] = self._session.get_inputs()
        return inputs

    def get_outputs(self) -> list[GraphValue]:
        """Return the graph's outputs."""
        outputs: list[GraphValue] = self._session.get_outputs()
        return outputs

    def _open_again(self) -> None:
        with suppress(ArtifactError, OSError):
            if self._entry is None:
                content = self.path.read_bytes()
            else:
                content = manifest.read_verified(self.path.parent, self.path.name, self._entry)
            self._session = _open(content, self.path, self._log_level)
        self._pid = os.getpid()


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

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Return `work` of each item, in order, computed by several threads."""
        return self._executor().map(work, items)

    def submit(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Start `work` of one item on another thread."""
        return self._executor().submit(work, item)

    def _executor(self) -> ThreadPoolExecutor:
        if os.getpid() != self._pid:
            self._pool = ThreadPoolExecutor(self.count, thread_name_prefix=self._name)
            self._pid = os.getpid()
        return self._pool


def _open(content: bytes, path: Path, log_level: int, *, trial: bool = False) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = log_level
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    if trial:
        options.add_session_config_entry("session.use_env_allocators", "1")
    left_out = {"disabled_optimizers": ["ConstantFolding"]} if trial else {}
    try:
        return onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"], **left_out
        )
    except Exception as error:  # ONNX Runtime's exceptions share no public base class.
        raise _cannot_open(path, error) from error


def _cannot_open(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(
        expected="a graph that ONNX Runtime can open",
        found=str(error),
        where=str(path),
        fix="upgrade onnxruntime, or train the model again",
    )


def _try_out(content: bytes, path: Path) -> None:
    """Run a graph of unknown origin once, in bounded memory and time, with inputs of 1 x 2 zeros.

    Opening a graph computes all that depends on no input. So it is opened first with nothing computed, and
    the run, which can be stopped between two operators, computes the same in an arena of bounded size.

    Raises:
        ArtifactError: ONNX Runtime cannot open the graph, or the run failed.
    """
    _bounded_arena()
    session, options = _open(content, path, NOTHING, trial=True), onnxruntime.RunOptions()
    timer = threading.Timer(MAX_TRIAL_SECONDS, setattr, (options, "terminate", True))
    timer.start()
    try:
        types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        inputs = {each.name: np.zeros((1, 2), types[each.type]) for each in session.get_inputs()}
        session.run(None, inputs, options)
    # A name of an axis that is no text is a UnicodeDecodeError; ONNX Runtime has types of its own.
    except Exception as error:
        raise _cannot_open(path, error) from error
    finally:
        timer.cancel()


@cache
def _bounded_arena() -> None:
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # As large as needed at each extension, not twice as large as the one before; -1: ONNX Runtime's default.
    sizes = {"initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    arena = onnxruntime.OrtArenaCfg({"max_mem": MAX_TRIAL_BYTES, "arena_extend_strategy": 1, **sizes})
    onnxruntime.create_and_register_allocator(memory, arena)


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
