"""What all benchmarks share: the machine, a Markdown table on stdout, JSON Lines under out/bench."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean
from typing import Any

OUT = Path("out") / "bench"
"""Relative, so that a benchmark writes into the checkout it is started in."""

_PACKAGES = (
    "foretell", "tensorflow-cpu", "tensorflow", "keras", "onnxruntime", "tokenizers", "numpy", "scikit-learn",
    "torch", "fasttext-numpy2", "fasttext",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Return the processor, the cores that this process may use, memory in GiB, and versions."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "versions": {name: number for name in _PACKAGES if (number := _version(name))},
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


def mean_and_range(values: Sequence[float], form: str) -> str:
    """Return the mean of values and, where there are several, their range: "92.7% (92.6% to 92.8%)".

    Args:
        values: none give an empty text.
        form: the format of a number, such as ".2%" or ".0f".
    """
    if len(values) < 2:
        return "".join(f"{value:{form}}" for value in values)
    return f"{mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def rows_in(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON Lines file, such as `Results` writes, the oldest first."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Results:
    """The rows of one table, shown in Markdown and appended to a file of JSON Lines.

    Args:
        name: the table; its rows go to out/bench/NAME.jsonl, after those of earlier runs.
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
        line = {
            "time": round(time.time()), "columns": self._columns, "cells": cells, "figures": figures,
            "machine": self._machine,
        }  # fmt: skip
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def _show_head(self) -> None:
        m = self._machine
        versions = " · ".join(f"{name} {number}" for name, number in m["versions"].items())
        print(
            f"\n{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB · Python {m['python']} · {versions}\n"
        )
        print("| " + " | ".join(self._columns) + " |")
        print("|" + " --- |" * len(self._columns), flush=True)
        self._head_is_shown = True
