"""Running foretell's command line as a user does, and measuring what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SHARED_DATA = Path("..") / "shared" / "data"


@dataclass(frozen=True)
class Finished:
    """A command that ended well: its standard output, seconds, and largest resident memory in bytes."""

    stdout: str
    seconds: float
    peak_memory: int


def script() -> list[str]:
    """Return the command that starts foretell: the installed script, or the module where there is none."""
    beside = Path(sys.executable).with_name("foretell")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "foretell"]


def environment() -> dict[str, str]:
    """Return this environment, with FORETELL_DATA set where the shared data is at hand."""
    found = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if SHARED_DATA.is_dir():
        found.setdefault("FORETELL_DATA", str(SHARED_DATA.resolve()))
    return found


def run(command: list[str], **changes: str) -> Finished:
    """Run a command and wait for it.

    Args:
        command: the program and its arguments.
        **changes: environment variables to set.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env={**environment(), **changes})
        # wait4 tells this one child's memory, where getrusage knows only the largest of all children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed with {process.returncode}: {err.read()[-2000:]}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Finished(out.read(), seconds, usage.ru_maxrss * unit)


def in_turns(module: str, needed: dict[str, str], repeats: int) -> dict[str, list[Any]]:
    """Run `python -m MODULE --one WAY` for each way in turns, each time in a new process.

    Args:
        module: prints what it has measured as JSON, on its last line.
        needed: the package that each way needs; a way without it is left out, and that is told.
        repeats: how many turns.

    Returns:
        What was printed for each way, turn by turn.
    """
    found: dict[str, list[Any]] = {}
    for way, package in needed.items():
        if find_spec(package):
            found[way] = []
        else:
            print(f"{way}: {package} is not installed", file=sys.stderr)
    for _ in range(repeats):
        for way, printed in found.items():
            done = run([sys.executable, "-m", module, "--one", way])
            printed.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def foretell(*arguments: str | Path, **changes: str) -> Finished:
    """Run `foretell` with `arguments`; see `run`."""
    return run([*script(), *map(str, arguments)], **changes)


def train(job: str, source: str | Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Train by the command line into `out`, over what may be there, and return the final figures.

    Args:
        job: words or labels.
        source: a file or a named set.
        out: the model directory.
        **settings: options, such as preset="article", epochs=1.
    """
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = foretell("train", job, source, "--out", out, "--json", "--restart", *options)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def evaluate(model: Path, data: str | Path) -> dict[str, Any]:
    """Evaluate a model by the command line and return the figures."""
    figures: dict[str, Any] = json.loads(foretell("evaluate", model, data, "--json").stdout)
    return figures
