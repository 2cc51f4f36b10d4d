"""Running foretell's command line as a user does, and measuring its time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.requirements import data_folder

# Linux counts the memory of the process that starts another one as memory of that other one, so a small one
# starts it. wait4 gives the memory of this one child; getrusage only that of the largest of all children.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
figures = [time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(figures, file)
"""


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Attributes:
        stdout, stderr: what it printed.
        seconds: its wall-clock time, start-up included.
        peak_memory: its largest resident memory in bytes.
        code: its exit code.
    """

    stdout: str
    stderr: str
    seconds: float
    peak_memory: int
    code: int = 0


def script() -> list[str]:
    """Return the command that starts foretell: the installed script, or the module where there is none."""
    beside = Path(sys.executable).with_name("foretell")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "foretell"]


def environment() -> dict[str, str]:
    """Return this process's environment, with FORETELL_DATA set where the shared data is there."""
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if (folder := data_folder()) is not None:
        variables["FORETELL_DATA"] = str(folder)
    return variables


def execute(command: list[str], variables: Mapping[str, str], folder: Path | None) -> Finished:
    """Run a command in a process of its own and wait for it, whatever its exit code.

    Args:
        command: the program and its arguments.
        variables: its environment.
        folder: its working directory; None: this process's.
    """
    with tempfile.TemporaryDirectory() as temporary:
        report, out, err = (Path(temporary) / name for name in ("report", "out", "err"))
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(report)]
        with out.open("w") as stdout, err.open("w") as stderr:
            subprocess.run(
                [*launcher, *command],
                stdout=stdout,
                stderr=stderr,
                env=dict(variables),
                cwd=folder,
                check=True,
            )
        seconds, memory, code = json.loads(report.read_text(encoding="utf-8"))
        unit = 1 if sys.platform == "darwin" else 1024
        return Finished(out.read_text(), err.read_text(), seconds, memory * unit, code)


def run(
    command: list[str], *, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Finished:
    """Run a command in a process of its own and wait for it.

    Args:
        command: the program and its arguments.
        folder: its working directory; None: this process's.
        variables: environment variables to set, beside those of `environment`.

    Raises:
        RuntimeError: its exit code is not 0; with the end of its standard error.
    """
    done = execute(command, {**environment(), **(variables or {})}, folder)
    if done.code:
        raise RuntimeError(f"{' '.join(command)} failed with {done.code}: {done.stderr[-2000:]}")
    return done


def measure(module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> tuple[Any, Finished]:
    """Run `python -m MODULE ARGUMENTS`, which prints JSON on its last line; return that, and the process."""
    done = run([sys.executable, "-m", module, *arguments], variables=variables)
    return json.loads(done.stdout.splitlines()[-1]), done


def foretell(*arguments: str | Path) -> Finished:
    """Run `foretell` with `arguments`; see `run`."""
    return run([*script(), *map(str, arguments)])


def train(job: str, source: str | Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Train by the command line into `out`, in place of a model that is there, and return the final figures.

    Args:
        job: words or labels.
        source: a file or a named set.
        out: the model directory.
        **settings: options, such as preset="article", epochs=1.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = foretell("train", job, source, "--out", out, "--json", "--restart", *options)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def evaluate(model: Path, data: str | Path) -> dict[str, Any]:
    """Evaluate a model by the command line and return the figures."""
    figures: dict[str, Any] = json.loads(foretell("evaluate", model, data, "--json").stdout)
    return figures
