"""`train words` by two workers of one core each, beside one: words/s, bytes a step, and how averages learn.

Weak scaling: each worker has as many streams as the one; strong scaling: both together have as many. Beside
them, "apart": independent trainings at the same time, the upper bound for two workers on this machine. The
rate is that of the steps alone: the start of Ray and compiling are before them, validation is after them. A
second table is a calculation, not a measurement: hosts on a network of a given speed, from the measured bytes
and the measured time of a step. The third gives validation perplexity against wall time, Ray's start
included, for weights that are averaged every H steps.

python -m bench together                              all three tables, on `base`
python -m bench together --steps 40 --minutes 0.5 --text notes.txt --averages 1 8
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.commands import run, script
from bench.record import OUT, Results, mean_and_range, rows_in
from bench.texts import zipf_text

FOLDER = OUT / "together"
HOSTS = (8, 16, 64)
_GIGABIT = 125e6
_SKIPPED = 0.2
"""The part of the steps before the rate is measured: functions are compiled in the first ones."""


@dataclass(frozen=True)
class Measured:
    """One training.

    Attributes:
        rate: words/s of its steps.
        step_bytes: that one worker sends in a step; 0: it is alone.
        dense_bytes: of the gradients that all workers add up as one vector; 0: it is alone.
        seconds: of a step.
    """

    rate: float
    step_bytes: float
    dense_bytes: float
    seconds: float


def main() -> None:
    """Measure, calculate and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="base", help="(default: base)")
    parser.add_argument("--streams", type=int, default=16, help="of one worker (default: 16)")
    parser.add_argument("--steps", type=int, default=600, help="of each training (default: 600)")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement (default: 3)")
    parser.add_argument(
        "--gigabits", type=float, default=10.0, help="of the calculated network (default: 10)"
    )
    parser.add_argument(
        "--averages", type=int, nargs="*", default=[1, 8, 32], metavar="H",
        help="of the third table (default: 1 8 32; without a number: no third table)",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10.0, help="of each of these (default: 10)")
    parser.add_argument("--text", default="imdb", help="that they learn from (default: imdb)")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    one, weak = _scaling(options)
    _calculated(options, one, weak)
    if options.averages:
        _averages(options)


def _scaling(options: argparse.Namespace) -> tuple[Measured, Measured]:
    """Show one worker, two by weak and by strong scaling, and two apart, in turns; return the first two."""
    columns = ["run", "workers", "streams", "words/s", "of as many times one worker", "bytes a step"]
    results = Results("together", columns)
    runs = {
        "one": (_trained, 1, options.streams),
        "weak": (_trained, 2, 2 * options.streams),
        "strong": (_trained, 2, options.streams),
        "apart": (_apart, 2, 2 * options.streams),
    }
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name, (train, workers, streams) in runs.items():
            found[name].append(train(options, workers, streams))
    base = sum(each.rate for each in found["one"]) / options.repeats
    for name, (_, workers, streams) in runs.items():
        rates = [each.rate for each in found[name]]
        shares = [rate / (workers * base) for rate in rates]
        results.add(
            name, workers, streams, mean_and_range(rates, ",.0f"), mean_and_range(shares, ".0%"),
            f"{found[name][0].step_bytes:,.0f}", rates=rates, steps=options.steps,
        )  # fmt: skip
    best = {name: max(each, key=lambda one: one.rate) for name, each in found.items()}
    return best["one"], best["weak"]


