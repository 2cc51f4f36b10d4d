"""Predictions of texts by members that have not seen them: they fit the ensemble, and they are
measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from foretell.arrays import Array, Integers, Logits, Mask, Probabilities
from foretell.data.split import text_key
from foretell.metrics import (
    calibration_error,
    coverage_curve,
    label_metrics,
    log_loss,
    reliability_bins,
)
from foretell.metrics.multi_label import multi_label_metrics
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.training.labels.folds import Folds, other_folds
from foretell.training.labels.members import Members
from foretell.training.labels.outputs import AnyEnsemble, Outputs
from foretell.training.labels.rows import Rows

_CAUTION = (
    "the same predictions chose penalties and weights: expect a little less on new texts "
    "(with 300 labels "
    "1.2 to 1.4 points of accuracy on average)"
)


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers of a classifier to texts that it has not seen; `name` says what these are.

    The answers are probabilities [text, label], and `network` those of the network alone, or None.
    """

    texts: Sequence[str]
    targets: Array
    answers: Probabilities
    decided: Mask
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
        answers = self.answers[rows]
        return Measured(texts, self.targets[rows], answers, self.decided[rows], network, self.name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Unseen:
    """Predictions of texts by members that have not seen them: the network and the linear ones
    together.

    The network's are probabilities [text, label], the others logits [text, label]; None: there are
    none.
    """

    texts: Sequence[str]
    targets: Array
    network: Probabilities | None
    linear: Logits | None
    fold_of: Integers
    outputs: Outputs

    def of(self, rows: Mask) -> Unseen:
        network, linear = (
            None if each is None else each[rows] for each in (self.network, self.linear)
        )
        texts = list(compress(self.texts, rows))
        targets = self.targets[rows]
        fold_of = self.fold_of[rows]
        return replace(
            self, texts=texts, targets=targets, network=network, linear=linear, fold_of=fold_of
        )

    def ensemble(self) -> AnyEnsemble:
        """Return the ensemble with the smallest loss on the texts."""
        return self.outputs.fit_ensemble(self.targets, self.network, self.linear)

    def measured(self, name: str, ensemble: AnyEnsemble | None = None) -> Measured | None:
        """Return the answers of an ensemble, or (None) of ensembles fitted without the text's fold.

        With one fold, a validation set, the ensemble is fitted to the same texts. None: there are
        no texts.
        """
        if not len(self.targets):
            return None
        shape = (len(self.targets), self.outputs.n_labels)
        rows = np.zeros(shape, np.float32)
        decided = np.zeros(shape, bool)
        for others, inside in other_folds(self.fold_of):
            used = ensemble or self.of(others).ensemble()
            own = self.of(inside)
            rows[inside] = used(own.network, own.linear)
            decided[inside] = self.outputs.decide(used, rows[inside])
        return Measured(self.texts, self.targets, rows, decided, self.network, name)


def unseen_predictions(
    rows: Rows, folds: Folds, members: Members | None, network: Probabilities | None
) -> Unseen:
    """Return the predictions of the texts that no member has seen.

    The network's probabilities [text, label] are of all training texts, or of the validation texts,
    the last ones before the hints; None: there are none.
    """
    unseen = folds.held.copy()
    n = len(rows.texts) - rows.hints
    if network is not None:
        first = n - len(network)
        unseen[:first] = False
        unseen[first:n] &= np.isfinite(network).all(axis=1)
        network = network[unseen[first:n]]
    return Unseen(
        texts=list(compress(rows.texts, unseen)),
        targets=rows.targets[unseen],
        network=network,
        linear=None if members is None else members.logs[unseen[folds.held]],
        fold_of=folds.fold_of[unseen],
        outputs=rows.outputs,
    )


def network_share(ensemble: AnyEnsemble) -> float:
    """Return the network's part of the weights of an ensemble, 0 to 1; of several labels the
    largest.
    """
    network, linear = (
        np.atleast_1d(np.array(each, float)) for each in (ensemble.network, ensemble.linear)
    )
    if not network.size or not linear.size:
        return float(network.size > 0)
    return float((network / np.maximum(network + linear, 1e-9)).max())


def worth_of(measured: Measured) -> str:
    """Return that answers are no better than the shares of the labels, or "" where they are.

    The shares are those of the texts themselves: a little better than those of others would be.
    """
    targets = measured.targets
    if targets.ndim > 1:
        return ""
    counts = np.bincount(targets)
    right = int((measured.answers.argmax(axis=1) == targets).sum())
    shares = counts[targets] / len(targets)
    is_better = log_loss(targets, measured.answers, 1e-7) < -np.log(shares).mean()
    if is_better or right > counts.max() or counts.max() == len(targets):
        return ""
    return (
        f"the model is no better than always answering the most frequent label: right are "
        f"{right:,} texts instead of {counts.max():,}"
    )


def metrics_of(
    measured: Measured, labels: Sequence[str], ensemble: AnyEnsemble
) -> dict[str, object]:
    """Return the metrics of answers, ready for JSON.

    They are what `label_metrics` or `multi_label_metrics` gives, `valid_loss` in nats, and of one
    label for each text how reliable the probabilities are.
    """
    targets = measured.targets
    answers = measured.answers
    network = measured.network
    found: dict[str, object] = {"measured_on": measured.name}
    if "fold" in measured.name:
        found["caution"] = _CAUTION
    if isinstance(ensemble, LabelwiseEnsemble):
        of_labels = multi_label_metrics(
            targets, measured.decided, answers, labels, ensemble.thresholds
        )
        return {**of_labels, "valid_loss": of_labels["log_loss"], **found}
    confidence = answers.max(axis=1)
    right = answers.argmax(axis=1) == targets
    if network is not None:
        found["network_accuracy"] = float((network.argmax(axis=1) == targets).mean())
    return {
        **label_metrics(targets, answers.argmax(axis=1), labels),
        "valid_loss": log_loss(targets, answers, 1e-7),
        "calibration_error": calibration_error(confidence, right),
        "reliability": reliability_bins(confidence, right),
        "coverage": coverage_curve(confidence, right),
        **found,
    }
