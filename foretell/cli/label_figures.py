"""The figures of an annotation for people: in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretell.cli.output import listed
from foretell.readable import percent

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation
    from foretell.annotation.figures import Counts, Figures
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
    counts, figures = annotation.counts(), annotation.figures()
    parts = [f"{counts.answers:,} answered", f"{counts.left:,} left"]
    if figures.accuracy is not None:
        texts = figures.accuracy.texts
        what = "random text" if texts == 1 else "random texts"
        parts.append(f"accuracy {estimate_text(figures.accuracy)} on {texts:,} {what}")
    if annotation.training.state in ("running", "failed"):
        parts.append(f"training {annotation.training.state}")
    if figures.changes_little and figures.changed is not None:
        parts.append("50 more labels would change little")
    return " · ".join(parts)


def figures_text(annotation: Annotation) -> str:
    """Return the counts and all figures."""
    counts, figures = annotation.counts(), annotation.figures(fresh=True)
    blocks = [listed(_count_rows(counts)), listed(_figure_rows(figures))]
    blocks.append(
        "Figures are measured on the texts that were drawn at random, with 95 % confidence intervals."
    )
    if figures.changes_little and figures.changed is not None:
        blocks.append(LITTLE.format(percent(figures.changed.high)))
    if annotation.training.reason:
        blocks.append(f"training failed: {annotation.training.reason}")
    return "\n\n".join(blocks)


def _count_rows(counts: Counts) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("answers", counts.answers), ("to learn from", counts.train), ("random texts", counts.test),
        ("none", counts.none), ("unclear", counts.unclear), ("skipped", counts.skip), ("left", counts.left),
    ]  # fmt: skip
    return [*rows, *((f"label {label}", count) for label, count in counts.labels.items())]


def _figure_rows(figures: Figures) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("accuracy of the suggestions", estimate_text(figures.accuracy))]
    if figures.macro_f1 is not None:
        f1 = figures.macro_f1
        rows.append(("macro F1 of the suggestions", f"{f1.value:.4f} ({f1.low:.4f} to {f1.high:.4f})"))
    rows.append(("texts without any of the labels", estimate_text(figures.none)))
    rows += [(f"share of {label}", estimate_text(share)) for label, share in figures.shares.items()]
    if figures.changed is not None:
        rows.append(("predictions that the last 50 changed", estimate_text(figures.changed)))
    if figures.model_texts is not None:
        name = f"accuracy of the trained model ({figures.model_texts:,} texts)"
        rows.append((name, estimate_text(figures.model_accuracy)))
    return rows
