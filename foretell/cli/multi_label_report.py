"""The report of `evaluate` for a classifier whose texts may have several labels."""

from __future__ import annotations

from typing import Any

from foretell.cli.labels_report import interval_text
from foretell.cli.output import Format, Writer, aligned, listed, on_one_line
from foretell.readable import percent

Report = dict[str, Any]
"""The figures of `foretell.runtime.labels.multi_label_evaluation.multi_label_report`."""

_PER_LABEL = ("precision", "recall", "f1", "support", "unknown", "threshold", "log_loss")
_HEAD = {
    "accuracy": ("subset accuracy", percent),
    "micro_f1": ("micro F1", "{:.4f}".format),
    "macro_f1": ("macro F1", "{:.4f}".format),
    "hamming_loss": ("Hamming loss", percent),
    "log_loss": ("log loss per label", "{:.4f}".format),
    "calibration_error": ("calibration error", percent),
}


def write_multi_label_report(report: Report, format: Format) -> None:
    """Write an evaluation report: text and jsonl have all of it, csv a row for each label, or each slice."""
    if format in ("text", "jsonl"):
        Writer(format, ()).write(report, multi_label_text(report))
        return
    if "slices" in report:
        column = report["slices"]["column"]
        writer = Writer(format, (column, "texts", *_HEAD))
        for row in report["slices"]["values"]:
            writer.write({column: row["value"], **{key: row[key] for key in ("texts", *_HEAD)}}, "")
        return
    intervals = report["intervals"]["labels"]
    writer = Writer(format, ("label", *_PER_LABEL, "f1_low", "f1_high"))
    for label, row in report["labels"].items():
        low, high = intervals[label]["f1"] or ("", "")
        writer.write({"label": label, **row, "f1_low": low, "f1_high": high}, "")


def multi_label_text(report: Report) -> str:
    """Return an evaluation report for people."""
    intervals = report["intervals"]
    head: list[tuple[str, object]] = [("texts", report["texts"])]
    for key, (name, shown) in _HEAD.items():
        ends = intervals.get(key)
        head.append((name, shown(report[key]) + (f"  ({interval_text(ends, shown)})" if ends else "")))
    blocks = [listed(head)]
    if report["unknown_labels"]:
        blocks.append(
            "The model lacks these labels of the data: "
            f"{', '.join(map(on_one_line, report['unknown_labels']))}."
        )
    if "slices" in report:
        slices = report["slices"]
        rows = [
            (row["value"], row["texts"], *(_HEAD[key][1](row[key]) for key in _HEAD))
            for row in slices["values"]
        ]
        blocks.append(aligned([(slices["column"], "texts", *(name for name, _ in _HEAD.values())), *rows]))
    columns = ("precision", "recall", "f1", "support", "threshold")
    rows = [
        (name, *(row[column] for column in columns), interval_text(intervals["labels"][name]["f1"]))
        for name, row in report["labels"].items()
    ]
    blocks.append(aligned([("label", *columns, "interval of f1"), *rows]))
    how = report["interval_method"]
    blocks.append(
        f"In brackets and as intervals: {100 * how['level']:g} % confidence, by the {how['name']} "
        f"({how['resamples']:,} resamples, seed {how['seed']}). A text gets each label whose probability is "
        "at least its threshold."
    )
    return "\n\n".join(blocks)
