"""Ways to do the same thing, each measured in processes of its own, in turns."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.commands import measure
from bench.requirements import require


class Way(NamedTuple):
    """One way: the module that it needs, and what measures it; the result is kept as JSON."""

    package: str
    measure: Callable[[], Any]


def in_turns(module: str, description: str | None, ways: Mapping[str, Way]) -> dict[str, list[Any]]:
    """Be the command line of a benchmark that compares `ways`: run each in turns, each time in a new process.

    Other work on the machine then affects all of them.

    Args:
        module: the benchmark; its `main` calls this function.
        description: for `--help`.
        ways: by name.

    Returns:
        The measurements of each way, turn by turn. Nothing in the processes that measure one way.
    """
    parser = argparse.ArgumentParser(description=description)
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
