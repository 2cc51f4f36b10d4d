"""Time from a key to the answer on the page, in Chromium: next words and labels, by the length of the text.

The measurement is that of tests/service/test_page_typing.py, whose figures are shown here. Needs Chromium.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

from bench.commands import run
from bench.record import Results
from bench.requirements import require

TESTS = "tests/service/test_page_typing.py"
_TEST = re.compile(r"::test_(\w+?)_within_100_ms_of_a_key\[(\d+)\]")
_FIGURES = re.compile(r"median (\d+) ms, slowest (\d+) ms")


def main() -> None:
    """Run the tests and show their figures."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    require(("playwright",))
    command = [sys.executable, "-m", "pytest", TESTS, "-k", "100_ms", "-p", "no:xdist", "-rs"]
    done = run([*command, "--log-cli-level=INFO"])
    results, rows = Results("page", ["what", "words before the key", "median", "slowest"]), 0
    for what, words, median, slowest in figures(done.stdout):
        results.add(what, words, f"{median} ms", f"{slowest} ms", milliseconds=(median, slowest))
        rows += 1
    if not rows:
        raise SystemExit(f"expected the figures of {TESTS}, found none:\n{done.stdout[-2000:]}")


def figures(log: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield what was measured, the words before the key, and the median and slowest milliseconds."""
    what, words = "", 0
    for line in log.splitlines():
        if test := _TEST.search(line):
            what, words = test[1].replace("_", " "), int(test[2])
        if times := _FIGURES.search(line):
            yield what, words, int(times[1]), int(times[2])


if __name__ == "__main__":
    main()
