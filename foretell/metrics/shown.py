"""The metrics of a training for people: names, rows, and one sentence on the result.

Pure functions of what `metrics.json` holds; the report, the command line and Python show the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from foretell.metrics import Report
from foretell.readable import duration, isolated, percent

Metrics = Mapping[str, object]

MAX_VALUE = 1e30

NAMES = {
    "accuracy": "Accuracy",
    "perplexity": "Perplexity",
    "micro_f1": "Micro F1",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "hamming_loss": "Hamming loss",
    "valid_accuracy": "Validation accuracy",
    "valid_perplexity": "Validation perplexity",
    "bits_per_byte": "Bits per byte",
    "top1_accuracy": "Next word is the first suggestion",
    "top3_accuracy": "Next word is among three suggestions",
    "keystrokes_saved": "Keystrokes saved by three suggestions",
    "calibration_error": "Calibration error",
    "valid_loss": "Log loss (nats)",
    "log_loss": "Log loss (nats)",
    "network_perplexity": "Perplexity, network alone",
    "baseline_perplexity": "Perplexity, Kneser–Ney model of 5-grams",
    "network_accuracy": "Accuracy, network alone",
    "linear_accuracy": "Accuracy, linear models alone",
    "linear_log_loss": "Log loss, linear models alone (nats)",
    "baseline_accuracy": "Accuracy, n-gram linear model",
    "baseline_log_loss": "Log loss, n-gram linear model (nats)",
    "bits_per_character": "Bits per character",
    "measured_on": "Measured on",
    "not_measured": "Not measured",
    "texts": "Texts",
    "unlabelled_texts": "Texts without labels",
    "valid_texts": "Validation texts",
    "shortest_text": "Shortest text (tokens)",
    "longest_text": "Longest text (tokens)",
    "loss": "Training loss (nats)",
    "train_loss": "Training loss (nats)",
    "train_accuracy": "Training accuracy",
    "words": "Words",
    "tokens": "Tokens",
    "steps": "Steps",
    "epochs": "Epochs",
    "seconds": "Time",
}
"""The names of metrics, the most important first."""

_TILES = (
    *("accuracy", "perplexity", "top1_accuracy", "keystrokes_saved", "micro_f1", "macro_f1"),
    *("valid_accuracy", "valid_perplexity", "bits_per_byte", "calibration_error", "valid_loss"),
)
# The ends of the keys of metrics that are shown in percent, and of those that have four decimal
# places.
_SHARES = ("accuracy", "coverage", "calibration_error", "_saved")
_FRACTIONS = ("f1", "precision", "recall", "loss")
# The share of texts with one label above which accuracy shows little.
_MAJORITY_SHARE = 0.8
# The standard errors by which chance alone exceeds a share in one of twenty sets.
_CHANCE = 1.64

_ON_TRAINING_TEXT = ("training", "label hints", "the last")


def name_of(key: str, metrics: Metrics) -> str:
    """Return the name of a metric; perplexity is per token where tokens are not words."""
    is_subset = key == "accuracy" and "micro_f1" in metrics
    name = "Subset accuracy" if is_subset else NAMES.get(key) or key.replace("_", " ").capitalize()
    return name.replace("erplexity", "erplexity per token") if "tokens" in metrics else name


def rows_of(metrics: Metrics) -> list[tuple[str, str]]:
    """Return the metrics that are single values, as name and value, the most important first."""
    order = [key for key in NAMES if key in metrics] + [key for key in metrics if key not in NAMES]
    shown = ((key, shown_value(key, metrics[key])) for key in order if key != "caution")
    return [(name_of(key, metrics), value) for key, value in shown if value is not None]


def tiles_of(metrics: Metrics) -> list[tuple[str, str]]:
    """Return the three most important metrics, and the time; those of training text say so in their
    names.
    """
    where = "" if is_of_unseen_texts(metrics) else " on training text"
    rows = [
        (name_of(key, metrics) + where, str(shown_value(key, metrics[key])))
        for key in _measured(metrics)[:3]
    ]
    seconds = number(metrics.get("seconds"))
    return rows if seconds is None else [*rows, (NAMES["seconds"], duration(seconds))]


def _measured(metrics: Metrics) -> list[str]:
    return [key for key in _TILES if number(metrics.get(key)) is not None]


def is_of_unseen_texts(metrics: Metrics) -> bool:
    """Whether accuracy and perplexity are measured on texts that were not trained on."""
    return not str(metrics.get("measured_on", "")).startswith(_ON_TRAINING_TEXT)


def shown_value(key: str, value: object) -> str | None:
    """Return a metric as text, or None where it is not a single value (a table, a list, a
    Boolean).
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if number(value) is None:
        return "not a number" if value != value else "too large to show"
    if key == "seconds":
        return duration(value)
    if key.endswith(_SHARES):
        return percent(value)
    return f"{value:.4f}" if key.endswith(_FRACTIONS) and abs(value) < 1000 else count(value)


