"""`foretell classify` in a pipe: its speed as a share of one batch's, and its memory at two sizes.

The models are trained for one epoch only: the time depends on their sizes. Batch and pipe take turns, and the
fastest of each counts: other work on the machine only makes them slower.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.commands import environment, run, script, train
from bench.record import Results
from bench.texts import REVIEW_WORDS, sample_words

BATCH_MEGABYTES = 20
# The texts are in memory, and a first call has created what is created once.
BATCH = """
import json, sys, time, foretell
model = foretell.load(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = [json.loads(line)["text"] for line in file]
model.predict_proba(texts[:1000])
start, processor = time.perf_counter(), time.process_time()
model.predict_proba(texts)
print(json.dumps({
    "seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor
}))
"""


class Taken(NamedTuple):
    """Of one run: seconds, seconds of all processors together, largest resident memory in bytes."""

    seconds: float
    processor_seconds: float
    memory: int


def review(number: int, words: list[str]) -> str:
    """Return a text of 200 words that begins with its number, so that every text differs."""
    start = 17 * number % (len(words) - REVIEW_WORDS)
    return " ".join([str(number), *words[start : start + REVIEW_WORDS - 1]])


def write_jsonl(path: Path, size: int, words: list[str]) -> int:
    """Write a file of about `size` bytes, one record a line; return how many records."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for number in itertools.count():
            if written >= size:
                return number
            written += file.write(json.dumps({"text": review(number, words)}) + "\n")
    raise AssertionError


def through_the_pipe(model: Path, source: Path, answers: Path) -> Taken:
    """Run `cat source | foretell classify model - > answers`; return the time and memory of foretell."""
    command = [*script(), "classify", str(model), "-", "--format", "jsonl"]
    with answers.open("wb") as out, source.open("rb") as records:
        start = time.perf_counter()
        # A pipe, not the file itself, which could be read twice.
        with subprocess.Popen(["cat"], stdin=records, stdout=subprocess.PIPE) as cat:
            process = subprocess.Popen(command, stdin=cat.stdout, stdout=out, env=environment())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"foretell classify failed with {process.returncode}")
    # The system counts at least the memory of the parent as the child's: this process stays small.
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Taken(seconds, usage.ru_utime + usage.ru_stime, memory)


def in_a_batch(model: Path, texts: Path) -> Taken:
    """Run `predict_proba` on a list of texts in a process of its own; return the time of that call."""
    figures = json.loads(run([sys.executable, "-c", BATCH, str(model), str(texts)]).stdout)
    return Taken(figures["seconds"], figures["processor_seconds"], 0)


def in_order(source: Path, answers: Path) -> bool:
    """Return whether there is one answer for each record, in the order of the records."""
    with source.open(encoding="utf-8") as records, answers.open(encoding="utf-8") as answered:
        pairs = itertools.zip_longest(_texts(records), _texts(answered))
        return all(text == answer for text, answer in pairs)


def _texts(lines: Iterator[str] | Any) -> Iterator[str]:
    return (json.loads(line)["text"] for line in lines)


def measure(results: Results, folder: Path, preset: str, sizes: list[int], repeats: int) -> None:
    """Show the batch, then the pipe at each size, for one preset."""
    words, model = sample_words(), folder / preset
    train("labels", "reviews", model, preset=preset, epochs=1)
    sources = {megabytes: folder / f"{megabytes}.jsonl" for megabytes in (BATCH_MEGABYTES, *sizes)}
    counts = {megabytes: write_jsonl(path, megabytes << 20, words) for megabytes, path in sources.items()}
    batch: list[Taken] = []
    pipe: dict[int, list[Taken]] = {megabytes: [] for megabytes in sizes}
    for _ in range(repeats):
        batch.append(in_a_batch(model, sources[BATCH_MEGABYTES]))
        for megabytes in sizes:
            pipe[megabytes].append(through_the_pipe(model, sources[megabytes], folder / "answers.jsonl"))
            if not in_order(sources[megabytes], folder / "answers.jsonl"):
                raise RuntimeError("expected the answers of the records in their order, found others")
    whole = _row(results, f"{preset}: predict_proba, a list", batch, counts[BATCH_MEGABYTES])
    for megabytes in sizes:
        _row(results, f"{preset}: pipe, {megabytes} MiB", pipe[megabytes], counts[megabytes], whole)


def _row(results: Results, name: str, taken: list[Taken], count: int, whole: float | None = None) -> float:
    """Show one row: the fastest run, and the largest memory. Return the texts per second."""
    rate = count / min(each.seconds for each in taken)
    processor = min(each.processor_seconds for each in taken) / count
    memory = max(each.memory for each in taken)
    results.add(
        name,
        f"{rate:,.0f} reviews/s",
        f"{100 * rate / whole:.0f} % (≥ 80)" if whole else "",
        f"{1e6 * processor:.0f} µs",
        f"{memory / 2**20:.0f} MiB" if memory else "",
        rate=rate, processor_seconds=processor, memory=memory,
    )  # fmt: skip
    return rate


def main() -> None:
    """Show the batch and the pipe for each preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--megabytes", type=int, nargs="+", default=[20, 200], help="sizes of the input in MiB"
    )
    parser.add_argument("--presets", nargs="+", default=["article", "base"], help="models to measure")
    parser.add_argument("--repeats", type=int, default=3, help="turns of batch and pipe (default: 3)")
    options = parser.parse_args()
    results = Results("pipe", ["what", "speed", "of the batch", "processor time per review", "memory"])
    with tempfile.TemporaryDirectory() as name:
        for preset in options.presets:
            measure(results, Path(name), preset, options.megabytes, options.repeats)


if __name__ == "__main__":
    main()
