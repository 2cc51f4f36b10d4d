"""The report of `evaluate` for a classifier whose texts may have several labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from foretell.arrays import Array
from foretell.data.examples import Column, Examples
from foretell.errors import DataError, UsageError
from foretell.metrics.bootstrap import method
from foretell.metrics.multi_label import DEFAULT_THRESHOLD, multi_label_figures, multi_label_intervals
from foretell.runtime.labels.classifier import LabelsRuntime

HEAD = ("accuracy", "micro_f1", "macro_f1", "hamming_loss", "log_loss", "calibration_error")
"""The figures that are one number; `accuracy` is the subset accuracy."""


def multi_label_report(
    runtime: LabelsRuntime, examples: Examples, probabilities: Array, *, by: Column | None = None
) -> dict[str, Any]:
    """Return the figures on texts with labels, with confidence intervals.

    Args:
        runtime: the classifier.
        examples: the texts with their labels. Labels that the model lacks are added at the end: it never
            gives them, and each text that has one counts as wrong.
        probabilities: [text, label], the answers, columns as in `runtime.labels`.
        by: a value for each text: adds the figures of each value's texts.

    Returns:
        `texts`, what `multi_label_figures` gives, `unknown_labels`, `intervals`, `interval_method`, and with
        `by` `slices`.

    Raises:
        DataError: no texts.
    """
    sets = examples.sets
    if sets is None or not len(examples):
        raise DataError(expected="at least one text with known labels", found="none")
    others = sets.others(runtime.labels)
    names = [*runtime.labels, *others]
    targets = sets.aligned(names)
    rows = np.pad(probabilities, ((0, 0), (0, len(others))))
    decided = np.pad(runtime.decide(probabilities), ((0, 0), (0, len(others))))
    thresholds = (*_thresholds(runtime), *[DEFAULT_THRESHOLD] * len(others))
    report: dict[str, Any] = {
        "texts": len(examples),
        **multi_label_figures(targets, decided, rows, names, thresholds),
        "unknown_labels": others,
        "interval_method": method(),
        "intervals": multi_label_intervals(targets, decided, names),
    }
    if by is not None:
        values = np.array(by.values)
        counts = Counter(by.values)
        report["slices"] = {
            "column": by.name,
            "values": [
                _slice(value, values == value, targets, decided, rows, names, thresholds)
                for value in sorted(counts, key=lambda value: (-counts[value], value))
            ],
        }
    return report


def check_no_costs(costs: object, folds: object) -> None:
    """Raise UsageError where costs or folds are given, which need one label for each text."""
    for name, given in (("cost", costs), ("folds", folds)):
        if given is not None:
            raise UsageError(
                expected=f"no {name} where texts may have several labels", found=name, fix=f"leave out {name}"
            )


def _slice(
    value: str, chosen: Array, targets: Array, decided: Array, rows: Array, names: list[str], thresholds: Any
) -> dict[str, Any]:
    """Return the figures that are one number, for some of the texts."""
    found = multi_label_figures(targets[chosen], decided[chosen], rows[chosen], names, thresholds)
    intervals = multi_label_intervals(targets[chosen], decided[chosen], names)
    return {
        "value": value,
        "texts": int(chosen.sum()),
        **{key: found[key] for key in HEAD},
        "intervals": {key: intervals.get(key) for key in HEAD},
    }


def _thresholds(runtime: LabelsRuntime) -> tuple[float, ...]:
    return getattr(runtime.model.ensemble, "thresholds", (DEFAULT_THRESHOLD,) * len(runtime.labels))
