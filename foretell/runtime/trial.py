"""Open and run a graph from outside once, in a process of its own with bounded memory and time.

Opening a graph computes all that depends on no input, and one operator can take for ever. A process
that opens the same graph with the same options computes the same again, so it takes no more than
the trial was allowed.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import onnxruntime

from foretell.limited import run_limited, work_limited

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
    key = hashlib.sha256(graph + f"{tokens} {token}".encode()).digest()
    if key in _tried:
        return
    run_limited(
        __file__,
        tokens,
        token,
        size=len(graph),
        seconds=MAX_SECONDS,
        wait=MAX_WAIT_SECONDS,
        given=graph,
    )
    _tried.add(key)


def _run(tokens: str, token: str) -> None:
    graph = sys.stdin.buffer.read()
    options = session_options(arena=True)
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    inputs = session.get_inputs()
    is_fixed = any(isinstance(size, int) for each in inputs for size in each.shape)
    # Such inputs are refused before anything runs.
    if is_fixed or not all(each.type in INTEGERS for each in inputs):
        return
    values = {"input_ids": int(token), "attention_mask": 1}
    shape = (1, int(tokens))
    given = {
        each.name: np.full(shape, values.get(each.name, 0), INTEGERS[each.type]) for each in inputs
    }
    session.run(None, given)


if __name__ == "__main__":
    work_limited(_run)
