"""The report of `evaluate`: figures of a classifier on labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.metrics import calibration_error, coverage_curve, label_figures, log_loss


def classification_report(
    labels: Sequence[str],
    predicted: Sequence[str],
    probabilities: Floats | None,
    names: Sequence[str],
) -> dict[str, Any]:
    """Compare predicted labels with the true ones.

    Args:
        labels, predicted: the true and the predicted label of each text.
        probabilities: [text, label], columns in the order of `names`; None leaves out what needs them.
        names: the labels of the model. Other true labels are added at the end, sorted; the model is always
            wrong about them.

    Returns:
        `texts`, what `foretell.metrics.label_figures` gives, and with probabilities `calibration_error` and
        `log_loss` (nats; None where a true label is not among the model's).

    Raises:
        DataError: no texts, or sequences of different lengths.
    """
    _check(labels, predicted, probabilities)
    all_names = [*names, *sorted(set(labels) - set(names))]
    index = {name: i for i, name in enumerate(all_names)}
    true_ids = np.array([index[label] for label in labels])
    predicted_ids = np.array([index[label] for label in predicted])
    report: dict[str, Any] = {"texts": len(labels), **label_figures(true_ids, predicted_ids, all_names)}
    if probabilities is not None:
        report["calibration_error"] = calibration_error(probabilities.max(axis=1), true_ids == predicted_ids)
        report["log_loss"] = log_loss(true_ids, probabilities) if len(all_names) == len(names) else None
    return report


def evaluation_report(labels: Sequence[str], probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a classifier on labelled texts: `classification_report`, and `coverage`.

    Args:
        labels: the true label of each text.
        probabilities: [text, label], columns in the order of `names`.
        names: the model's labels.

    Raises:
        DataError: no texts, or sequences of different lengths.
    """
    predicted = [names[best] for best in probabilities.argmax(axis=1)]
    report = classification_report(labels, predicted, probabilities, names)
    correct = np.array(predicted) == np.array(labels)
    return {**report, "coverage": coverage_curve(probabilities.max(axis=1), correct)}


def _check(labels: Sequence[str], predicted: Sequence[str], probabilities: Floats | None) -> None:
    if not len(labels):
        raise DataError(expected="at least one text with a label", found="none")
    rows = len(predicted) if probabilities is None else len(probabilities)
    if len(predicted) != len(labels) or rows != len(labels):
        raise DataError(
            expected=f"{len(labels)} predictions, one per label", found=f"{len(predicted)} and {rows} rows"
        )
