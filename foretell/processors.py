"""How many processors this process may use: fewer than the machine has, in a container or under `taskset`."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
