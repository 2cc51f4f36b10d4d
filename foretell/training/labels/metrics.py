"""The metrics of a finished classifier, on texts that its members have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from foretell.arrays import Array, Probabilities
from foretell.data.split import text_key
from foretell.metrics import calibration_error, coverage_curve, label_metrics, mean_loss, reliability_bins
from foretell.metrics.multi_label import multi_label_metrics
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.training.labels.network_fit import Standing
from foretell.training.labels.outputs import AnyEnsemble, Decided
from foretell.training.labels.stages import Training

NONE = "(none)"
"""What stands for no label in a mistake."""

_MAX_MISTAKES, _MAX_CHARACTERS = 10, 400

_CAUTION = (
    "the same predictions chose penalties and weights: expect a little less on new texts (with 300 labels "
    "1.2 to 1.4 points of accuracy on average)"
)


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers of a classifier, or of its parts, to texts that they have not seen; `name` says what these are.

    Targets are int32 [text], or float32 [text, label], NaN unknown, where texts may have several labels. The
    answers are probabilities [text, label], and `network` those of the network alone, or None.
    """

    texts: Sequence[str]
    targets: Array
    answers: Probabilities
    decided: Decided
    network: Probabilities | None
    name: str

    def without(self, keys: frozenset[bytes]) -> Measured | None:
        """Return the answers to texts whose `text_key` is not among `keys`; None: to no text."""
        if not keys:
            return self
        rows = np.array([text_key(text) not in keys for text in self.texts], bool)
        if not rows.any():
            return None
        network = None if self.network is None else self.network[rows]
        texts, answers = list(compress(self.texts, rows)), self.answers[rows]
        return Measured(texts, self.targets[rows], answers, self.decided[rows], network, self.name)


def metrics_of(measured: Measured, labels: Sequence[str], ensemble: AnyEnsemble) -> dict[str, object]:
    """Return the metrics of answers, ready for JSON.

    They are what `label_metrics` or `multi_label_metrics` gives; `valid_loss` in nats; `mistakes`, the wrong
    answers with the highest probability, highest first; and how reliable the probabilities are.
    """
    targets, answers = measured.targets, measured.answers
    found: dict[str, object] = {"mistakes": _mistakes(measured, labels), "measured_on": measured.name}
    if "fold" in measured.name:
        found["caution"] = _CAUTION
    if isinstance(ensemble, LabelwiseEnsemble):
        of_labels = multi_label_metrics(targets, measured.decided, answers, labels, ensemble.thresholds)
        return {**of_labels, "valid_loss": of_labels["log_loss"], **found}
    return {
        **label_metrics(targets, answers.argmax(axis=1), labels),
        "valid_loss": mean_loss(targets, answers),
        **_reliability(targets, measured.network, answers),
        **found,
    }


def shared_metrics(training: Training, standing: Standing) -> dict[str, object]:
    """Return the metrics that every training has: losses, sizes and steps."""
    split, settings = training.split, training.settings
    best = standing.epoch if settings.follows_article else standing.best_epoch
    return {
        **training.tokens.lengths(),
        "loss": standing.loss,
        "texts": len(split.train),
        "unlabelled_texts": len(split.unlabelled),
        "valid_texts": 0 if split.valid is None else len(split.valid),
        "epochs": standing.epoch,
        "steps": standing.step,
        "texts_per_second": standing.step * settings.batch_size / max(standing.seconds, 1e-9),
        **({} if standing.best_loss is None else {"best_epoch": best}),
        "seconds": training.run.budget.seconds(),
    }


def _reliability(targets: Array, network: Probabilities | None, answers: Probabilities) -> dict[str, object]:
    """Return how reliable the answers' probabilities [text, label] are, and the network's alone."""
    confidence, right = answers.max(axis=1), answers.argmax(axis=1) == targets
    found: dict[str, object] = {
        "calibration_error": calibration_error(confidence, right),
        "reliability": reliability_bins(confidence, right),
        "coverage": coverage_curve(confidence, right),
    }
    if network is not None:
        network_right = network.argmax(axis=1) == targets
        found["network_calibration_error"] = calibration_error(network.max(axis=1), network_right)
        found["network_accuracy"] = float(network_right.mean())
    return found


def _mistakes(measured: Measured, labels: Sequence[str]) -> list[dict[str, object]]:
    """Return the wrong answers with the highest probability, each of another text."""
    answers, decided = measured.answers, measured.decided
    if measured.targets.ndim == 1:
        true = np.arange(len(labels)) == measured.targets[:, None]
        confidence = np.where((decided & ~true).any(axis=1), answers.max(axis=1), -1.0)
    else:
        true = measured.targets == 1
        wrong = ~np.isnan(measured.targets) & (true != decided)
        confidence = np.where(wrong, np.where(decided, answers, 1 - answers), -1.0).max(axis=1)
    order = [text for text in np.argsort(-confidence, kind="stable").tolist() if confidence[text] >= 0]
    return [
        {
            "text": _cut(measured.texts[text]),
            "label": _listed(labels, true[text]),
            "predicted": _listed(labels, decided[text]),
            "probability": float(confidence[text]),
        }
        for text in order[:_MAX_MISTAKES]
    ]


def _listed(labels: Sequence[str], row: Decided) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(row).tolist()) or NONE


def _cut(text: str) -> str:
    """Return the end of a long text, which is what the network reads."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CHARACTERS else "… " + text[-_MAX_CHARACTERS:]