def count(value: float) -> str:
    """Return a number for people: 12,345, or four digits of a fraction."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.4g}"


def number(value: object) -> float | None:
    """Return `value` where it is a number that can be shown and drawn: not NaN, not beyond
    ±1e30.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_VALUE:
        return None
    return float(value)


def result_of(metrics: Metrics) -> str:
    """Return one sentence with the most important metric, what it was measured on, and the time."""
    keys = _measured(metrics)
    seconds = number(metrics.get("seconds"))
    took = "" if seconds is None else f", trained in {duration(seconds)}"
    if reason := metrics.get("not_measured"):
        return f"No accuracy: {reason}{took}."
    if not keys:
        return f"No metrics{took}."
    where = str(metrics.get("measured_on") or "validation texts")
    if not is_of_unseen_texts(metrics) and not where.startswith("training"):
        where = f"training text ({where})"
    return f"{name_of(keys[0], metrics)} {shown_value(keys[0], metrics[keys[0]])} on {where}{took}."


def majority_of(metrics: Metrics) -> str:
    """Return a warning where most texts have one label, or it is as accurate as the model; else
    "".
    """
    labels = metrics.get("labels")
    if not isinstance(labels, Mapping) or "micro_f1" in metrics:
        return ""
    support = {str(name): int(row["support"]) for name, row in labels.items()}
    largest = max(support, key=support.__getitem__, default="")
    total = sum(support.values())
    share = support.get(largest, 0) / max(1, total)
    accuracy = number(metrics.get("accuracy"))
    part = percent(share)
    found = (
        f"{part} of the texts have the label '{isolated(largest)}', so an accuracy of {part} needs "
        "no model"
    )
    if accuracy is not None and share < 1 and accuracy < share + by_chance(share, total):
        return f"{found}; the accuracy here is not higher by more than chance"
    if share > _MAJORITY_SHARE:
        return f"{found}: compare the macro metrics and those of each label"
    return ""


def by_chance(share: float, texts: float) -> float:
    """Return by how much chance alone raises a share of so many texts in one of twenty sets
    (binomial).
    """
    return _CHANCE * math.sqrt(share * (1 - share) / max(1, texts))


def ends_text(key: str, ends: Sequence[float] | None) -> str:
    """Return the interval of a metric as "0.901 to 0.944", or "" where there is none."""
    return f"{shown_value(key, ends[0])} to {shown_value(key, ends[1])}" if ends else ""


def with_ends(key: str, value: float, ends: Sequence[float] | None) -> str:
    """Return a metric with its interval in brackets, where there is one."""
    shown = str(shown_value(key, value))
    return f"{shown}  ({ends_text(key, ends)})" if ends else shown


def method_text(report: Report) -> str:
    """Return how the intervals of an evaluation were made, for people."""
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
    new = (
        f"If none was in the training data, up to {most} of new texts can still get one "
        f"(rule of three)."
    )
    return f"{text}\nNo text got a wrong label. {new}"


def score_rows(record: Mapping[str, object], *, is_open: bool) -> Iterator[tuple[str, object]]:
    """Yield the metrics of a score for people; perplexity is per token where tokens are not
    words.
    """
    for key, value in record.items():
        name = key.replace("_", " ")
        if is_open and key == "perplexity":
            name += " per token"
        yield name, value


def by_f1(labels: Mapping[str, Report]) -> list[str]:
    """Return the labels that have texts, those with the lowest F1 first."""
    there = [name for name, row in labels.items() if row["support"]]
    return sorted(there, key=lambda name: (labels[name]["f1"], -labels[name]["support"]))


def column_name(key: str) -> str:
    """Return the name of a metric at the head of a column."""
    return key.replace("_", " ").replace(" f1", " F1")
