"""A gigabyte of text through training's data side and through `score`: seconds, memory, and tokenising alone.

The network is tiny, so that reading, tokenising and storing are what is measured; a larger one decides the
time, and the memory stays.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.commands import foretell, run, train
from bench.record import OUT, Results
from bench.texts import write_text, zipf_text

TINY: dict[str, Any] = {"units": 8, "embedding_size": 8, "vocabulary": 200, "negatives": 64}

PARTS = (0.1, 0.3, 1.0)
"""Of the largest text: whether time is linear, and memory stays, shows over a decade."""


def read_only(path: Path, out: Path) -> None:
    """Train on `path` for one step and stop there: everything before the first step is the data side."""
    from foretell.config import WORDS_PRESETS, with_changes
    from foretell.data.corpus import open_corpus
    from foretell.errors import Interrupted
    from foretell.training.words.train import train_words

    settings = with_changes(WORDS_PRESETS["base"], {**TINY, "epochs": 1, "streams": 256})
    try:
        train_words(open_corpus(path), settings, out=out, stop_after_steps=1)
    except Interrupted:
        return


def tokenising(results: Results) -> None:
    """Show what one core tokenises, without anything else."""
    from foretell.text.line_encoder import LineEncoder
    from foretell.text.tokenizer import Tokenizer

    lines = zipf_text(4_000_000, words=50_000).splitlines()
    megabytes = sum(map(len, lines)) / 1e6
    tokenizer = Tokenizer.train(lines, "words", lowercase=False, vocabulary=30_000, min_count=1)
    encoder = LineEncoder(tokenizer)
    start = time.perf_counter()
    for first in range(0, len(lines), 10_000):
        encoder.encode("\n".join(lines[first : first + 10_000]) + "\n")
    seconds = time.perf_counter() - start
    rate = megabytes / seconds
    cells = f"{megabytes:.0f} MB", f"{seconds:.1f} s", f"{rate:.1f} MB/s", ""
    results.add("tokenising, one core", *cells, rate=rate)


def main() -> None:
    """Show tokenising, then both commands at each of `PARTS` of `--gigabytes`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the largest text")
    parser.add_argument("--read-only", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tokenise", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    results = Results("big_text", ["what", "text", "time", "speed", "peak memory"])
    if options.read_only:
        read_only(*options.read_only)
    elif options.tokenise:
        tokenising(results)
    else:
        all_of_it(results, options.gigabytes)


def all_of_it(results: Results, gigabytes: float) -> None:
    """Show tokenising on one core, then the commands by size."""
    one_core = run([sys.executable, "-m", __spec__.name, "--tokenise"], RAYON_NUM_THREADS="1")
    print(one_core.stdout, end="", flush=True)
    results.skip_head()
    with tempfile.TemporaryDirectory(dir=_big_folder()) as name:
        _commands(results, Path(name), gigabytes)


def _commands(results: Results, folder: Path, gigabytes: float) -> None:
    start = folder / "start.txt"
    start.write_text(zipf_text(200_000, words=50_000), encoding="utf-8")
    train("words", start, folder / "model", **TINY, epochs=1, min_steps=1)
    for part in PARTS:
        path = folder / "big.txt"
        write_text(path, round(part * gigabytes * 1e9))
        size = path.stat().st_size
        read = [sys.executable, "-m", __spec__.name, "--read-only", str(path), str(folder / "read")]
        for what, done in (
            ("train words, data side", run(read)),
            ("score", foretell("score", folder / "model", path)),
        ):
            cells = f"{size / 1e9:.2f} GB", f"{done.seconds:.0f} s", f"{size / 1e6 / done.seconds:.1f} MB/s"
            memory = f"{done.peak_memory / 1e9:.2f} GB"
            results.add(what, *cells, memory, seconds=done.seconds, bytes=size, peak=done.peak_memory)
        shutil.rmtree(folder / "read.run", ignore_errors=True)


def _big_folder() -> Path:
    # Not /tmp, which may be in memory.
    OUT.mkdir(parents=True, exist_ok=True)
    return OUT


if __name__ == "__main__":
    main()
