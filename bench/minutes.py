"""What `--minutes` gives on IMDB with its unlabelled reviews: the preset it selects, time, test accuracy."""

from __future__ import annotations

import argparse

from bench.imdb_presets import train_and_test
from bench.record import Results


def main() -> None:
    """Train once within each limit; the test set is read once for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 3, 10, 30], help="time limits")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = Results("minutes", ["--minutes", "preset that is selected", "seconds", "test accuracy"])
    for minutes in options.minutes:
        limit = f"{minutes:g}"
        arguments = "--minutes", limit, "--seed", str(options.seed)
        trained, tested = train_and_test(f"minutes-{limit}", *arguments)
        cells = trained["preset"], f"{trained['command']:.0f}", f"{tested['accuracy']:.2%}"
        results.add(limit, *cells, trained=trained, tested=tested["accuracy"])


if __name__ == "__main__":
    main()
