"""Figures of an evaluation that add up: each shard gives sums, and their total gives the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foretell.arrays import Integers
from foretell.errors import DataError
from foretell.metrics.figures import CALIBRATION_BINS, COVERAGES, MIN_PROBABILITY, precision_recall_f1

STEPS = 10_000
"""Steps of the confidence from 0 to 1 that are counted: the four digits to which thresholds are rounded."""


@dataclass
class LabelSums:
    """The sums of the classified texts of a shard.

    Attributes:
        names: the labels of the model.
        counts: texts by (true label, predicted label).
        log_loss: the sum of -log of the true label's probability, in nats, over labels of the model.
        confidence: by calibration bin, the sum of the confidence.
        bins: by calibration bin, texts and those that are right.
        steps: by step of the confidence, texts and those that are right.
    """

    names: tuple[str, ...]
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    log_loss: float = 0.0
    confidence: list[float] = field(default_factory=lambda: [0.0] * CALIBRATION_BINS)
    bins: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(CALIBRATION_BINS)])
    steps: dict[int, list[int]] = field(default_factory=dict)

    def add(self, label: str, predicted: str, row: dict[str, float]) -> None:
        """Add one text: its true label, the predicted one, and the probability of each label."""
        confidence = float(np.float32(row[predicted]))
        right = int(label == predicted)
        self.counts[label, predicted] = self.counts.get((label, predicted), 0) + 1
        if label in row:
            self.log_loss -= math.log(min(max(row[label], MIN_PROBABILITY), 1.0))
        place = int(np.searchsorted(_EDGES, np.float32(confidence), side="left"))
        self.confidence[place] += confidence
        for tally in (self.bins[place], self.steps.setdefault(_step(confidence), [0, 0])):
            tally[0] += 1
            tally[1] += right

    def to_dict(self) -> dict[str, Any]:
        """Return the sums as values that JSON can hold."""
        return {
            "names": list(self.names),
            "counts": [[*pair, n] for pair, n in self.counts.items()],
            "log_loss": self.log_loss,
            "confidence": self.confidence,
            "bins": self.bins,
            "steps": [[step, *tally] for step, tally in sorted(self.steps.items())],
        }


_EDGES = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)[1:-1]


def _step(confidence: float) -> int:
    """Return the largest step that is not above a confidence."""
    step = int(confidence * STEPS)
    while step and confidence < step / STEPS:
        step -= 1
    return step + 1 if confidence >= (step + 1) / STEPS else step


def labels_report(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what `foretell.runtime.labels.evaluation.evaluation_report` does, from the sums of the shards.

    Args:
        parts: what `LabelSums.to_dict` gave for each shard, in the order of the input.

    Raises:
        DataError: no text with a label.
    """
    counts: dict[tuple[str, str], int] = {}
    for part in parts:
        for label, predicted, n in part["counts"]:
            counts[label, predicted] = counts.get((label, predicted), 0) + n
    total = sum(counts.values())
    if not total:
        raise DataError(expected="at least one text with a label", found="none")
    names = list(parts[0]["names"])
    all_names = [*names, *sorted({label for label, _ in counts} - set(names))]
    index = {name: i for i, name in enumerate(all_names)}
    matrix = np.zeros((len(all_names), len(all_names)), np.int64)
    for (label, predicted), n in counts.items():
        matrix[index[label], index[predicted]] = n
    report = {"texts": total, **_figures(matrix, all_names)}
    bins = np.array([part["bins"] for part in parts], np.int64).sum(axis=0)
    confidence = np.array([part["confidence"] for part in parts]).sum(axis=0)
    report["calibration_error"] = float(np.abs(confidence - bins[:, 1]).sum() / total)
    known = len(all_names) == len(names)
    report["log_loss"] = sum(part["log_loss"] for part in parts) / total if known else None
    return {**report, "coverage": _coverage(parts, total)}


def _figures(matrix: Integers, names: Sequence[str]) -> dict[str, Any]:
    """Return what `foretell.metrics.label_figures` does, of a confusion matrix [true, predicted]."""
    precision, recall, f1 = precision_recall_f1(matrix.astype(np.int64))
    support = matrix.sum(axis=1)
    occurs = (support + matrix.sum(axis=0)) > 0
    keys = ("precision", "recall", "f1", "support")
    rows = zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "macro_f1": float(f1[occurs].mean()),
        "labels": {name: dict(zip(keys, row, strict=True)) for name, row in zip(names, rows, strict=True)},
        "confusion": {"names": list(names), "counts": matrix.tolist()},
    }


def _coverage(parts: Sequence[dict[str, Any]], total: int) -> list[dict[str, float]]:
    """Return the coverage curve of `foretell.metrics.coverage_curve`."""
    tallies = np.zeros((STEPS + 2, 2), np.int64)
    for part in parts:
        for step, texts, right in part["steps"]:
            tallies[step] += (texts, right)
    # By step, the texts at or above it, and those of them that are right.
    above = np.cumsum(tallies[::-1], axis=0)[::-1]
    rows: list[dict[str, float]] = []
    for wanted in COVERAGES:
        needed = max(math.ceil(wanted * total - 1e-9), 1)
        step = int(np.flatnonzero(above[:, 0] >= needed)[-1])
        threshold = step / STEPS
        if rows and rows[-1]["threshold"] == threshold:
            continue
        texts, right = above[step].tolist()
        rows.append({"coverage": texts / total, "threshold": threshold, "accuracy": right / texts})
    return rows


@dataclass
class WordSums:
    """The sums of the scored text of a shard; see `foretell.runtime.words.scoring.Score`.

    Attributes:
        bits: -log2 probability and the cost of spelling unknown words, of all bytes.
    """

    tokens: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0
    unknown: int = 0
    log_probability: float = 0.0
    bits: float = 0.0


def words_report(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the score of all shards together.

    Raises:
        DataError: no word that the model can predict.
    """
    sums = {name: sum(part[name] for part in parts) for name in WordSums.__dataclass_fields__}
    if not sums["tokens"]:
        raise DataError(expected="a text with at least one word that the model can predict", found="none")
    loss = -sums["log_probability"] / sums["tokens"]
    bits = sums.pop("bits")
    return {
        **sums,
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
        "bits_per_character": -sums["log_probability"] / math.log(2) / sums["characters"],
        "bits_per_byte": bits / sums["bytes"],
    }
