"""A classifier that is continued with a second month of examples: accuracy on old and on new data.

The records of a training part are shuffled by `random.Random(SEED)`. "same": two months of N records each, of
the same labels. "new labels": half of the labels, drawn with SEED, occur in the first month only, the others
in the second only. Both are measured on records that are in neither month; test parts are left alone.

| column | what is trained |
|---|---|
| new alone | on the second month only |
| continued | the model of the first month is continued with the second; the old examples are gone |
| continued, with old | the same, with the old examples |
| all | on both months, from the start |

python -m bench continuing --sets TREC --seeds 3               one set, one draw, in a minute
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.commands import environment
from bench.record import Results, mean_and_range
from bench.records import FEW_LABELS, Records, accuracy, few_labels, labels_of, texts_of
from bench.requirements import archive

SAME, NEW_LABELS = "same", "new labels"
KINDS = (SAME, NEW_LABELS)
SYSTEMS = ("new alone", "continued", "continued, with old", "all")
MAX_MEASURED = 1_000


@dataclass(frozen=True)
class Months:
    """Two months of records, and other records like those of each to measure on."""

    old: Records
    new: Records
    old_test: Records
    new_test: Records


def main() -> None:
    """Show one row for each set and kind of months."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=["TREC", "CR", "thucnews"], choices=FEW_LABELS)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--size", type=int, default=400, help="records of a month (default: 400)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 4, 5])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    options = parser.parse_args()
    archive("few-labels.zip")
    results = Results("continuing", ["set", "months", "old model, old data", *_columns(options.systems)])
    for name in options.sets:
        records = few_labels(name).train
        for kind in options.kinds:
            if kind == NEW_LABELS and len(set(labels_of(records))) < 4:
                continue
            draws = [
                _measured(two_months(records, kind, options.size, seed), options, seed, name)
                for seed in options.seeds
            ]
            cells = [mean_and_range([draw[column] for draw in draws], ".1%") for column in draws[0]]
            results.add(name, kind, *cells, draws=draws)


def _columns(systems: Sequence[str]) -> list[str]:
    return [f"{system}: {part}" for system in systems for part in ("old", "new")]


def two_months(records: Records, kind: str, size: int, seed: int) -> Months:
    """Return two months of `size` records, as the module's docstring describes."""
    shuffled = records.copy()
    random.Random(seed).shuffle(shuffled)
    if kind == SAME:
        rest = shuffled[2 * size :][:MAX_MEASURED]
        return Months(shuffled[:size], shuffled[size : 2 * size], rest, rest)
    labels = sorted(set(labels_of(records)))
    random.Random(seed).shuffle(labels)
    first = set(labels[: (len(labels) + 1) // 2])
    old = [record for record in shuffled if record[1] in first]
    new = [record for record in shuffled if record[1] not in first]
    return Months(old[:size], new[:size], old[size:][:MAX_MEASURED], new[size:][:MAX_MEASURED])


def _measured(months: Months, asked: argparse.Namespace, seed: int, name: str) -> dict[str, float]:
    """Return the accuracies by column."""
    import os

    os.environ.update(environment())
    from foretell import TextClassifier

    def trained(records: Records, **more: Any) -> Any:
        clf = TextClassifier(seed=seed) if more else TextClassifier(asked.preset, seed=seed)
        return clf.fit(texts_of(records), labels_of(records), **more)

    began = time.perf_counter()
    warnings.simplefilter("ignore")
    first = trained(months.old)
    found = {"old model, old data": _accuracy(first, months.old_test)}
    old = texts_of(months.old), labels_of(months.old)
    both = months.old + months.new
    made: dict[str, tuple[Records, dict[str, Any]]] = {
        "new alone": (months.new, {}),
        "continued": (months.new, {"continue_from": first}),
        "continued, with old": (months.new, {"continue_from": first, "old": old}),
        "all": (both, {}),
    }
    for system in asked.systems:
        records, more = made[system]
        clf = trained(records, **more)
        found[f"{system}: old"] = _accuracy(clf, months.old_test)
        found[f"{system}: new"] = _accuracy(clf, months.new_test)
    shown = ", ".join(f"{column} {value:.1%}" for column, value in found.items())
    print(f"{name}, draw {seed}: {shown}, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return found


def _accuracy(clf: Any, records: Records) -> float:
    return accuracy(clf.predict(texts_of(records)), records)


if __name__ == "__main__":
    main()
