"""What a trained classifier is worth on texts that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.int32]
Probabilities = npt.NDArray[np.float32]

_MOST_MISTAKES, _MOST_CHARACTERS = 10, 400


def mean_loss(targets: Targets, probabilities: Probabilities) -> float:
    """Return the mean cross-entropy, in nats, of targets [text] under probabilities [text, label]."""
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    # Keras clips alike; one certain mistake would make the mean infinite.
    return float(-np.log(np.clip(chosen, 1e-7, 1.0)).mean())


def mean_accuracy(targets: Targets, probabilities: Probabilities) -> float:
    """Return the part of targets [text] that is the most probable label of probabilities [text, label]."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def figures(
    texts: Sequence[str], targets: Targets, probabilities: Probabilities, labels: Sequence[str]
) -> dict[str, Any]:
    """Return what the probabilities [text, label] of texts [text] are worth, ready for JSON.

    Returns:
        `accuracy`; `macro_f1`, the mean over the labels that occur, true or predicted; `valid_loss` in nats;
        `labels`, precision, recall, f1 and support of each; `confusion`, `names` and `counts` [true,
        predicted]; `mistakes`, the wrong texts that the model was surest of, the surest first: text (cut),
        label, predicted and the probability of `predicted`.
    """
    n, predicted = len(labels), probabilities.argmax(axis=1)
    counts = np.bincount(targets * n + predicted, minlength=n * n).reshape(n, n)
    by_label = {label: _of_label(counts, i) for i, label in enumerate(labels)}
    occurs = counts.sum(axis=0) + counts.sum(axis=1) > 0
    return {
        "accuracy": mean_accuracy(targets, probabilities),
        "macro_f1": float(
            np.mean([f["f1"] for f, there in zip(by_label.values(), occurs, strict=True) if there])
        ),
        "valid_loss": mean_loss(targets, probabilities),
        "labels": by_label,
        "confusion": {"names": list(labels), "counts": counts.tolist()},
        "mistakes": _mistakes(texts, targets, probabilities, labels),
    }


def _of_label(counts: npt.NDArray[np.int64], i: int) -> dict[str, float]:
    hits, support, predicted = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
    return {
        "precision": hits / max(1, predicted),
        "recall": hits / max(1, support),
        "f1": 2 * hits / max(1, support + predicted),
        "support": support,
    }


def _mistakes(
    texts: Sequence[str], targets: Targets, probabilities: Probabilities, labels: Sequence[str]
) -> list[dict[str, Any]]:
    predicted, probability = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != targets)
    surest = wrong[np.argsort(-probability[wrong], kind="stable")][:_MOST_MISTAKES]
    return [
        {
            "text": _cut(texts[i]),
            "label": labels[targets[i]],
            "predicted": labels[predicted[i]],
            "probability": float(probability[i]),
        }
        for i in surest
    ]


def _cut(text: str) -> str:
    """Return the end of a long text: it is what the classifier reads."""
    text = " ".join(text.split())
    return text if len(text) <= _MOST_CHARACTERS else "… " + text[-_MOST_CHARACTERS:]
