"""Step 7 of a classifier's training: the figures of the finished model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.data.split import Split, text_key
from foretell.metrics import (
    calibration_error,
    coverage_curve,
    label_figures,
    mean_loss,
    reliability_bins,
)
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.training.labels.linear import LinearStep
from foretell.training.labels.network import TrainedNetwork
from foretell.training.labels.plan import Standing
from foretell.training.labels.pseudo_labels import PseudoLabels
from foretell.training.labels.tokens import Targets, Tokens

_MAX_MISTAKES, _MAX_CHARACTERS = 10, 400


@dataclass(frozen=True)
class Measured:
    """Answers of a classifier, or of its parts, to texts that they have not seen.

    Attributes:
        texts: the texts.
        targets: int32 [text].
        answers: the classifier's probabilities [text, label].
        network: the network's alone, or None.
        name: what the texts are.
    """

    texts: Sequence[str]
    targets: Targets
    answers: Probabilities
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
        texts = list(compress(self.texts, rows))
        return Measured(texts, self.targets[rows], self.answers[rows], network, self.name)


def training_figures(
    split: Split,
    tokens: Tokens,
    linear: LinearStep,
    pseudo: PseudoLabels,
    network: TrainedNetwork,
    ensemble: Ensemble,
    settings: LabelsSettings,
) -> dict[str, Any]:
    """Return what metrics.json holds, from the results of the steps.

    With validation texts they are measured on these; otherwise they are those of the last epoch, on training
    texts.
    """
    shared = shared_figures(split, network.standing, settings)
    measured = valid_answers(split, tokens, pseudo, network, ensemble)
    if measured is None:
        return {**unmeasured(network.standing), **shared}
    return {
        **measured_figures(measured, tokens.labels),
        **linear.figures,
        **pseudo.linear.figures,
        **tokens.lengths(),
        **shared,
    }


def valid_answers(
    split: Split, tokens: Tokens, pseudo: PseudoLabels, network: TrainedNetwork, ensemble: Ensemble
) -> Measured | None:
    """Return the classifier's answers to the validation texts; None: there are none to measure on."""
    if split.valid is None or tokens.valid is None or network.valid is None:
        return None
    answers = network.valid
    if ensemble != NETWORK_ALONE:
        answers = ensemble(network.valid, pseudo.linear.valid)
    name = f"validation texts ({split.valid.name})"
    measured = Measured(split.valid.texts, tokens.valid.targets, answers, network.valid, name)
    return measured.without(split.not_measured)


def measured_figures(measured: Measured, labels: Sequence[str]) -> dict[str, Any]:
    """Return the figures of answers."""
    return {
        **figures(measured.texts, measured.targets, measured.answers, labels),
        **reliability_figures(measured.targets, measured.network, measured.answers),
        "measured_on": measured.name,
    }


def unmeasured(standing: Standing, reason: str = "") -> dict[str, Any]:
    """Return what metrics.json holds where no text was held out, which `reason` explains."""
    if reason:
        return {"not_measured": reason}
    return {"accuracy": standing.accuracy, "measured_on": "training texts, while training"}


def shared_figures(split: Split, standing: Standing, settings: LabelsSettings) -> dict[str, Any]:
    """Return the figures that every training has: losses, sizes and steps."""
    measured = (
        {}
        if standing.best_loss is None
        else {"best_epoch": standing.best_epoch if settings.keep == "best" else standing.epoch}
    )
    return {
        "loss": standing.loss,
        "texts": len(split.train),
        "unlabelled_texts": len(split.unlabelled),
        "valid_texts": 0 if split.valid is None else len(split.valid),
        "epochs": standing.epoch,
        "steps": standing.step,
        "texts_per_second": standing.step * settings.batch_size / max(standing.seconds, 1e-9),
        **measured,
    }


def reliability_figures(
    targets: Targets, network: Probabilities | None, answers: Probabilities
) -> dict[str, Any]:
    """Return how reliable the answers' probabilities [text, label] are, and the network's alone."""
    confidence, right = answers.max(axis=1), answers.argmax(axis=1) == targets
    figures = {
        "calibration_error": calibration_error(confidence, right),
        "reliability": reliability_bins(confidence, right),
        "coverage": coverage_curve(confidence, right),
    }
    if network is None:
        return figures
    network_right = network.argmax(axis=1) == targets
    return {
        **figures,
        "network_calibration_error": calibration_error(network.max(axis=1), network_right),
        "network_accuracy": float(network_right.mean()),
    }


def figures(
    texts: Sequence[str], targets: Targets, probabilities: Probabilities, labels: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of the probabilities [text, label] of validation texts [text], ready for JSON.

    Returns:
        What `foretell.metrics.label_figures` gives; `valid_loss` in nats; `mistakes`, the wrong answers with
        the highest probability, highest first: text (cut), label, predicted and the probability of
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
    most_certain = wrong[np.argsort(-probability[wrong], kind="stable")][:_MAX_MISTAKES]
    return [
        {
            "text": cut(texts[i]),
            "label": labels[targets[i]],
            "predicted": labels[predicted[i]],
            "probability": float(probability[i]),
        }
        for i in most_certain
    ]


def cut(text: str) -> str:
    """Return the end of a long text, which is what the network reads."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CHARACTERS else "… " + text[-_MAX_CHARACTERS:]
