"""`train words --cluster` with two workers of one core each, beside one worker of one core, in
turns.

Each reads the same words: the first reviews of IMDB, once. Words/s are those between the first and
the last line of the log, without the start of Ray and of TensorFlow; the share is of twice the one
worker of the same turn, since the speed of a shared machine changes. Linux only.

python -m bench averaging --words 600000 --repeats 3 --every 32
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from bench.data import imdb, texts_of
from bench.harness import Results, mean_and_range, parser_of, run, script

_THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def main() -> None:
    """Train with one worker and with two in turns, and add a row for each."""
    parser = parser_of(__doc__)
    parser.add_argument("--words", type=int, default=600_000, help="of the training text")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--every", type=int, default=32, help="steps between two averages")
    options = parser.parse_args()
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="foretell-bench-") as folder:
        text, valid = written(Path(folder), options)
        for turn in range(options.repeats):
            for workers in (1, 2) if turn % 2 == 0 else (2, 1):
                out = Path(folder) / f"{workers}-{turn}"
                found[workers].append(trained(text, valid, out, workers, options.every))
    results = Results(
        "averaging", ["workers", "words/s", "of as many times one worker", "perplexity"]
    )
    for workers, runs in found.items():
        rates, perplexities = zip(*runs, strict=True)
        shares = [rate / (workers * one) for rate, (one, _) in zip(rates, found[1], strict=True)]
        forms = ((rates, ",.0f"), (shares, ".0%"), (perplexities, ".1f"))
        cells = (mean_and_range(*each) for each in forms)
        results.add(workers, *cells, rates=rates, shares=shares, perplexities=perplexities)


def written(folder: Path, options: argparse.Namespace) -> tuple[Path, Path]:
    """Write the training text and the validation text, a tenth as long."""
    texts = iter(texts_of(imdb("train")))
    paths = folder / "text.txt", folder / "valid.txt"
    for path, words in zip(paths, (options.words, options.words // 10), strict=True):
        with path.open("w", encoding="utf-8") as file:
            while words > 0 and (text := next(texts, None)) is not None:
                words -= len(text.split())
                file.write(" ".join(text.split()) + "\n")
    return paths


def trained(text: Path, valid: Path, out: Path, workers: int, every: int) -> tuple[float, float]:
    """Train for one epoch, and return words/s and the perplexity of the network."""
    command = [
        *script(),
        "train",
        "words",
        str(text),
        "--valid",
        str(valid),
        "--out",
        str(out),
        "--json",
    ]
    command += ["--epochs", "1", "--min-steps", "1", "--no-kneser-ney", "--no-baseline"]
    if workers > 1:
        command += ["--cluster", "local", "--workers", str(workers), "--average-every", str(every)]
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:workers]))
    # A worker has one thread; the command has as many as it has workers, and computes while they
    # wait.
    threads = {} if workers > 1 else dict.fromkeys(_THREADS, "1")
    metrics = json.loads(run(["taskset", "-c", cores, *command], threads).stdout.splitlines()[-1])
    log = (out / "run" / "metrics.jsonl").read_text(encoding="utf-8")
    steps = map(json.loads, log.splitlines())
    lines = [line for line in steps if "valid_loss" not in line]
    first = lines[len(lines) // 10]
    last = lines[-1]
    words_a_step = metrics["words"] / metrics["steps"]
    rate = (last["step"] - first["step"]) * words_a_step / (last["time"] - first["time"])
    return rate, metrics["perplexity"]


if __name__ == "__main__":
    main()
