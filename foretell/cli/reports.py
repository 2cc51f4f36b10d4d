"""The report of `evaluate` for a classifier, for people and as CSV: one label for each text, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foretell.cli.output import Format, aligned, listed, on_one_line, write_report
from foretell.data.checks import MAJORITY_SHARE
from foretell.readable import percent

Report = dict[str, Any]
"""What `evaluation_report` or `multi_label_report` of `foretell.runtime.labels` returns."""

Shown = Callable[[float], str]
Row = tuple[object, ...]

MAX_CONFUSION = 12
"""Labels up to which the confusion matrix is shown."""

_digits: Shown = "{:.4f}".format


_ONE: Mapping[str, tuple[str, Shown]] = {
    "accuracy": ("accuracy", percent),
    "macro_f1": ("macro F1", _digits),
    "calibration_error": ("calibration error", percent),
    "log_loss": ("log loss", _digits),
}
"""The metrics of all texts, with their names and how they are shown."""

_SEVERAL: Mapping[str, tuple[str, Shown]] = {
    "accuracy": ("subset accuracy", percent),
    "micro_f1": ("micro F1", _digits),
    "macro_f1": ("macro F1", _digits),
    "hamming_loss": ("Hamming loss", percent),
    "log_loss": ("log loss per label", _digits),
    "calibration_error": ("calibration error", percent),
}
"""The same where a text may have several labels."""

_PER_LABEL = ("precision", "recall", "f1", "support", "threshold")


def write_labels_report(report: Report, format: Format) -> None:
    """Write an evaluation report.

    Text and jsonl have all of it; csv has one row for each label, or with slices one for each value.
    """
    if "slices" in report:
        first = report["slices"]["column"]
        rows = [{first: row["value"], **row} for row in report["slices"]["values"]]
        columns = [first, "texts", *_head_of(report)]
    else:
        intervals = report["intervals"]["labels"]
        rows = [
            {"label": name, **row, "intervals": intervals[name]} for name, row in report["labels"].items()
        ]
        columns = [name for name in rows[0] if name != "intervals"]
    ends = list(rows[0]["intervals"]) if all("intervals" in row for row in rows) else []
    for row in rows:
        for key in ends:
            row[f"{key}_low"], row[f"{key}_high"] = row["intervals"][key] or (None, None)
    columns += [f"{key}_{end}" for key in ends for end in ("low", "high")]
    write_report(format, report, labels_text(report), columns, rows)


def _head_of(report: Report) -> Mapping[str, tuple[str, Shown]]:
    return _SEVERAL if "micro_f1" in report else _ONE


def labels_text(report: Report) -> str:
    """Return an evaluation report for people."""
    shown_head, intervals = _head_of(report), report.get("intervals", {})
    head: list[tuple[str, object]] = [("texts", report["texts"])]
    if "measured_on" in report:
        head.insert(0, ("measured on", report["measured_on"]))
    for key, (name, shown) in shown_head.items():
        if report.get(key) is not None:
            ends = interval_text(intervals.get(key), shown)
            head.append((name, shown(report[key]) + (f"  ({ends})" if ends else "")))
    majority, macro = _majority(report["labels"]) if shown_head is _ONE else ([], [])
    blocks = [listed([*head, *macro]), *majority]
    if unknown := report.get("unknown_labels"):
        blocks.append(f"The model lacks these labels of the data: {', '.join(map(on_one_line, unknown))}.")
    if "slices" in report:
        blocks.append(aligned(_slices(report["slices"], shown_head)))
    blocks.append(aligned(_per_label(report["labels"], intervals.get("labels"))))
    if "confusion" in report and len(report["confusion"]["names"]) <= MAX_CONFUSION:
        blocks.append(aligned(_confusion(report["confusion"])))
    if "coverage" in report:
        blocks.append(aligned(_coverage(report["coverage"], intervals.get("coverage"))))
    if "threshold" in report:
        blocks.append(_threshold(report["threshold"]))
    if "interval_method" in report:
        blocks.append(_method(report))
    return "\n\n".join(blocks)


def interval_text(ends: Sequence[float] | None, shown: Shown = _digits) -> str:
    """Return an interval as "0.9010 to 0.9440", or "" where there is none."""
    return f"{shown(ends[0])} to {shown(ends[1])}" if ends else ""


_MODELS = {"network": "network", "kneser_ney": "Kneser–Ney model", "both": "both", "cache": "both, cache"}


def suggestions_text(report: Report | None) -> str:
    """Return how each part of a language model suggests the next word, for people; "" where it does not."""
    if not report:
        return ""
    rows: list[Row] = [("next word", "first suggestion", "among three", "keystrokes saved")]
    for name, metrics in report["models"].items():
        cells = (
            f"{percent(metrics[key])}  ({interval_text(ends, percent)})"
            for key, ends in metrics["intervals"].items()
        )
        rows.append((_MODELS[name], *cells))
    how = report["interval_method"]
    return (
        f"{aligned(rows)}\nOn the first {report['positions']:,} tokens; the cache holds "
        f"{report['cache_words']:,} words. In brackets: {100 * how['level']:g} % confidence, by the "
        f"{how['name']}."
    )


def _majority(labels: dict[str, dict[str, float]]) -> tuple[list[str], list[tuple[str, object]]]:
    """Return a warning and the macro metrics where most texts have the same label; else nothing."""
    support = {name: row["support"] for name, row in labels.items()}
    largest, total = max(support, key=support.__getitem__), sum(support.values())
    if support[largest] <= MAJORITY_SHARE * total:
        return [], []
    share = percent(support[largest] / total)
    present = [row for row in labels.values() if row["support"]]
    precision, recall = (sum(row[key] for row in present) / len(present) for key in ("precision", "recall"))
    warning = (
        f"{share} of the texts have the label '{on_one_line(largest)}': an accuracy of {share} needs no "
        "model.\nCompare the macro metrics and the metrics of each label."
    )
    return [warning], [
        ("macro precision", _digits(precision)),
        ("macro recall", f"{_digits(recall)}  (balanced accuracy)"),
    ]


def _slices(slices: Report, head: Mapping[str, tuple[str, Shown]]) -> list[Row]:
    rows = [
        (
            row["value"],
            row["texts"],
            *("" if row[key] is None else shown(row[key]) for key, (_, shown) in head.items()),
            interval_text(row.get("intervals", {}).get("accuracy"), percent),
        )
        for row in slices["values"]
    ]
    names = (name for name, _ in head.values())
    return [(slices["column"], "texts", *names, "interval of accuracy"), *rows]


def _per_label(labels: dict[str, dict[str, float]], intervals: dict[str, Report] | None) -> list[Row]:
    columns = [key for key in _PER_LABEL if key in next(iter(labels.values()))]
    rows: list[Row] = [("label", *columns), *((name, *map(row.get, columns)) for name, row in labels.items())]
    if intervals is None:
        return rows
    ends = ["interval of f1", *(interval_text(intervals[name]["f1"]) for name in labels)]
    return [(*row, end) for row, end in zip(rows, ends, strict=True)]


def _confusion(confusion: Report) -> list[Row]:
    names = confusion["names"]
    rows = zip(names, confusion["counts"], strict=True)
    return [("true \\ predicted", *names), *((name, *map(int, counts)) for name, counts in rows)]


def _coverage(rows: list[dict[str, float]], intervals: list[Report] | None) -> list[Row]:
    # The threshold is what --abstain-below takes, digit for digit.
    shown: list[Row] = [("abstain below", "texts with a label", "accuracy")]
    shown += [(row["threshold"], percent(row["coverage"]), percent(row["accuracy"])) for row in rows]
    if intervals is None:
        return shown
    ends = ["interval", *(interval_text(each["accuracy"], percent) for each in intervals)]
    return [(*row, end) for row, end in zip(shown, ends, strict=True)]


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


def _method(report: Report) -> str:
    """Return how the intervals are made, and what one without width leaves out."""
    how = report["interval_method"]
    text = (
        f"In brackets and as intervals: {100 * how['level']:g} % confidence, by the {how['name']} "
        f"({how['resamples']:,} resamples, seed {how['seed']})."
    )
    if "micro_f1" in report:
        return f"{text} A text gets each label whose probability is at least its threshold."
    if report["accuracy"] < 1.0:
        return text
    most = percent(min(3 / report["texts"], 1.0))
    return (
        f"{text}\nNo text got a wrong label, so the interval of the accuracy has no width. Up to {most} of "
        "new texts can still get one (rule of three)."
    )