def _apart(options: argparse.Namespace, workers: int, streams: int) -> Measured:
    """Train a model on each of some processors at the same time, and return the sum of their rates."""
    with ThreadPoolExecutor(workers) as pool:
        train = partial(_trained, options, 1, streams // workers)
        each = list(pool.map(train, range(workers)))
    return replace(each[0], rate=sum(one.rate for one in each))


def _trained(options: argparse.Namespace, workers: int, streams: int, first: int = 0) -> Measured:
    """Train on made text for a number of steps, on as many processors from `first` as there are workers."""
    window, out = 35, FOLDER / f"model-{first}"
    text = FOLDER / f"{streams}-{options.steps}.txt"
    if not text.exists():
        text.write_text(zipf_text(options.steps * streams * window, words=40_000), encoding="utf-8")
    # The end of a line is a token, one for each 20 words: the steps are a few more.
    settings = ["--streams", str(streams), "--epochs", "1", "--min-steps", "1", "--valid-fraction", "0"]
    figures = _train(options, [str(text), "--out", str(out), *settings], workers, first)
    lines = rows_in(out / "run" / "metrics.jsonl")
    rate = rate_of(lines, streams * window)
    sent, dense = (figures.get(name, 0.0) for name in ("bytes_per_step", "dense_bytes_per_step"))
    return Measured(rate, sent, dense, streams * window / rate)


def rate_of(lines: Iterable[Mapping[str, float]], words: int) -> float:
    """Return the words/s between two lines of metrics.jsonl, one early and the last of the steps.

    Args:
        lines: of metrics.jsonl, in their order.
        words: of a step.
    """
    # Of two lines of one step the second follows what is done after it.
    steps = {line["step"]: line["time"] for line in reversed(list(lines))}
    first = min(step for step in steps if step >= _SKIPPED * max(steps))
    last = max(steps)
    return words * (last - first) / (steps[last] - steps[first])


def _train(options: argparse.Namespace, arguments: list[str], workers: int, first: int = 0) -> dict[str, Any]:
    processors = ",".join(map(str, range(first, first + workers)))
    pinned = ["taskset", "-c", processors] if shutil.which("taskset") else []
    command = [*script(), "train", "words", *arguments, "--preset", options.preset, "--json", "--restart"]
    command += ["--no-baseline", "--no-kneser-ney"]
    command += ["--cluster", "local", "--workers", str(workers)] if workers > 1 else []
    figures: dict[str, Any] = json.loads(run([*pinned, *command]).stdout)
    return figures


def _calculated(options: argparse.Namespace, one: Measured, weak: Measured) -> None:
    """Show how much of its time each of many hosts computes, as a calculation."""
    model = json.loads((FOLDER / "model-0" / "config.json").read_text())["settings"]
    dense, sparse = weak.dense_bytes, max(0.0, weak.step_bytes - weak.dense_bytes)
    averaged = (3 if model["optimizer"] == "adam" else 1) * weight_bytes(FOLDER / "model-0")
    network = options.gigabits * _GIGABIT
    results = Results("together_hosts", ["calculated: hosts", "H", "bytes a step", "of N times one host"])
    for hosts in HOSTS:
        for every in (1, 32):
            sent = bytes_of(hosts, dense, sparse) if every == 1 else bytes_of(hosts, averaged) / every
            share = one.seconds / (one.seconds + sent / network)
            results.add(
                hosts, every, f"{sent:,.0f}", f"{share:.0%}", dense=dense, sparse=sparse, network=network,
                step_seconds=one.seconds,
            )  # fmt: skip
    print(
        f"\nCalculated for {options.gigabits:g} Gbit/s, a step of {1000 * one.seconds:.1f} ms, {dense:,.0f} "
        f"bytes of dense gradients and {sparse:,.0f} of sparse rows; no step computes while it sends.\n"
    )


def bytes_of(hosts: int, dense: float, sparse: float = 0.0) -> float:
    """Return the bytes that each host sends: 2(N−1)/N · dense + (N−1) · sparse."""
    return 2 * (hosts - 1) / hosts * dense + (hosts - 1) * sparse


def weight_bytes(model: Path) -> int:
    """Return the bytes of all weights in float32."""
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", "numpy") as file:
        # This object is not iterable.
        return sum(4 * math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def _averages(options: argparse.Namespace) -> None:
    """Show validation perplexity against wall time, for one worker and for two that average every H steps."""
    results = Results("together_averages", ["workers", "H", "words/s", "seconds", "validation perplexity"])
    for workers, every in ((1, 1), *((2, every) for every in options.averages)):
        out, streams = FOLDER / f"averaged-{workers}-{every}", workers * options.streams
        arguments = [options.text, "--out", str(out), "--minutes", str(options.minutes)]
        arguments += ["--streams", str(streams)]
        arguments += ["--average-every", str(every)] if workers > 1 else []
        began = time.time()
        figures = _train(options, arguments, workers)
        lines = rows_in(out / "run" / "metrics.jsonl")
        speed = next(value for name, value in figures.items() if name.endswith("_per_second"))
        for line in lines:
            if "valid_loss" in line:
                seconds, perplexity = line["time"] - began, math.exp(line["valid_loss"])
                cells = (f"{speed:,.0f}", f"{seconds:.0f}", f"{perplexity:.2f}")
                results.add(workers, every, *cells, perplexity=perplexity, step=line["step"])


if __name__ == "__main__":
    main()
