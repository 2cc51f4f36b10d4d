"""What a trained classifier is worth on texts that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.metrics import label_figures, log_loss

Targets = npt.NDArray[np.int32]
Probabilities = npt.NDArray[np.float32]

_MOST_MISTAKES, _MOST_CHARACTERS = 10, 400


def mean_loss(targets: Targets, probabilities: Probabilities) -> float:
    """Return the mean cross-entropy, in nats, of targets [text] under probabilities [text, label]."""
    # Keras clips alike, so that this and the loss of training can be compared.
    return log_loss(targets, probabilities, least=1e-7)


def mean_accuracy(targets: Targets, probabilities: npt.NDArray[np.floating]) -> float:
    """Return the part of targets [text] that rows [text, label] of probabilities, or logs, put first."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def figures(
    texts: Sequence[str], targets: Targets, probabilities: Probabilities, labels: Sequence[str]
) -> dict[str, Any]:
    """Return what the probabilities [text, label] of texts [text] are worth, ready for JSON.

    Returns:
        What `foretell.metrics.label_figures` gives; `valid_loss` in nats; `mistakes`, the wrong texts that
        the model was surest of, the surest first: text (cut), label, predicted and the probability of
        `predicted`.
    """
    return {
        **label_figures(targets, probabilities.argmax(axis=1), labels),
        "valid_loss": mean_loss(targets, probabilities),
        "mistakes": _mistakes(texts, targets, probabilities, labels),
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
