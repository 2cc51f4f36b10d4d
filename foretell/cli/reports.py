"""The report of `evaluate` for a classifier, for people and as CSV: one label for each text, or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretell.cli.output import Format, Writer, aligned, listed, on_one_line
from foretell.data.checks import MAJORITY_SHARE
from foretell.readable import percent

Report = dict[str, Any]
"""What `evaluation_report` or `multi_label_report` of `foretell.runtime.labels` returns."""

Shown = Callable[[float], str]
Row = tuple[object, ...]

MAX_CONFUSION = 12
"""Labels up to which the confusion matrix is shown."""

_digits: Shown = "{:.4f}".format


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a report has, by whether a text may have several labels.

    Attributes:
        head: the metrics of all texts, with their names and how they are shown.
        columns: of a label, in CSV; `shown` those for people.
        with_ends: the columns of a label that have an interval in CSV.
    """

    head: Mapping[str, tuple[str, Shown]]
    columns: tuple[str, ...]
    shown: tuple[str, ...]
    with_ends: tuple[str, ...]


_ONE = _Kind(
    head={
        "accuracy": ("accuracy", percent),
        "macro_f1": ("macro F1", _digits),
        "calibration_error": ("calibration error", percent),
        "log_loss": ("log loss", _digits),
    },
    columns=("precision", "recall", "f1", "support"),
    shown=("precision", "recall", "f1", "support"),
    with_ends=("precision", "recall", "f1"),
)
_SEVERAL = _Kind(
    head={
        "accuracy": ("subset accuracy", percent),
        "micro_f1": ("micro F1", _digits),
        "macro_f1": ("macro F1", _digits),
        "hamming_loss": ("Hamming loss", percent),
        "log_loss": ("log loss per label", _digits),
        "calibration_error": ("calibration error", percent),
    },
    columns=("precision", "recall", "f1", "support", "unknown", "threshold", "log_loss"),
    shown=("precision", "recall", "f1", "support", "threshold"),
    with_ends=("f1",),
)


def write_labels_report(report: Report, format: Format) -> None:
    """Write an evaluation report.

    Text and jsonl have all of it; csv has one row for each label, or with slices one for each value.
    """
    kind = _kind_of(report)
    if format in ("text", "jsonl"):
        Writer(format, ()).write(report, labels_text(report))
    elif "slices" in report:
        slices, first = report["slices"], report["slices"]["column"]
        rows = ({first: row["value"], **row} for row in slices["values"])
        has_ends = all("intervals" in row for row in slices["values"])
        _write_rows(format, (first, "texts", *kind.head), tuple(kind.head) if has_ends else (), rows)
    else:
        intervals = report["intervals"]["labels"]
        labels = report["labels"].items()
        rows = ({"label": name, **row, "intervals": intervals[name]} for name, row in labels)
        _write_rows(format, ("label", *kind.columns), kind.with_ends, rows)


def _kind_of(report: Report) -> _Kind:
    return _SEVERAL if "micro_f1" in report else _ONE


def _write_rows(
    format: Format, columns: Sequence[str], with_ends: Sequence[str], rows: Iterable[Report]
) -> None:
    """Write rows of CSV, with the two ends of the interval of each of `with_ends`."""
    writer = Writer(format, [*columns, *(f"{key}_{end}" for key in with_ends for end in ("low", "high"))])
    for row in rows:
        pairs = ((key, row["intervals"][key] or ("", "")) for key in with_ends)
        ends = {
            f"{key}_{end}": v for key, pair in pairs for end, v in zip(("low", "high"), pair, strict=True)
        }
        writer.write({name: "" if row[name] is None else row[name] for name in columns} | ends, "")


