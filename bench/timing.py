"""Timing of calls within one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def times(call: Callable[[], object], repeats: int, warm: int = 20) -> list[float]:
    """Return the seconds of each of `repeats` calls, after `warm` calls that are not counted."""
    for _ in range(warm):
        call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def within_95(seconds: list[float]) -> float:
    """Return the seconds within which 95 % of the calls ended."""
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def median_and_95(seconds: list[float]) -> tuple[str, str]:
    """Return the median and `within_95`, in milliseconds, as cells of a table."""
    return f"{1e3 * statistics.median(seconds):.2f} ms", f"{1e3 * within_95(seconds):.2f} ms"
