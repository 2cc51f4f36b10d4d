"""Accuracy, F1, perplexity, log loss, calibration, coverage: NumPy in, plain values out, ready for
JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from foretell.arrays import Float64s, Floats, Integers, Mask, Probabilities

Report: TypeAlias = dict[str, Any]
"""Metrics by name, ready for JSON: numbers, tables and further reports."""

CALIBRATION_BINS = 15
MAX_CONFUSION = 1_000
"""Labels up to which a confusion matrix is kept: it has their number squared."""
MAX_PAIRS = 20
"""Pairs of labels in the list of those that are confused most often."""
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
MIN_PROBABILITY = float(np.finfo(np.float32).tiny)

# Thresholds are rounded down to this many digits, so that --abstain-below with a threshold from a
# table has the effect that the table shows.
_THRESHOLD_DIGITS = 4

# exp of more than this overflows a float.
_MAX_NATS = 700.0


def label_metrics(true_ids: Integers, predicted_ids: Integers, names: Sequence[str]) -> Report:
    """Compare predicted labels [text] with the true ones [text].

    Args:
        true_ids, predicted_ids: at least one text's; both are places in `names`.
        names: the labels.

    Returns:
        `accuracy`, `balanced_accuracy` (the mean recall of the labels that occur), `macro_f1` (mean
        over the labels that occur, true or predicted), `labels` (precision, recall, f1 and support
        of each; 0 where undefined) and `confusion` (`names` and `counts` [true, predicted]; with
        more than `MAX_CONFUSION` labels no counts).
    """
    hits, support, predicted = (
        np.bincount(ids, minlength=len(names))
        for ids in (true_ids[true_ids == predicted_ids], true_ids, predicted_ids)
    )
    counts = []
    if len(names) <= MAX_CONFUSION:
        size = len(names)
        pairs = np.bincount(true_ids * size + predicted_ids, minlength=size * size)
        counts = pairs.reshape(size, size).tolist()
    return {
        "accuracy": float(hits.sum() / len(true_ids)),
        "balanced_accuracy": float(ratio(hits.astype(np.float64), support)[support > 0].mean()),
        **by_label(names, hits, support, predicted),
        "confusion": {"names": list(names), "counts": counts},
    }


def confused_pairs(true_ids: Integers, predicted_ids: Integers, names: Sequence[str]) -> Report:
    """Return the pairs of labels that are confused most often, at most `MAX_PAIRS`.

    The arguments are those of `label_metrics`.

    Returns:
        `different`: how many pairs are confused at all; `pairs`: of each `label`, `predicted` and
        `texts`, how many texts of the first got the second.
    """
    wrong = true_ids != predicted_ids
    codes = true_ids[wrong].astype(np.int64) * len(names) + predicted_ids[wrong]
    pairs, texts = np.unique(codes, return_counts=True)
    order = np.argsort(-texts, kind="stable")[:MAX_PAIRS]
    rows = []
    for pair, number in zip(pairs[order].tolist(), texts[order].tolist(), strict=True):
        true, predicted = divmod(pair, len(names))
        rows.append({"label": names[true], "predicted": names[predicted], "texts": number})
    return {"different": len(pairs), "pairs": rows}


def by_label(
    names: Sequence[str], hits: Integers, support: Integers, predicted: Integers
) -> Report:
    """Return `macro_f1` and `labels` of true positives, texts of a label, and texts that got it,
    [label].
    """
    hit = hits.astype(np.float64)
    both = support + predicted
    f1 = ratio(2 * hit, both)
    columns = (ratio(hit, predicted), ratio(hit, support), f1, support)
    keys = ("precision", "recall", "f1", "support")
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {
        "macro_f1": float(f1[both > 0].mean()) if both.any() else 0.0,
        "labels": {
            name: dict(zip(keys, row, strict=True)) for name, row in zip(names, rows, strict=True)
        },
    }


def probability_metrics(
    true_ids: Integers, probabilities: Probabilities, names: Sequence[str]
) -> Report:
    """Return `label_metrics` of the most probable labels, and how reliable the probabilities are.

    `valid_loss` is the log loss in nats.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == true_ids
    return {
        **label_metrics(true_ids, probabilities.argmax(axis=1), names),
        "valid_loss": log_loss(true_ids, probabilities, 1e-7),
        "calibration_error": calibration_error(confidence, right),
        "reliability": reliability_bins(confidence, right),
        "coverage": coverage_curve(confidence, right),
    }


