"""The report of `evaluate` for a classifier, as text, JSON Lines and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foretell.cli.output import Format, Writer, aligned, listed, on_one_line
from foretell.data.checks import MAJORITY_SHARE
from foretell.readable import percent

MAX_CONFUSION = 12
"""Labels up to which the confusion matrix is shown."""

Report = dict[str, Any]
"""The figures of `foretell.runtime.labels.evaluation.evaluation_report`."""

_PER_LABEL = ("precision", "recall", "f1", "support")
_OF_SLICE = ("accuracy", "macro_f1", "calibration_error", "log_loss")
_ENDS = ("low", "high")


def write_labels_report(report: Report, format: Format) -> None:
    """Write an evaluation report.

    Text and jsonl have all of it; csv has one row for each label, or with slices one for each value.
    """
    if format in ("text", "jsonl"):
        Writer(format, ()).write(report, labels_text(report))
        return
    if "slices" in report:
        _write_slices(report["slices"], format)
        return
    intervals = report["intervals"]["labels"]
    measured = _PER_LABEL[:3]
    writer = Writer(format, ("label", *_PER_LABEL, *_with_ends(measured)))
    for label, row in report["labels"].items():
        writer.write({"label": label, **row, **_ends(intervals[label], measured)}, "")


def labels_text(report: Report) -> str:
    """Return an evaluation report for people."""
    intervals = report.get("intervals", {})
    head = [
        *([("measured on", report["measured_on"])] if "measured_on" in report else []),
        ("texts", report["texts"]),
        ("accuracy", percent(report["accuracy"]) + _between(intervals.get("accuracy"), percent)),
        ("macro F1", f"{report['macro_f1']:.4f}" + _between(intervals.get("macro_f1"))),
        *_macro_figures(report["labels"]),
    ]
    if "calibration_error" in report:
        ends = intervals.get("calibration_error")
        head.append(("calibration error", percent(report["calibration_error"]) + _between(ends, percent)))
    if report.get("log_loss") is not None:
        head.append(("log loss", f"{report['log_loss']:.4f}" + _between(intervals.get("log_loss"))))
    blocks = [listed(head), *_majority(report["labels"])]
    if "slices" in report:
        blocks.append(aligned(_slices(report["slices"])))
    blocks.append(aligned(_per_label(report["labels"], intervals.get("labels"))))
    if len(report["confusion"]["names"]) <= MAX_CONFUSION:
        blocks.append(aligned(_confusion(report["confusion"])))
    if "coverage" in report:
        blocks.append(aligned(_coverage(report["coverage"], intervals.get("coverage"))))
    if "threshold" in report:
        blocks.append(_threshold(report["threshold"]))
    if "interval_method" in report:
        blocks.append(_method(report["interval_method"]) + _without_error(report))
    return "\n\n".join(blocks)


def interval_text(ends: Sequence[float] | None, shown: Any = "{:.4f}".format) -> str:
    """Return an interval as "0.9010 to 0.9440", or "" where there is none."""
    return "" if ends is None else f"{shown(ends[0])} to {shown(ends[1])}"


def _majority(labels: dict[str, dict[str, float]]) -> list[str]:
    """Return the warning about accuracy where most texts have the same label."""
    support = {name: row["support"] for name, row in labels.items()}
    largest, total = max(support, key=support.__getitem__), sum(support.values())
    if support[largest] <= MAJORITY_SHARE * total:
        return []
    share = percent(support[largest] / total)
    return [
        f"{share} of the texts have the label '{on_one_line(largest)}': an accuracy of {share} needs no "
        "model.\n"
        "Compare the macro figures and the figures of each label."
    ]


def _macro_figures(labels: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Return macro precision and recall where most texts have the same label."""
    if not _majority(labels):
        return []
    present = [row for row in labels.values() if row["support"]]
    precision, recall = (sum(row[key] for row in present) / len(present) for key in ("precision", "recall"))
    return [("macro precision", f"{precision:.4f}"), ("macro recall", f"{recall:.4f}  (balanced accuracy)")]


def _between(ends: Sequence[float] | None, shown: Any = "{:.4f}".format) -> str:
    return "" if ends is None else f"  ({interval_text(ends, shown)})"


