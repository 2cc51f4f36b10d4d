"""How good a classifier's answers are: NumPy only, plain values out (ready for JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import DataError

CALIBRATION_BINS = 15


def classification_report(
    labels: Sequence[str],
    predicted: Sequence[str],
    probabilities: NDArray[np.floating] | None,
    names: Sequence[str],
) -> dict[str, Any]:
    """Compare predicted labels with the true ones.

    Args:
        labels, predicted: the true and the predicted label of each text.
        probabilities: [text, label], columns in the order of `names`; None leaves out what needs them.
        names: the labels that the model knows. True labels outside it are added at the end, sorted: the model
            can only be wrong about them.

    Returns:
        `texts`, `accuracy`, `macro_f1` (mean over the labels that occur, true or predicted), `labels`
        (precision, recall, f1, support of each; 0 where undefined), `confusion` (`names` and `counts` [true,
        predicted]), and with probabilities `calibration_error` and `log_loss` (nats; None where the
        model does not know a true label).

    Raises:
        DataError: no texts, or sequences of different lengths.
    """
    _check(labels, predicted, probabilities)
    all_names = [*names, *sorted(set(labels) - set(names))]
    index = {name: i for i, name in enumerate(all_names)}
    true_ids = np.array([index[label] for label in labels])
    predicted_ids = np.array([index[label] for label in predicted])
    counts = confusion_matrix(true_ids, predicted_ids, len(all_names))
    report: dict[str, Any] = {
        "texts": len(labels),
        "accuracy": float(np.trace(counts) / counts.sum()),
        **_by_label(counts, all_names),
        "confusion": {"names": all_names, "counts": counts.tolist()},
    }
    if probabilities is not None:
        report["calibration_error"] = calibration_error(probabilities.max(axis=1), true_ids == predicted_ids)
        report["log_loss"] = log_loss(true_ids, probabilities) if len(all_names) == len(names) else None
    return report


def _by_label(counts: NDArray[np.int64], names: list[str]) -> dict[str, Any]:
    precision, recall, f1 = precision_recall_f1(counts)
    support = counts.sum(axis=1)
    occurs = (support + counts.sum(axis=0)) > 0
    columns = zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    keys = ("precision", "recall", "f1", "support")
    each = {name: dict(zip(keys, row, strict=True)) for name, row in zip(names, columns, strict=True)}
    return {"macro_f1": float(f1[occurs].mean()), "labels": each}


def _check(
    labels: Sequence[str], predicted: Sequence[str], probabilities: NDArray[np.floating] | None
) -> None:
    if not len(labels):
        raise DataError(expected="at least one text with a label", found="none")
    rows = len(predicted) if probabilities is None else len(probabilities)
    if len(predicted) != len(labels) or rows != len(labels):
        raise DataError(
            expected=f"{len(labels)} predictions, one per label", found=f"{len(predicted)} and {rows} rows"
        )


def confusion_matrix(
    true_ids: NDArray[np.integer], predicted_ids: NDArray[np.integer], size: int
) -> NDArray[np.int64]:
    """Count the pairs: [true label, predicted label]."""
    return np.bincount(true_ids * size + predicted_ids, minlength=size * size).reshape(size, size)


def precision_recall_f1(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return precision, recall and F1 of each label, each [label]; 0 where the divisor is 0.

    Args:
        counts: a confusion matrix, [true label, predicted label].
    """
    hits = np.diag(counts).astype(np.float64)
    precision = _ratio(hits, counts.sum(axis=0))
    recall = _ratio(hits, counts.sum(axis=1))
    f1 = _ratio(2 * hits, counts.sum(axis=0) + counts.sum(axis=1))
    return precision, recall, f1


def _ratio(above: NDArray[np.float64], below: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, 0 to 1.

    Guo et al. 2017, equation 3: `bins` equally wide bins of confidence (each open below, closed above), the
    gap of each weighted by its share of the texts.

    Args:
        confidence: probability given to the predicted label, [text].
        correct: whether that label was right, [text].
        bins: how many bins.
    """
    inner_edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    which = np.searchsorted(inner_edges, confidence, side="left")
    gaps = np.bincount(which, weights=confidence.astype(np.float64) - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def log_loss(true_ids: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the mean -log of the probability given to the true label, in nats."""
    given = probabilities[np.arange(len(true_ids)), true_ids].astype(np.float64)
    # A float32 probability can round to 0; one unlucky text must not make the mean infinite.
    return float(-np.log(np.maximum(given, np.finfo(np.float32).tiny)).mean())
