"""What all benchmarks share: processes that are measured, turns, tables that are shown and kept."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bench.results import Result, Row, head_of, line_of, write

OUT = Path("out") / "bench"
"""Relative, so that a benchmark writes into the checkout it is started in."""
SHARED_DATA = Path("..") / "shared" / "data"

_PACKAGES = (
    "foretell",
    "tensorflow-cpu",
    "tensorflow",
    "keras",
    "onnxruntime",
    "tokenizers",
    "numpy",
    "scikit-learn",
    "torch",
    "fasttext-numpy2",
)

# ---- What a benchmark needs: packages of the peers, archives of data


def data_folder() -> Path | None:
    """Return the folder of FORETELL_DATA, else the shared one beside the project where there is
    one.
    """
    folder = os.environ.get("FORETELL_DATA")
    if folder:
        return Path(folder)
    return SHARED_DATA.resolve() if SHARED_DATA.is_dir() else None


def archive(name: str) -> Path:
    """Return the path of an archive in the data folder; `require` it."""
    require(archives=(name,))
    folder = data_folder()
    assert folder is not None
    return folder / name


def require(packages: Iterable[str] = (), archives: Iterable[str] = ()) -> None:
    """End the program with one line where a module, or an archive in the data folder, is
    missing.
    """
    folder = data_folder()
    no_packages = [name for name in dict.fromkeys(packages) if find_spec(name) is None]
    no_archives = [
        each for each in dict.fromkeys(archives) if not folder or not (folder / each).is_file()
    ]
    if missing := ", ".join([*no_packages, *no_archives]):
        raise SystemExit(
            f"expected the packages and archives of the benchmarks, missing: {missing}; "
            f"`make bench` "
            "installs the packages, FORETELL_DATA names the folder that holds the archives"
        )


# ---- Processes


class Finished(NamedTuple):
    """A command that has ended: what it printed, wall-clock seconds, exit code."""

    stdout: str
    stderr: str
    seconds: float
    code: int = 0


def script() -> list[str]:
    """Return the command that starts foretell: the installed script, or the module where there is
    none.
    """
    beside = Path(sys.executable).with_name("foretell")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "foretell"]


def environment() -> dict[str, str]:
    """Return this process's environment, with FORETELL_DATA set where the shared data is there."""
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if (folder := data_folder()) is not None:
        variables["FORETELL_DATA"] = str(folder)
    return variables


def execute(command: list[str], variables: Mapping[str, str]) -> Finished:
    """Run a command in a process of its own and wait for it, whatever its exit code."""
    start = time.perf_counter()
    done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
    return Finished(done.stdout, done.stderr, time.perf_counter() - start, done.returncode)


def run(command: list[str], variables: Mapping[str, str] | None = None) -> Finished:
    """Run a command in a process of its own, with further environment variables, and wait for it.

    Raises:
        RuntimeError: its exit code is not 0; with the end of its standard error.
    """
    done = execute(command, {**environment(), **(variables or {})})
    if done.code:
        raise RuntimeError(f"{' '.join(command)} failed with {done.code}: {done.stderr[-2000:]}")
    return done


def measure(module: str, *arguments: str) -> tuple[Any, Finished]:
    """Run `python -m MODULE ARGUMENTS`, which prints JSON on its last line; return that, and the
    process.
    """
    done = run([sys.executable, "-m", module, *arguments])
    return json.loads(done.stdout.splitlines()[-1]), done


def foretell(*arguments: str | Path) -> Finished:
    """Run `foretell` with `arguments`; see `run`."""
    return run([*script(), *map(str, arguments)])


