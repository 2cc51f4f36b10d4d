"""JSON Lines classified by two workers on Ray, beside one single-threaded process: speed and
memory.

Both read rows of the same kind with the same model and write JSON Lines. The one process is the
command without `--cluster`, with one thread. Its speed does not depend on the length of the file,
so that it reads a part. The start of the cluster is shown apart. Memory is the proportional set
size (PSS) of the driver and the workers together; that of Ray's own processes is beside it. Linux
only.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.harness import Results, parser_of, run, script, train
from foretell.cluster.files import classify_files
from foretell.data.examples import read_examples

ALONE = 50
"""Megabytes for the one process."""

# One thread in every library, as a worker has.
_ONE_THREAD = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass
class Memory:
    """The largest PSS in bytes of driver and workers, and of Ray's own processes."""

    own: int = 0
    ray: int = 0


def main() -> None:
    """Measure, and add a row for each run."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--megabytes", type=int, nargs="+", default=[250, 1000], help="sizes of the file"
    )
    options = parser.parse_args()
    columns = ["run", "MB", "rows", "rows/s", "of twice one process", "start", "PSS", "PSS of Ray"]
    results = Results("cluster", columns)
    with tempfile.TemporaryDirectory(prefix="foretell-bench-") as folder:
        model = Path(folder) / "model"
        train("labels", "reviews", model, preset="quick")
        part = written(Path(folder) / "part.jsonl", ALONE)
        before = alone(model, part)
        for megabytes in options.megabytes:
            with_workers(results, model, Path(folder), megabytes, before)
        # Once more at the end: the speed of a shared machine changes.
        after = alone(model, part)
        for name, speed in (("one process, before", before), ("one process, after", after)):
            results.add(name, ALONE, "", f"{speed:,.0f}", "", "", "", "", speed=speed)


def written(path: Path, megabytes: int) -> Path:
    """Write the sample reviews over and over, each with a number, up to a size."""
    texts = read_examples("reviews").texts
    size = 0
    number = 0
    with path.open("wb") as file:
        while size < megabytes * 1_000_000:
            record = {"id": number, "text": texts[number % len(texts)]}
            size += file.write(json.dumps(record).encode() + b"\n")
            number += 1
    return path


def alone(model: Path, path: Path) -> float:
    """Return the rows/s of one single-threaded process: the command without `--cluster`."""
    command = [*script(), "classify", str(model), str(path), "--format", "jsonl"]
    done = run(command, _ONE_THREAD)
    return done.stdout.count("\n") / done.seconds


def with_workers(results: Results, model: Path, folder: Path, megabytes: int, one: float) -> None:
    """Measure two workers on a file of this size."""
    path = written(folder / "in.jsonl", megabytes)
    with measured() as memory, tempfile.TemporaryDirectory(dir=folder) as out:
        began = time.monotonic()
        report = classify_files(model, path, out=Path(out) / "answers", cluster="local", workers=2)
        start = time.monotonic() - began - report.seconds
    path.unlink()
    results.add(
        "two workers",
        megabytes,
        f"{report.rows:,}",
        f"{report.rows_per_second:,.0f}",
        f"{report.rows_per_second / (2 * one):.0%}",
        f"{start:.1f} s",
        f"{memory.own / 1e6:,.0f} MB",
        f"{memory.ray / 1e6:,.0f} MB",
        **asdict(report),
        one_process=one,
    )


@contextmanager
def measured() -> Iterator[Memory]:
    """Watch the memory of this process and of those below it while the context is open."""
    memory = Memory()
    ended = threading.Event()
    here = psutil.Process()

    def watch() -> None:
        while not ended.wait(0.5):
            own = ray = 0
            for process in (here, *here.children(recursive=True)):
                with suppress(psutil.Error):
                    pss = process.memory_full_info().pss
                    is_worker = " ".join(process.cmdline()).startswith("ray::Worker")
                    own, ray = (
                        (own + pss, ray) if process == here or is_worker else (own, ray + pss)
                    )
            memory.own, memory.ray = max(memory.own, own), max(memory.ray, ray)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


if __name__ == "__main__":
    main()