def labels_text(report: Report) -> str:
    """Return an evaluation report for people."""
    kind, intervals = _kind_of(report), report.get("intervals", {})
    head: list[tuple[str, object]] = [("texts", report["texts"])]
    if "measured_on" in report:
        head.insert(0, ("measured on", report["measured_on"]))
    for key, (name, shown) in kind.head.items():
        if report.get(key) is not None:
            ends = interval_text(intervals.get(key), shown)
            head.append((name, shown(report[key]) + (f"  ({ends})" if ends else "")))
    if kind is _ONE:
        head += _macro(report["labels"])
    blocks = [listed(head), *(_majority(report["labels"]) if kind is _ONE else ())]
    if unknown := report.get("unknown_labels"):
        blocks.append(f"The model lacks these labels of the data: {', '.join(map(on_one_line, unknown))}.")
    if "slices" in report:
        blocks.append(aligned(_slices(report["slices"], kind)))
    blocks.append(aligned(_per_label(report["labels"], intervals.get("labels"), kind.shown)))
    if "confusion" in report and len(report["confusion"]["names"]) <= MAX_CONFUSION:
        blocks.append(aligned(_confusion(report["confusion"])))
    if "coverage" in report:
        blocks.append(aligned(_coverage(report["coverage"], intervals.get("coverage"))))
    if "threshold" in report:
        blocks.append(_threshold(report["threshold"]))
    if "interval_method" in report:
        blocks.append(_method(report, kind))
    return "\n\n".join(blocks)


def interval_text(ends: Sequence[float] | None, shown: Shown = _digits) -> str:
    """Return an interval as "0.9010 to 0.9440", or "" where there is none."""
    return f"{shown(ends[0])} to {shown(ends[1])}" if ends else ""


def _majority(labels: dict[str, dict[str, float]]) -> list[str]:
    """Return the warning about accuracy where most texts have the same label."""
    support = {name: row["support"] for name, row in labels.items()}
    largest, total = max(support, key=support.__getitem__), sum(support.values())
    if support[largest] <= MAJORITY_SHARE * total:
        return []
    share = percent(support[largest] / total)
    return [
        f"{share} of the texts have the label '{on_one_line(largest)}': an accuracy of {share} needs no "
        "model.\nCompare the macro metrics and the metrics of each label."
    ]


def _macro(labels: dict[str, dict[str, float]]) -> list[tuple[str, object]]:
    """Return macro precision and recall where most texts have the same label."""
    if not _majority(labels):
        return []
    present = [row for row in labels.values() if row["support"]]
    precision, recall = (sum(row[key] for row in present) / len(present) for key in ("precision", "recall"))
    return [("macro precision", _digits(precision)), ("macro recall", f"{recall:.4f}  (balanced accuracy)")]


def _slices(slices: Report, kind: _Kind) -> list[Row]:
    rows = [
        (
            row["value"],
            row["texts"],
            *("" if row[key] is None else shown(row[key]) for key, (_, shown) in kind.head.items()),
            interval_text(row.get("intervals", {}).get("accuracy"), percent),
        )
        for row in slices["values"]
    ]
    names = (name for name, _ in kind.head.values())
    return [(slices["column"], "texts", *names, "interval of accuracy"), *rows]


def _per_label(
    labels: dict[str, dict[str, float]], intervals: dict[str, Report] | None, columns: Sequence[str]
) -> list[Row]:
    rows: list[Row] = [(name, *(row[column] for column in columns)) for name, row in labels.items()]
    if intervals is None:
        return [("label", *columns), *rows]
    ends = (interval_text(intervals[name]["f1"]) for name in labels)
    return [
        ("label", *columns, "interval of f1"),
        *((*row, end) for row, end in zip(rows, ends, strict=True)),
    ]


def _confusion(confusion: Report) -> list[Row]:
    names = confusion["names"]
    rows = zip(names, confusion["counts"], strict=True)
    return [("true \\ predicted", *names), *((name, *map(int, counts)) for name, counts in rows)]


def _coverage(rows: list[dict[str, float]], intervals: list[Report] | None) -> list[Row]:
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
        note += (
            " Chosen on four fifths of the data and measured on the rest, five times: "
            f"{report['cross_validated_cost']:.4f}."
        )
    return f"{aligned([head, *rows])}\n{note}"


def _method(report: Report, kind: _Kind) -> str:
    """Return how the intervals are made, and what one without width leaves out."""
    how = report["interval_method"]
    text = (
        f"In brackets and as intervals: {100 * how['level']:g} % confidence, by the {how['name']} "
        f"({how['resamples']:,} resamples, seed {how['seed']})."
    )
    if kind is _SEVERAL:
        return f"{text} A text gets each label whose probability is at least its threshold."
    if report["accuracy"] < 1.0:
        return text
    most = percent(min(3 / report["texts"], 1.0))
    return (
        f"{text}\nNo text got a wrong label, so the interval of the accuracy has no width. Up to {most} of "
        "new texts can still get one (rule of three)."
    )
