"""Run the tests of a module on each of its mutants: `python -m tests.mutation [MODULE …]`, or `make mutants`.

cosmic-ray starts the tests in a new process for each mutant, and mutmut 3 needs a copy of the package and a
run of all tests first. Here a process that has imported the libraries forks a child for each mutant, which
imports the changed module from memory: a mutant takes as long as its tests do.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.modules import MODULES, SLOW
from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
SHORTEST_LIMIT, LIMIT_FACTOR = 30.0, 10.0
"""A mutant that runs so many seconds, and so many times as long as its tests do, is found too: it hangs."""
MIN_SCORE = 0.85
# Imported before the children fork; nothing of foretell, which they import changed.
LIBRARIES = (
    "numpy", "scipy.sparse", "safetensors.numpy", "onnx", "onnxruntime", "tokenizers", "sklearn", "fastapi",
    "httpx", "pydantic", "hypothesis", "schemathesis", "prometheus_client", "uvicorn",
)  # fmt: skip


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a source in memory."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return how this module is imported; None: another one."""
        del path, target
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)  # type: ignore[arg-type]

    def exec_module(self, module: Any) -> None:
        """Run the changed source."""
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


def main(arguments: Sequence[str]) -> int:
    """Print the score and the surviving mutants of each module; return 1 where a score is too low.

    Args:
        arguments: parts of the names of modules; none: all of them. N% takes a random N % of the mutants.
    """
    part = next((float(each[:-1]) / 100 for each in arguments if each.endswith("%")), 1.0)
    names = [each for each in arguments if not each.endswith("%")]
    for library in LIBRARIES:
        importlib.import_module(library)
    assert not any(name.partition(".")[0] == "foretell" for name in sys.modules)
    n_low = 0
    for module, tests in MODULES.items():
        if not names or any(name in module for name in names):
            n_low += not _check(module, tests, part)
    return 1 if n_low else 0


def _check(module: str, tests: Sequence[str], part: float) -> bool:
    source = (ROOT / module).read_text(encoding="utf-8")
    began = time.monotonic()
    if _run(module, source, tests, 600.0) != 0:
        raise SystemExit(f"{module}: the tests fail without a mutant")
    limit = max(SHORTEST_LIMIT, LIMIT_FACTOR * (time.monotonic() - began))
    chosen = list(_chosen(source, part))
    print(
        f"{module}: {len(chosen)} mutants, {time.monotonic() - began:.0f} seconds for its tests", flush=True
    )
    survivors = 0
    for each in chosen:
        if _run(module, each.source, tests, limit) == 0:
            survivors += 1
            print(f"  line {each.line} survives: {each.change}", flush=True)
    score = 1 - survivors / max(1, len(chosen))
    print(f"{module}: {len(chosen) - survivors} of {len(chosen)} mutants found, {score:.1%}", flush=True)
    return score >= MIN_SCORE


def _chosen(source: str, part: float) -> Iterator[Mutant]:
    chance = random.Random(0)
    return (each for each in mutants(source) if chance.random() < part)


def _run(module: str, source: str, tests: Sequence[str], limit: float) -> int:
    """Run the tests on a changed module in a child; return 0 where they pass."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(os.devnull, "w") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        name = module.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, Changed(name, ROOT / module, source))
        code = 1
        try:
            slow = " and ".join(f"not {each}" for each in SLOW)
            # The libraries of some plugins are imported before pytest could rewrite their assertions.
            ignored = "ignore::pytest.PytestAssertRewriteWarning"
            given = [*tests, "-n", "0", "-x", "-k", slow, "-W", ignored, f"--rootdir={ROOT}"]
            code = int(pytest.main(given))
        finally:
            os._exit(min(code, 1))
    return _wait(child, limit)


def _wait(child: int, limit: float) -> int:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    # Its own group: what it has started ends with it.
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
