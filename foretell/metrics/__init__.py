"""Metrics of predictions, for training and for prediction: NumPy in, plain values out, ready for JSON.

Here are accuracy, F1, perplexity, log loss, calibration and coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float64s, Floats, Integers

Report: TypeAlias = dict[str, Any]
"""Metrics by name, ready for JSON: numbers, tables and further reports."""

CALIBRATION_BINS = 15
MAX_CONFUSION = 1_000
"""Labels up to which a confusion matrix is kept: it has their number squared."""
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
MIN_PROBABILITY = float(np.finfo(np.float32).tiny)

# Thresholds are rounded down to this many digits, so that --abstain-below with a threshold from a table has
# the effect that the table shows.
_THRESHOLD_DIGITS = 4

# exp of more than this overflows a float.
_MAX_NATS = 700.0


def label_metrics(true_ids: Integers, predicted_ids: Integers, names: Sequence[str]) -> Report:
    """Compare predicted labels [text] with the true ones [text].

    Args:
        true_ids, predicted_ids: at least one text's; both are places in `names`.
        names: the labels.

    Returns:
        `accuracy`, `macro_f1` (mean over the labels that occur, true or predicted), `labels` (precision,
        recall, f1 and support of each; 0 where undefined) and `confusion` (`names` and `counts` [true,
        predicted]; with more than `MAX_CONFUSION` labels no counts).
    """
    hits, support, predicted = (
        np.bincount(ids, minlength=len(names))
        for ids in (true_ids[true_ids == predicted_ids], true_ids, predicted_ids)
    )
    precision, recall, f1 = ratios(hits, support, predicted)
    occurs = (support + predicted) > 0
    counts = []
    if len(names) <= MAX_CONFUSION:
        size = len(names)
        pairs = np.bincount(true_ids * size + predicted_ids, minlength=size * size)
        counts = pairs.reshape(size, size).tolist()
    keys = ("precision", "recall", "f1", "support")
    rows = zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return {
        "accuracy": float(hits.sum() / len(true_ids)),
        "macro_f1": float(f1[occurs].mean()),
        "labels": {name: dict(zip(keys, row, strict=True)) for name, row in zip(names, rows, strict=True)},
        "confusion": {"names": list(names), "counts": counts},
    }


def perplexity_of(logs: Floats) -> float:
    """Return e to the mean negative log-probability, in nats, of the words of a text, [word]."""
    return math.exp(min(-float(logs.mean(dtype=np.float64)), _MAX_NATS))


def bits_per_byte(log_probability: float, n_bytes: float, n_spelled: float = 0) -> float:
    """Return a language model's bits for each byte of a text, which do not depend on what its tokens are.

    Source: the bits per byte of Gao et al. 2020, "The Pile", section 3.1. `log_probability` is a natural
    logarithm. The `n_spelled` bytes of unknown words cost 8 bits each: `<unk>` does not determine the word.
    """
    return (-log_probability / math.log(2) + 8 * n_spelled) / n_bytes


def ratios(hits: Integers, support: Integers, predicted: Integers) -> tuple[Float64s, Float64s, Float64s]:
    """Return precision, recall and F1 of each label, each [label]; 0 where the divisor is 0.

    They are made of true positives, texts of the label, and texts that got it, [label] each.
    """
    hit = hits.astype(np.float64)
    return ratio(hit, predicted), ratio(hit, support), ratio(2 * hit, predicted + support)


def ratio(above: Float64s, below: Floats | Integers, otherwise: float = 0.0) -> Float64s:
    """Return above / below, or another number where `below` is 0."""
    result: Float64s = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return result


def mean_accuracy(targets: Integers, scores: Floats) -> float:
    """Return the fraction of targets [text] whose label has the highest score in rows [text, label]."""
    return float((scores.argmax(axis=1) == targets).mean())


def mean_loss(targets: Integers, probabilities: Floats) -> float:
    """Return the mean cross-entropy, in nats, of targets [text] under probabilities [text, label].

    Probabilities are clipped as Keras clips them, so that this can be compared with the loss of training.
    """
    return log_loss(targets, probabilities, min_probability=1e-7)


def log_loss(true_ids: Integers, probabilities: Floats, min_probability: float = MIN_PROBABILITY) -> float:
    """Return the mean -log of the probability [text, label] given to the true label [text], in nats.

    Probabilities below `min_probability` are raised to it: a float32 probability can round to 0, and one text
    must not make the mean infinite.
    """
    given = probabilities[np.arange(len(true_ids)), true_ids].astype(np.float64)
    return float(-np.log(np.clip(given, min_probability, 1.0)).mean())


def calibration_error(
    confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, 0 to 1.

    Guo et al. 2017, equation 3: `bins` equally wide bins of confidence (each open below, closed above), the
    gap of each weighted by its share of the texts. `confidence` is the probability given to the predicted
    label, `correct` whether that was right, [text] both.
    """
    gaps = np.bincount(calibration_bins(confidence, bins), weights=confidence.astype(np.float64) - correct)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability_bins(
    confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> list[dict[str, float]]:
    """Compare confidence with accuracy in each of the bins that `calibration_error` is made of.

    Returns:
        For each bin that holds a text, in order: `low` and `high`, its edges; `texts`, how many it holds;
        `confidence`, the mean of theirs; `accuracy`, the part that is right.
    """
    which = calibration_bins(confidence, bins)
    texts = np.bincount(which, minlength=bins)
    sure = np.bincount(which, weights=confidence.astype(np.float64), minlength=bins)
    right = np.bincount(which, weights=correct, minlength=bins)
    return [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "texts": int(texts[i]),
            "confidence": float(sure[i] / texts[i]),
            "accuracy": float(right[i] / texts[i]),
        }
        for i in np.flatnonzero(texts).tolist()
    ]


def calibration_bins(confidence: Floats, bins: int = CALIBRATION_BINS) -> Integers:
    """Return each text's bin of confidence, [text]: equally wide, closed above, open below but the first."""
    which: Integers = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidence, side="left")
    return which


def coverage_curve(
    confidence: Floats, correct: npt.NDArray[np.bool_], coverages: Sequence[float] = COVERAGES
) -> list[dict[str, float]]:
    """Return the accuracy of the most probable answers: gain and cost of abstaining below a threshold.

    `coverages` are the fractions of the texts to answer, falling; the others as for `calibration_error`.

    Returns:
        For each fraction: `threshold`, the probability (rounded down to four digits) at or above which at
        least that fraction is answered; `coverage`, the fraction that is answered then, larger where
        probabilities are equal; `accuracy` of the answers. Repeated thresholds are left out.
    """
    falling = -np.sort(-confidence.astype(np.float64))
    rows: list[dict[str, float]] = []
    for part in coverages:
        last = falling[max(math.ceil(part * len(falling) - 1e-9), 1) - 1]
        threshold = math.floor(last * 10**_THRESHOLD_DIGITS) / 10**_THRESHOLD_DIGITS
        if rows and rows[-1]["threshold"] == threshold:
            continue
        answered = confidence.astype(np.float64) >= threshold
        accuracy = float(correct[answered].mean())
        rows.append({"coverage": float(answered.mean()), "threshold": threshold, "accuracy": accuracy})
    return rows
