"""Metrics of classifiers whose texts may have several labels. Labels that are unknown (NaN) count
nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.arrays import Array, Float64s, Mask
from foretell.metrics import MIN_PROBABILITY, Report, by_label, calibration_error
from foretell.metrics.bootstrap import LabelCounts, interval, sums

DEFAULT_THRESHOLD = 0.5
MIN_PREDICTIONS = 50
MIN_POSITIVES = 10
"""A threshold is fitted to at least so many predictions, of which so many are positive."""


def multi_label_metrics(
    targets: Array,
    decided: Array,
    probabilities: Array,
    names: Sequence[str],
    thresholds: Sequence[float],
) -> Report:
    """Compare decisions [text, label] with the truth.

    Args:
        targets: [text, label], 1, 0, or NaN where that is unknown.
        decided: bool [text, label], which labels each text gets.
        probabilities: [text, label].
        names: the labels.
        thresholds: of each label, [label].

    Returns:
        `accuracy`, the share of texts of which every known label is right (subset accuracy);
        `micro_f1`; `macro_f1`, the mean over the labels that occur, true or predicted;
        `hamming_loss`, the share of wrong decisions; `log_loss`, the mean binary cross-entropy in
        nats; `calibration_error` of all decisions; `labels`, for each precision, recall, f1,
        support, unknown, threshold and log_loss (None: no text).
    """
    known, wrong, *cells = _cells(targets, decided)
    losses = _losses(targets, probabilities)
    confidence = np.where(decided, probabilities, 1 - probabilities)[known]
    right = ~wrong[known]
    of_labels = by_label(names, *(cell.sum(axis=0) for cell in cells))
    for place, row in enumerate(of_labels["labels"].values()):
        row["unknown"] = int((~known[:, place]).sum())
        row["threshold"] = float(thresholds[place])
        row["log_loss"] = _mean(losses[known[:, place], place])
    return {
        "accuracy": float(1 - wrong.any(axis=1).mean()),
        "micro_f1": micro_f1(targets, decided),
        "macro_f1": of_labels["macro_f1"],
        "hamming_loss": float(wrong.sum() / max(known.sum(), 1)),
        "log_loss": _mean(losses[known]) or 0.0,
        "calibration_error": calibration_error(confidence, right) if known.any() else 0.0,
        "labels": of_labels["labels"],
    }


def multi_label_intervals(targets: Array, decided: Array, names: Sequence[str]) -> Report:
    """Return the 95 % intervals of `accuracy`, `micro_f1`, `macro_f1`, `hamming_loss` and each
    label's f1.

    They are by the bootstrap over texts; see `foretell.metrics.bootstrap`.
    """
    known, wrong, *cells = _cells(targets, decided)
    n = len(targets)
    columns = np.column_stack([wrong.any(axis=1), wrong.sum(axis=1), known.sum(axis=1), *cells])
    total = sums(columns.astype(np.float64))
    counts = LabelCounts(*np.split(total[:, 3:], 3, axis=1))
    below = (counts.support + counts.predicted).sum(axis=1)
    return {
        "accuracy": interval(1 - total[:, 0] / n),
        "micro_f1": interval(2 * counts.hits.sum(axis=1) / np.maximum(below, 1)),
        "macro_f1": interval(counts.macro_f1),
        "hamming_loss": interval(total[:, 1] / np.maximum(total[:, 2], 1)),
        "labels": {name: {"f1": interval(counts.f1[:, place])} for place, name in enumerate(names)},
    }


def best_thresholds(targets: Array, probabilities: Array) -> tuple[float, ...]:
    """Return the threshold of each label with the highest F1 on these texts, [label].

    It lies midway between two neighbouring probabilities; of equally good ones it is the nearest to
    0.5. It is 0.5 with fewer than 50 known texts, or fewer than 10 of them positive.
    """
    return tuple(
        _best_threshold(targets[:, place], probabilities[:, place])
        for place in range(targets.shape[1])
    )


def _best_threshold(targets: Array, probabilities: Array) -> float:
    known = ~np.isnan(targets)
    true = targets[known] == 1
    given = probabilities[known].astype(np.float64)
    if len(true) < MIN_PREDICTIONS or true.sum() < MIN_POSITIVES:
        return DEFAULT_THRESHOLD
    order = np.argsort(-given, kind="stable")
    hits = np.cumsum(true[order])
    falling = given[order]
    f1 = 2 * hits / (np.arange(1, len(true) + 1) + true.sum())
    # Between equal probabilities there is no threshold.
    possible = np.append(falling[1:] < falling[:-1], True)
    middles = (falling + np.append(falling[1:], 0.0)) / 2
    candidates = np.flatnonzero(possible & (f1 >= f1[possible].max() - 1e-12))
    best = candidates[np.abs(middles[candidates] - DEFAULT_THRESHOLD).argmin()]
    return float(np.clip(middles[best], 1e-6, 1 - 1e-6))


def label_accuracy(targets: Array, decided: Array) -> float:
    """Return the share of right decisions among the known ones, [text, label]: 1 less the Hamming
    loss.
    """
    known, wrong, *_ = _cells(targets, decided)
    return float((known & ~wrong).sum() / max(known.sum(), 1))


def micro_f1(targets: Array, decided: Array) -> float:
    """Return F1 of all labels together."""
    hits, support, given = (cell.sum() for cell in _cells(targets, decided)[2:])
    return float(2 * hits / max(support + given, 1))


def _cells(targets: Array, decided: Array) -> tuple[Mask, Mask, Mask, Mask, Mask]:
    """Return which decisions [text, label] are known, and of these: which are wrong, which labels
    are rightly given, which are true, and which are given.
    """
    known = ~np.isnan(targets)
    true = targets == 1
    return known, (true != decided) & known, true & decided, true, decided & known


def mean_log_loss(
    targets: Array, probabilities: Array, min_probability: float = MIN_PROBABILITY
) -> float:
    """Return the mean binary cross-entropy of the known labels [text, label], in nats."""
    return _mean(_losses(targets, probabilities, min_probability)[~np.isnan(targets)]) or 0.0


def _losses(
    targets: Array, probabilities: Array, min_probability: float = MIN_PROBABILITY
) -> Float64s:
    given = probabilities.astype(np.float64)
    losses: Float64s = -np.log(
        np.clip(np.where(targets == 1, given, 1 - given), min_probability, 1.0)
    )
    return losses


def _mean(values: Float64s) -> float | None:
    return float(values.mean()) if len(values) else None
