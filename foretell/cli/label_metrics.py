"""The metrics of an annotation for people: in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretell.cli.output import listed
from foretell.readable import percent

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation
    from foretell.annotation.metrics import Counts, Metrics
    from foretell.metrics.proportions import Estimate

LITTLE = "50 more labels would change little: the last 50 changed at most {} of the predictions."
"""What is said once more answers are expected to change little."""


def estimate_text(found: Estimate | None) -> str:
    """Return an estimate as "83.33 % (68.64 % to 93.03 %)"."""
    if found is None:
        return "no random texts yet"
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def status_text(annotation: Annotation) -> str:
    """Return one line on how far the annotation is."""
    counts, metrics = annotation.counts(), annotation.metrics()
    parts = [f"{counts.answers:,} answered", f"{counts.left:,} left"]
    if metrics.accuracy is not None:
        texts = metrics.accuracy.texts
        what = "random text" if texts == 1 else "random texts"
        parts.append(f"accuracy {estimate_text(metrics.accuracy)} on {texts:,} {what}")
    if metrics.changes_little and metrics.changed is not None:
        parts.append("50 more labels would change little")
    return " · ".join(parts)


def metrics_text(annotation: Annotation) -> str:
    """Return the counts and all metrics."""
    counts, metrics = annotation.counts(), annotation.metrics(fresh=True)
    blocks = [listed(_count_rows(counts)), listed(_metric_rows(metrics))]
    blocks.append(
        "Metrics are measured on the texts that were drawn at random, with 95 % confidence intervals."
    )
    if metrics.changes_little and metrics.changed is not None:
        blocks.append(LITTLE.format(percent(metrics.changed.high)))
    return "\n\n".join(blocks)


def _count_rows(counts: Counts) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("answers", counts.answers), ("to learn from", counts.train), ("random texts", counts.test),
        ("none", counts.none), ("unclear", counts.unclear), ("skipped", counts.skip), ("left", counts.left),
    ]  # fmt: skip
    return [*rows, *((f"label {label}", count) for label, count in counts.labels.items())]


def _metric_rows(metrics: Metrics) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("accuracy of the suggestions", estimate_text(metrics.accuracy))]
    if metrics.macro_f1 is not None:
        f1 = metrics.macro_f1
        rows.append(("macro F1 of the suggestions", f"{f1.value:.4f} ({f1.low:.4f} to {f1.high:.4f})"))
    rows.append(("texts without any of the labels", estimate_text(metrics.none)))
    rows += [(f"share of {label}", estimate_text(share)) for label, share in metrics.shares.items()]
    if metrics.changed is not None:
        rows.append(("predictions that the last 50 changed", estimate_text(metrics.changed)))
    return rows
