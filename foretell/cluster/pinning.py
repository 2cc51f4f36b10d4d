"""Each worker of a machine keeps to processors of its own.

The workers of a training wait for each other in every step. Where the system moves them from one processor to
another, the slowest waits for its caches, and all wait for it: a step took a sixth longer
(docs/experiments.md). Only Linux can do it. Only a cluster that foretell starts is pinned: elsewhere other
programs may have been given the same processors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def processors_here() -> list[int]:
    """Return the numbers of the processors that this thread may use; none where that cannot be known."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def share(processors: Sequence[int], rank: int, threads: int) -> list[int]:
    """Return the processors of one worker; none where there are not enough for it.

    Args:
        processors: of the machine.
        rank: of the worker, from 0.
        threads: of each worker.
    """
    mine = list(processors[rank * threads : (rank + 1) * threads])
    return mine if len(mine) == threads else []


def keep_to(processors: Sequence[int]) -> None:
    """Let this thread, and those that it starts, use these processors only; none: leave it as it is."""
    if processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)


@contextmanager
def kept_to(processors: Sequence[int]) -> Iterator[None]:
    """`keep_to`, for this thread until the context ends."""
    before = processors_here()
    keep_to(processors)
    try:
        yield
    finally:
        keep_to(before)
