"""Open and run a graph from outside once, in a process of its own with bounded memory and time.

Opening a graph computes all that depends on no input, and one operator can take for ever: neither
can be stopped on a thread. Run as a script, this file imports nothing of foretell.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime

MAX_BYTES = 1 << 30
BYTES_TIMES = 16
"""Memory of a trial: so much, and so many times the size of the graph's file (on Linux)."""
MAX_SECONDS = 20
"""Processor time of a trial (on Linux and macOS)."""
MAX_WAIT_SECONDS = 120.0
"""Time of a trial on any clock."""

INTEGERS: dict[str, type[np.integer]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_tried = set[bytes]()


def session_options(*, arena: bool) -> onnxruntime.SessionOptions:
    """Return the options of a session that computes on the thread that calls it.

    An arena keeps what its largest run needed. Only large graphs are faster with one
    (docs/experiments.md).
    """
    options = onnxruntime.SessionOptions()
    # An error is raised; nothing is written to standard error, too.
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    return options


def try_out(graph: bytes, tokens: int, token: int) -> None:
    """Open a graph in another process, and run it once on a text of so many tokens of one id.

    Nothing is tried twice in one process.

    Raises:
        ValueError: it cannot be opened or run within the limits; what happened, in a few words.
    """
    memory = MAX_BYTES + BYTES_TIMES * len(graph)
    numbers = [str(each) for each in (tokens, token, memory, MAX_SECONDS)]
    key = hashlib.sha256(graph + " ".join(numbers).encode()).digest()
    if key in _tried:
        return
    # The same packages as here, but not those of the working directory.
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(Path(__file__)), *numbers],
            input=graph,
            capture_output=True,
            timeout=MAX_WAIT_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"more than {MAX_WAIT_SECONDS:g} seconds for one text") from error
    if done.returncode == 0:
        _tried.add(key)
        return
    last = done.stdout.decode(errors="replace").strip()
    limits = f"more than {MAX_SECONDS} seconds, or more memory than a graph of its size needs"
    raise ValueError(last or limits)


def _limit(memory: int, seconds: int) -> None:
    """Bound the memory (bytes) and the processor time of this process."""
    # Windows has none of these limits, and macOS not that of memory.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _run(graph: bytes, tokens: int, token: int) -> None:
    options = session_options(arena=True)
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    inputs = session.get_inputs()
    is_fixed = any(isinstance(size, int) for each in inputs for size in each.shape)
    # Such inputs are refused before anything runs.
    if is_fixed or not all(each.type in INTEGERS for each in inputs):
        return
    values = {"input_ids": token, "attention_mask": 1}
    shape = (1, tokens)
    given = {
        each.name: np.full(shape, values.get(each.name, 0), INTEGERS[each.type]) for each in inputs
    }
    session.run(None, given)


def _main() -> None:
    graph = sys.stdin.buffer.read()
    tokens, token, memory, seconds = map(int, sys.argv[1:])
    _limit(memory, seconds)
    try:
        _run(graph, tokens, token)
    # ONNX Runtime's exceptions share no public base class; a name of an axis that is no text is a
    # UnicodeDecodeError.
    except Exception as error:
        shown = str(error).partition("\n")[0][:300]
        sys.stdout.buffer.write(shown.encode(errors="replace"))
        sys.exit(1)


if __name__ == "__main__":
    _main()
