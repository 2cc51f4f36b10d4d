"""`foretell train labels`, the whole command, beside fastText's training: seconds on TREC's
questions.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from bench.classifiers import fasttext
from bench.data import few_labels, write_csv
from bench.harness import Results, Way, foretell, in_turns, mean_and_range

SIZES = (300, 1_000, 3_000)


def main() -> None:
    """Show one row for each system and number of questions."""
    ways = {f"foretell, {size:,}": Way("foretell", partial(_foretell, size)) for size in SIZES}
    ways |= {f"fastText, {size:,}": Way("fasttext", partial(_fasttext, size)) for size in SIZES}
    results = Results("first_model", ["system, questions", "seconds"])
    for name, seconds in in_turns("bench.first_model", __doc__, ways).items():
        results.add(name, mean_and_range(seconds, ".1f"), seconds=seconds)


def _foretell(size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train.csv"
        write_csv(data, few_labels("TREC").train[:size])
        return foretell("train", "labels", data, "--out", Path(folder) / "model").seconds


def _fasttext(size: int) -> float:
    records = few_labels("TREC").train[:size]
    began = time.perf_counter()
    fasttext(records, [], 1, ngrams=2, rate=0.5, epochs=25, buckets=2_000_000)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
