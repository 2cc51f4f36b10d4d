"""The figures of a training in which texts may have several labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.metrics.multi_label import multi_label_figures
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.training.labels.figures import cut

_MAX_MISTAKES = 10
NONE = "(none)"
"""What stands for no label in a mistake."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of a classifier to texts that it has not seen.

    Attributes:
        texts: the texts.
        targets: float32 [text, label], NaN unknown.
        probabilities: [text, label].
        decided: bool [text, label].
        name: what the texts are.
    """

    texts: Sequence[str]
    targets: npt.NDArray[np.float32]
    probabilities: Probabilities
    decided: npt.NDArray[np.bool_]
    name: str


def figures(answers: Answers, labels: Sequence[str], ensemble: LabelwiseEnsemble) -> dict[str, Any]:
    """Return what metrics.json holds of the answers."""
    found = multi_label_figures(
        answers.targets, answers.decided, answers.probabilities, labels, ensemble.thresholds
    )
    return {
        **found,
        "valid_loss": found["log_loss"],
        "mistakes": _mistakes(answers, labels),
        "measured_on": answers.name,
    }


def _mistakes(answers: Answers, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the wrong decisions whose opposite was the least probable, each of another text."""
    targets, rows = answers.targets, answers.probabilities
    wrong = ~np.isnan(targets) & ((targets == 1) != answers.decided)
    confidence = np.where(wrong, np.where(answers.decided, rows, 1 - rows), -1.0)
    worst = confidence.max(axis=1)
    order = [text for text in np.argsort(-worst, kind="stable").tolist() if worst[text] >= 0][:_MAX_MISTAKES]
    return [
        {
            "text": cut(answers.texts[text]),
            "label": _listed(labels, targets[text] == 1),
            "predicted": _listed(labels, answers.decided[text]),
            "probability": float(worst[text]),
        }
        for text in order
    ]


def _listed(labels: Sequence[str], rows: npt.NDArray[np.bool_]) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(rows).tolist()) or NONE