def perplexity_of(logs: Floats) -> float:
    """Return e to the mean negative log-probability, in nats, of the words of a text, [word]."""
    return math.exp(min(-float(logs.mean(dtype=np.float64)), _MAX_NATS))


def bits_per_byte(log_probability: float, n_bytes: float, n_spelled: float = 0) -> float:
    """Return a language model's bits for each byte of a text, which do not depend on what its
    tokens are.

    Source: the bits per byte of Gao et al. 2020, "The Pile", section 3.1. `log_probability` is a
    natural logarithm. The `n_spelled` bytes of unknown words cost 8 bits each: `<unk>` does not
    determine the word.
    """
    return (-log_probability / math.log(2) + 8 * n_spelled) / n_bytes


def ratio(above: Float64s, below: Floats | Integers, otherwise: float = 0.0) -> Float64s:
    """Return above / below, or another number where `below` is 0."""
    result: Float64s = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return result


def mean_accuracy(targets: Integers, scores: Floats) -> float:
    """Return the fraction of targets [text] whose label has the highest score in rows [text,
    label].
    """
    return float((scores.argmax(axis=1) == targets).mean())


def log_loss(
    true_ids: Integers, probabilities: Floats, min_probability: float = MIN_PROBABILITY
) -> float:
    """Return the mean -log of the probability [text, label] given to the true label [text], in
    nats.

    Probabilities below `min_probability` are raised to it: a float32 probability can round to 0,
    and one text must not make the mean infinite. Keras clips them at 1e-7 in the loss of a
    training.
    """
    given = probabilities[np.arange(len(true_ids)), true_ids].astype(np.float64)
    return float(-np.log(np.clip(given, min_probability, 1.0)).mean())


def calibration_error(confidence: Floats, correct: Mask) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, 0 to 1.

    Guo et al. 2017, equation 3: 15 equally wide bins of confidence (each open below, closed above),
    the gap of each weighted by its share of the texts. `confidence` is the probability given to the
    predicted label, `correct` whether that was right, [text] both.
    """
    gaps = np.bincount(_bins(confidence), weights=confidence.astype(np.float64) - correct)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability_bins(confidence: Floats, correct: Mask) -> list[dict[str, float]]:
    """Compare confidence with accuracy in each of the bins that `calibration_error` is made of.

    Returns:
        For each bin that holds a text, in order: `low` and `high`, its edges; `texts`, how many it
        holds; `confidence`, the mean of theirs; `accuracy`, the part that is right.
    """
    which = _bins(confidence)
    texts = np.bincount(which)
    sure, right = (
        np.bincount(which, weights=values.astype(np.float64)) for values in (confidence, correct)
    )
    return [
        {
            "low": i / CALIBRATION_BINS,
            "high": (i + 1) / CALIBRATION_BINS,
            "texts": int(texts[i]),
            "confidence": float(sure[i] / texts[i]),
            "accuracy": float(right[i] / texts[i]),
        }
        for i in np.flatnonzero(texts).tolist()
    ]


def _bins(confidence: Floats) -> Integers:
    edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
    return np.searchsorted(edges[1:-1], confidence, side="left")


def coverage_curve(confidence: Floats, correct: Mask) -> list[dict[str, float]]:
    """Return the accuracy of the most probable answers: gain and cost of abstaining below a
    threshold.

    Returns:
        For each fraction of the texts in `COVERAGES`: `threshold`, the probability (rounded down to
        four digits) at or above which at least that fraction is answered; `coverage`, the fraction
        that is answered then, larger where probabilities are equal; `accuracy` of the answers.
        Repeated thresholds are left out. The arguments are those of `calibration_error`.
    """
    falling = -np.sort(-confidence.astype(np.float64))
    rows: list[dict[str, float]] = []
    for part in COVERAGES:
        last = falling[max(math.ceil(part * len(falling) - 1e-9), 1) - 1]
        threshold = math.floor(last * 10**_THRESHOLD_DIGITS) / 10**_THRESHOLD_DIGITS
        if rows and rows[-1]["threshold"] == threshold:
            continue
        answered = confidence.astype(np.float64) >= threshold
        accuracy = float(correct[answered].mean())
        rows.append(
            {"coverage": float(answered.mean()), "threshold": threshold, "accuracy": accuracy}
        )
    return rows
