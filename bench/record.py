"""What all benchmarks share: the machine's name, a markdown table on stdout, JSON lines under out/bench."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OUT = Path("out") / "bench"

_PACKAGES = ("foretell", "tensorflow-cpu", "tensorflow", "keras", "onnxruntime", "tokenizers", "numpy")


def machine() -> dict[str, Any]:
    """Return the processor, how many cores this process may use, memory in GiB, and versions."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class Results:
    """The rows of one benchmark, shown as a markdown table and kept as JSON lines.

    Args:
        name: the benchmark; its lines go to out/bench/NAME.jsonl, after those of earlier runs.
        columns: the table's head.
    """

    def __init__(self, name: str, columns: Iterable[str]) -> None:
        self._columns = list(columns)
        self._path = OUT / f"{name}.jsonl"
        self._machine = machine()
        self._head_is_shown = False

    def add(self, *cells: object, **figures: Any) -> None:
        """Show one row, and keep it with `figures`: the unrounded values behind it."""
        if len(cells) != len(self._columns):
            raise ValueError(f"expected {len(self._columns)} cells, found {len(cells)}")
        if not self._head_is_shown:
            self._show_head()
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        row = dict(zip(self._columns, cells, strict=True))
        line = {"time": round(time.time()), **row, **figures, "machine": self._machine}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def skip_head(self) -> None:
        """Go on with a table whose head another process has shown."""
        self._head_is_shown = True

    def _show_head(self) -> None:
        m = self._machine
        versions = " · ".join(f"{name} {number}" for name, number in m["versions"].items())
        print(f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB · Python {m['python']} · {versions}\n")
        print("| " + " | ".join(self._columns) + " |")
        print("|" + " --- |" * len(self._columns), flush=True)
        self._head_is_shown = True
