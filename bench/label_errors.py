"""`foretell data --check-labels` on public sets of which 5 % of the labels are made wrong at random.

Every wrong label is another label of the set, each with the same probability. Precision is the share of the
likely label errors that were made wrong, so errors that the set had before lower it; recall is the share of
the wrong labels that are found. Each cell is the mean of the seeds with its range. Of 5 % wrong labels a
random choice has a precision of 5 %.

python -m bench label_errors --sets TREC --seeds 1      one set, one seed
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

import foretell
from bench.data import FEW_LABELS, few_labels, labels_of, texts_of
from bench.harness import Results, archive, mean_and_range

SETS = ("TREC", "MR", "banking77")
SEEDS = (1, 2, 3)
RATE = 0.05
SURE = 0.9
"""The probability of the suggested label from which `--accept-above` accepts it here."""


@dataclass(frozen=True)
class Found:
    """What one check found.

    Attributes:
        precision, recall: of the likely label errors.
        first: precision of as many of them, the most likely first, as labels were made wrong.
        sure: precision of those whose suggested label has at least the probability `SURE`.
        sure_recall: their recall.
        suggested: share of the found wrong labels for which the right label is suggested.
        accuracy: out of fold, on the labels with errors.
        seconds: of the check.
    """

    precision: float
    recall: float
    first: float
    sure: float
    sure_recall: float
    suggested: float
    accuracy: float
    seconds: float


def main() -> None:
    """Show one row for each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=FEW_LABELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="(default: 1 2 3)")
    options = parser.parse_args()
    archive("few-labels.zip")
    columns = [
        "set", "texts", "labels", "accuracy out of fold", "precision", "recall", "precision of the first",
        f"precision from {SURE}", f"recall from {SURE}", "right label suggested", "seconds",
    ]  # fmt: skip
    results = Results("label_errors", columns)
    for name in options.sets:
        records = few_labels(name).train
        texts, labels = texts_of(records), labels_of(records)
        found = [measure(texts, labels, seed) for seed in options.seeds]
        keys = ("accuracy", "precision", "recall", "first", "sure", "sure_recall", "suggested")
        cells = [mean_and_range([getattr(each, key) for each in found], ".1%") for key in keys]
        seconds = mean_and_range([each.seconds for each in found], ".0f")
        results.add(name, len(texts), len(set(labels)), *cells, seconds)


def flipped(labels: list[str], seed: int) -> tuple[list[str], set[int]]:
    """Return labels of which 5 % are made wrong, and the places of these."""
    rng = random.Random(seed)
    names = sorted(set(labels))
    places = set(rng.sample(range(len(labels)), round(RATE * len(labels))))
    wrong = list(labels)
    for place in sorted(places):
        wrong[place] = rng.choice([name for name in names if name != labels[place]])
    return wrong, places


def measure(texts: list[str], labels: list[str], seed: int) -> Found:
    """Make labels wrong, check them, and count what is found."""
    given, places = flipped(labels, seed)
    start = time.perf_counter()
    check = foretell.survey(texts, given, check_labels=True).label_check
    seconds = time.perf_counter() - start
    assert check is not None
    # Rows are numbers of records, from 1.
    errors = [(each, each.row - 1) for each in check.errors]
    sure = [place for each, place in errors if each.suggested_probability >= SURE]
    every = [place for _, place in errors]
    right = [each.suggested == labels[place] for each, place in errors if place in places]
    return Found(
        precision=_share(every, places),
        recall=len(places.intersection(every)) / len(places),
        first=_share(every[: len(places)], places),
        sure=_share(sure, places),
        sure_recall=len(places.intersection(sure)) / len(places),
        suggested=sum(right) / max(len(right), 1),
        accuracy=check.accuracy,
        seconds=seconds,
    )


def _share(found: list[int], places: set[int]) -> float:
    return len(places.intersection(found)) / max(len(found), 1)


if __name__ == "__main__":
    main()