def train(
    job: str, source: str | Path, out: Path, *more: str | Path, **settings: Any
) -> dict[str, Any]:
    """Train by the command line into `out`, in place of what is there, and return the final
    metrics.

    `more` are further arguments, `settings` options with a value, such as preset="article",
    epochs=1.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = foretell(
        "train", job, source, *more, *options, "--out", out, "--json", "--restart", "--overwrite"
    )
    metrics: dict[str, Any] = json.loads(done.stdout)
    return metrics


def evaluate(model: Path, data: str | Path) -> dict[str, Any]:
    """Evaluate a model by the command line and return the metrics."""
    metrics: dict[str, Any] = json.loads(foretell("evaluate", model, data, "--json").stdout)
    return metrics


# ---- Options, turns and times


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return the command line of a benchmark, whose help has the lines of `description`."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=form)


class Way(NamedTuple):
    """One way to do something: the module that it needs, and what measures it; the result is kept
    as JSON.
    """

    package: str
    measure: Callable[[], Any]


def in_turns(module: str, description: str | None, ways: Mapping[str, Way]) -> dict[str, list[Any]]:
    """Be the command line of a benchmark that compares `ways`: run each in turns, each time in a
    new process.

    Other work on the machine then affects all of them. The `main` of `module` calls this function,
    which returns the measurements of each way, turn by turn, and nothing in the processes that
    measure one way.
    """
    parser = parser_of(description)
    parser.add_argument("--ways", nargs="+", default=list(ways), choices=list(ways))
    parser.add_argument("--repeats", type=int, default=3, help="turns of each way (default: 3)")
    parser.add_argument("--one", choices=list(ways), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(ways[options.one].measure()))
        return {}
    require(ways[name].package for name in options.ways)
    measured: dict[str, list[Any]] = {name: [] for name in options.ways}
    for _ in range(options.repeats):
        for name, values in measured.items():
            values.append(measure(module, "--one", name)[0])
    return measured


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


def median_and_95(seconds: list[float]) -> tuple[str, str]:
    """Return the median, and within what 95 % of the calls ended, in milliseconds, as cells of a
    table.
    """
    late = sorted(seconds)[int(0.95 * (len(seconds) - 1))]
    return f"{1e3 * statistics.median(seconds):.2f} ms", f"{1e3 * late:.2f} ms"


def mean_and_range(values: Sequence[float], form: str) -> str:
    """Return the mean of values and, where there are several, their range: "92.7% (92.6% to
    92.8%)".

    `form` is the format of a number, such as ".1%". No values give an empty text.
    """
    if len(values) < 2:
        return "".join(f"{value:{form}}" for value in values)
    return f"{mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


# ---- Tables


def machine() -> str:
    """Return the processor, the cores that this process may use, memory, and versions."""
    cores = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    hardware = f"{_cpu()}, {cores} cores, {memory:.0f} GiB"
    versions = [f"{name} {number}" for name in _PACKAGES if (number := _version(name))]
    return " · ".join([hardware, f"Python {platform.python_version()}", *versions])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def commit() -> str | None:
    """Return the commit of the checkout that the benchmark runs in; None where there is none."""
    git = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    return None


class Results:
    """The rows of one table, shown in Markdown and written to out/bench/NAME.json.

    Args:
        name: the table; its file of an earlier run is replaced.
        columns: the table's head.
        seeds: of the trainings.
    """

    def __init__(self, name: str, columns: Iterable[str], seeds: Iterable[int] = ()) -> None:
        self._path = OUT / f"{name}.json"
        program = Path(sys.argv[0]).stem
        self._result = Result(
            command=shlex.join(["python", "-m", "bench", program, *sys.argv[1:]]),
            machine=machine(),
            commit=commit(),
            date=datetime.now(UTC).date().isoformat(),
            seeds=list(seeds),
            columns=list(columns),
        )

    def add(self, *cells: object, **values: Any) -> None:
        """Show one row, and keep it with the unrounded values behind it."""
        columns = self._result.columns
        if len(cells) != len(columns):
            raise ValueError(f"expected {len(columns)} cells, found {len(cells)}")
        if not self._result.rows:
            print(f"\n{self._result.machine}\n\n{head_of(columns)}", flush=True)
        row = Row([str(cell) for cell in cells], values)
        print(line_of(row.cells), flush=True)
        self._result = replace(self._result, rows=[*self._result.rows, row])
        write(self._result, self._path)
