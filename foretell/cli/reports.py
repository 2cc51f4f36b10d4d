"""The report of `evaluate`, for people and as CSV; the names of metrics are those of
`metrics.shown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foretell.cli.output import Format, aligned, listed, write_report
from foretell.metrics.shown import (
    by_f1,
    column_name,
    ends_text,
    majority_of,
    method_text,
    name_of,
    shown_value,
    with_ends,
)
from foretell.readable import excerpt, isolated, on_one_line, percent

Report = dict[str, Any]
"""What `evaluation_report` or `multi_label_report` of `foretell.runtime.labels` returns."""

Row = tuple[object, ...]

MAX_CONFUSION = 12
"""Labels up to which the confusion matrix is shown; of more, the pairs confused most often."""

MAX_LABELS = 30
"""Labels up to which all are shown; of more, those with the lowest F1."""

_HEAD = (
    *("accuracy", "balanced_accuracy", "micro_f1", "macro_f1"),
    *("hamming_loss", "calibration_error", "log_loss"),
)
"""The metrics of all texts: as many of these as a report has."""

_OF_TEXTS = ("precision", "recall", "f1")
_PER_LABEL = (*_OF_TEXTS, "support", "threshold")

_THRESHOLDS = {
    "chosen": "lowest cost on this data",
    "by_probability": "fp / (fp + fn)",
    "at_half": "default (0.5)",
}


def write_labels_report(report: Report, format: Format) -> None:
    """Write an evaluation report.

    Text and jsonl have all of it; csv has one row for each label, or with slices one for each
    value, without the intervals.
    """
    if "slices" in report:
        first = report["slices"]["column"]
        rows = [{first: row["value"], **row} for row in report["slices"]["values"]]
        columns = [first, "texts", *(key for key in _HEAD if key in report)]
    else:
        rows = [{"label": name, **row} for name, row in report["labels"].items()]
        columns = list(rows[0])
    write_report(format, report, labels_text(report), columns, rows)


def labels_text(report: Report) -> str:
    """Return an evaluation report for people."""
    intervals = report.get("intervals", {})
    head: list[tuple[str, object]] = [
        (key.replace("_", " "), report[key]) for key in ("measured_on", "texts") if key in report
    ]
    head += [
        (name_of(key, report), with_ends(key, report[key], intervals.get(key)))
        for key in _HEAD
        if report.get(key) is not None
    ]
    warning = majority_of(report)
    blocks = [listed(head), f"{on_one_line(warning)}." if warning else ""]
    if unknown := report.get("unknown_labels"):
        names = ", ".join(isolated(on_one_line(label)) for label in unknown)
        blocks.append(f"The model lacks these labels of the data: {names}.")
    if slices := report.get("slices"):
        keys = ["texts", *(key for key in _HEAD if key in report)]
        rows = ((row["value"], row, row.get("intervals", {})) for row in slices["values"])
        blocks.append(_table(slices["column"], keys, "accuracy", rows))
    blocks.append(_by_label(report))
    blocks.append(_confusion(report))
    blocks.append(_mistakes(report.get("mistakes")))
    if "coverage" in report:
        keys = ["coverage", "accuracy"]
        # The threshold is what --abstain-below takes, digit for digit.
        lines = [
            (f"{row['threshold']:g}", *(percent(row[key]) for key in keys))
            for row in report["coverage"]
        ]
        blocks.append(aligned([("abstain below", *keys), *lines]))
    if "threshold" in report:
        blocks.append(_threshold(report["threshold"]))
    if "interval_method" in report:
        blocks.append(method_text(report))
    return "\n\n".join(filter(None, blocks))


def _by_label(report: Report) -> str:
    """Return a row for each label; of many labels for those with the lowest F1 that have texts."""
    labels = report["labels"]
    of_labels = report.get("intervals", {}).get("labels", {})
    keys = [key for key in _PER_LABEL if key in next(iter(labels.values()))]
    shown = list(labels)
    title = ""
    if len(shown) > MAX_LABELS:
        there = by_f1(labels)
        shown = there[:MAX_LABELS]
        title = (
            f"{len(labels):,} labels, {len(there):,} of them in this data. The {len(shown)} with "
            f"the lowest F1 (--format csv has all):\n"
        )
    rows = ((name, labels[name], of_labels.get(name, {})) for name in shown)
    return title + _table("label", keys, "f1", rows)


def _confusion(report: Report) -> str:
    """Return the confusion matrix, or of many labels the pairs that are confused most often."""
    if "confusion" not in report:
        return ""
    names = report["confusion"]["names"]
    if len(names) <= MAX_CONFUSION:
        counts = zip(names, report["confusion"]["counts"], strict=True)
        lines = [(name, *map(int, row)) for name, row in counts]
        return aligned([("true \\ predicted", *names), *lines])
    pairs = [(row["label"], row["predicted"], row["texts"]) for row in report["confused"]["pairs"]]
    if not pairs:
        return ""
    table = aligned([("true", "predicted", "texts"), *pairs])
    return f"Pairs of labels that are confused most often:\n{table}"


def _mistakes(mistakes: Sequence[Report] | None) -> str:
    if not mistakes:
        return ""
    rows: list[Row] = [("true", "predicted", "probability", "text")]
    for mistake in mistakes:
        answer = (mistake["label"], mistake["predicted"], f"{mistake['probability']:.2f}")
        rows.append((*answer, excerpt(mistake["text"])))
    return f"Wrong answers, the most probable ones first:\n{aligned(rows)}"


def _table(
    first: str, keys: Sequence[str], ends: str, rows: Iterable[tuple[object, Report, Report]]
) -> str:
    """Return a row for each name with its metrics and their intervals; one of these is shown.

    Args:
        first: the title of the names.
        keys: of the metrics.
        ends: of the metric whose interval is shown, where there is one.
    """
    lines = [
        (
            name,
            *(_shown(key, row) for key in keys),
            ends_text(ends, intervals.get(ends)),
        )
        for name, row, intervals in rows
    ]
    return aligned([(first, *map(column_name, keys), f"interval of {column_name(ends)}"), *lines])


def _shown(key: str, row: Report) -> str:
    """Return a metric for people; a label without texts has none."""
    if row.get("support") == 0 and key in _OF_TEXTS:
        return "–"
    return shown_value(key, row[key]) or ""


def _threshold(report: Report) -> str:
    head = (
        f"threshold of '{report['positive']}'",
        "",
        "cost per text",
        "false positives",
        "false negatives",
    )
    keys = ("threshold", "cost", "false_positives", "false_negatives")
    rows = [(name, *(report[key][each] for each in keys)) for key, name in _THRESHOLDS.items()]
    note = "The threshold was chosen on this data: expect a higher cost on new texts."
    return f"{aligned([head, *rows])}\n{note}"


_MODELS = {
    "network": "network",
    "kneser_ney": "Kneser–Ney model",
    "both": "both",
    "cache": "both, cache",
}


def suggestions_text(report: Report | None) -> str:
    """Return how each part of a language model suggests the next word, for people; "" where it does
    not.
    """
    if not report:
        return ""
    rows: list[Row] = [("next word", "first suggestion", "among three", "keystrokes saved")]
    for name, metrics in report["models"].items():
        ends = metrics["intervals"].items()
        rows.append(
            (_MODELS[name], *(with_ends("accuracy", metrics[key], each) for key, each in ends))
        )
    how = report["interval_method"]
    return (
        f"{aligned(rows)}\nOn the first {report['positions']:,} tokens; the cache holds "
        f"{report['cache_words']:,} words. In brackets: {100 * how['level']:g} % confidence, by "
        f"the {how['name']}."
    )