def _method(how: Report) -> str:
    return (
        f"In brackets and as intervals: {100 * how['level']:g} % confidence, by the {how['name']} "
        f"({how['resamples']:,} resamples, seed {how['seed']})."
    )


def _without_error(report: Report) -> str:
    """Return what an interval without width leaves out, or "" where some text got a wrong label."""
    if report["accuracy"] < 1.0:
        return ""
    most = min(3 / report["texts"], 1.0)
    return (
        f"\nNo text got a wrong label, so the interval of the accuracy has no width. Up to {percent(most)} "
        "of new texts can still get one (rule of three)."
    )


def _write_slices(slices: Report, format: Format) -> None:
    writer = Writer(format, (slices["column"], "texts", *_OF_SLICE, *_with_ends(_OF_SLICE)))
    for row in slices["values"]:
        figures = {key: "" if row[key] is None else row[key] for key in ("texts", *_OF_SLICE)}
        writer.write({**figures, **_ends(row["intervals"], _OF_SLICE), slices["column"]: row["value"]}, "")


def _with_ends(keys: Sequence[str]) -> list[str]:
    return [f"{key}_{end}" for key in keys for end in _ENDS]


def _ends(intervals: Report, keys: Sequence[str]) -> dict[str, float | str]:
    """Return the ends of intervals by their columns, as `_with_ends` names them; "" where there are none."""
    ends = ((key, intervals[key] or ("", "")) for key in keys)
    return {f"{key}_{end}": value for key, pair in ends for end, value in zip(_ENDS, pair, strict=True)}


def _slices(slices: Report) -> list[tuple[object, ...]]:
    rows = [
        (
            row["value"],
            row["texts"],
            percent(row["accuracy"]),
            interval_text(row["intervals"]["accuracy"], percent),
            row["macro_f1"],
            percent(row["calibration_error"]),
        )
        for row in slices["values"]
    ]
    return [(slices["column"], "texts", "accuracy", "interval", "macro F1", "calibration error"), *rows]


def _per_label(
    labels: dict[str, dict[str, float]], intervals: dict[str, Report] | None
) -> list[tuple[object, ...]]:
    rows = [(name, *(row[column] for column in _PER_LABEL)) for name, row in labels.items()]
    if intervals is None:
        return [("label", *_PER_LABEL), *rows]
    ends = (interval_text(intervals[name]["f1"]) for name in labels)
    return [
        ("label", *_PER_LABEL, "interval of f1"),
        *((*row, end) for row, end in zip(rows, ends, strict=True)),
    ]


def _confusion(confusion: Report) -> list[tuple[object, ...]]:
    names = confusion["names"]
    rows = zip(names, confusion["counts"], strict=True)
    return [("true \\ predicted", *names), *((name, *map(int, counts)) for name, counts in rows)]


def _coverage(rows: list[dict[str, float]], intervals: list[Report] | None) -> list[tuple[object, ...]]:
    # The threshold is what --abstain-below takes, digit for digit.
    shown = [(row["threshold"], percent(row["coverage"]), percent(row["accuracy"])) for row in rows]
    head = ("abstain below", "texts with a label", "accuracy")
    if intervals is None:
        return [head, *shown]
    ends = (interval_text(each["accuracy"], percent) for each in intervals)
    return [(*head, "interval"), *((*row, end) for row, end in zip(shown, ends, strict=True))]


def _threshold(report: Report) -> str:
    names = {
        "chosen": "lowest cost on this data",
        "by_probability": "fp / (fp + fn)",
        "at_half": "default (0.5)",
    }
    head = (f"threshold of '{report['positive']}'", "", "cost per text", "false positives", "false negatives")
    rows = [
        (name, row["threshold"], row["cost"], row["false_positives"], row["false_negatives"])
        for name, row in ((names[key], report[key]) for key in names)
    ]
    note = "The threshold was chosen on this data: expect a higher cost on new texts."
    if report["cross_validated_cost"] is not None:
        note = (
            f"{note} Chosen on four fifths of the data and measured on the rest, five times: "
            f"{report['cross_validated_cost']:.4f}."
        )
    return f"{aligned([head, *rows])}\n{note}"
