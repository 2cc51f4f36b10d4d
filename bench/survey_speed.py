"""Speed of `foretell data` without the check of the labels, on long and on short texts.

IMDB's training reviews (1,300 characters each) and the training parts of the sets in few-labels.zip (70
characters each), as CSV files. The survey runs on one core. The speed is that of the fastest turn, of the
whole command but the start of Python; processor time is shown too, for machines that have other work.

python -m bench survey_speed --turns 1
"""

from __future__ import annotations

import argparse
import time

import foretell
from bench.record import OUT, Results
from bench.records import FEW_LABELS, few_labels, imdb, write_csv
from bench.requirements import archive

TURNS = 5


def main() -> None:
    """Show one row for each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=TURNS, help=f"(default: {TURNS})")
    options = parser.parse_args()
    archive("few-labels.zip")
    short = [record for name in FEW_LABELS for record in few_labels(name).train]
    folder = OUT / "survey_speed"
    folder.mkdir(parents=True, exist_ok=True)
    results = Results("survey_speed", ["file", "texts", "MB", "MB/s", "MB per processor second"])
    for name, records in (("imdb", imdb("train")), ("short", short)):
        path = folder / f"{name}.csv"
        write_csv(path, records)
        size = path.stat().st_size / 1e6
        seconds = []
        for _ in range(options.turns):
            wall, processor = time.perf_counter(), time.process_time()
            found = foretell.survey(path)
            seconds.append((time.perf_counter() - wall, time.process_time() - processor))
        walls, processors = zip(*seconds, strict=True)
        speeds = [f"{size / min(each):.1f}" for each in (walls, processors)]
        results.add(name, found.texts, f"{size:.1f}", *speeds, seconds=seconds)


if __name__ == "__main__":
    main()
