"""The article's closing hint, a convolution before the LSTM, beside the article's own network."""

from __future__ import annotations

import argparse
import statistics

from bench.imdb import measured
from bench.record import Results


def main() -> None:
    """Show the test accuracy of both presets for each seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to N (default: 3)")
    parser.add_argument("--fresh", action="store_true", help="train again where figures are kept")
    options = parser.parse_args()
    results = Results("cnn_lstm", ["seed", "article", "seconds", "cnn-lstm", "seconds of cnn-lstm"])
    rows = []
    for seed in range(1, options.seeds + 1):
        article, cnn = (measured(preset, seed, fresh=options.fresh) for preset in ("article", "cnn-lstm"))
        rows.append((article["accuracy"], article["seconds"], cnn["accuracy"], cnn["seconds"]))
        results.add(seed, *_cells(rows[-1]), figures=rows[-1])
    if rows:
        means = tuple(statistics.mean(column) for column in zip(*rows, strict=True))
        results.add("mean", *_cells(means), figures=means)


def _cells(row: tuple[float, ...]) -> list[str]:
    return [f"{row[0]:.2%}", f"{row[1]:.0f}", f"{row[2]:.2%}", f"{row[3]:.0f}"]


if __name__ == "__main__":
    main()
