"""Predictions of texts by members that have not seen them: they fit the ensemble, and they are
measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Array, Logits, Mask, Probabilities
from foretell.data.folds import note_on_few
from foretell.metrics import probability_metrics
from foretell.metrics.multi_label import multi_label_metrics
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.training.labels.corpus import LabelsCorpus, Measuring
from foretell.training.labels.members import Evidence, measured_places, other_parts
from foretell.training.labels.outputs import AnyEnsemble, Outputs


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Unseen:
    """Predictions of texts by members that have not seen them: the network and the linear ones
    together.

    Attributes:
        evidence: the texts; what is decided on other parts of them is measured on a part.
        network: probabilities [text, label]; None: there are none.
        linear: logits [text, label]; None: there are none.
    """

    evidence: Evidence
    network: Probabilities | None
    linear: Logits | None

    def of(self, rows: Mask) -> Unseen:
        """Return the predictions of the texts where `rows` [text] is true."""
        return Unseen(
            evidence=self.evidence.of(rows),
            network=None if self.network is None else self.network[rows],
            linear=None if self.linear is None else self.linear[rows],
        )

    def ensemble(self) -> AnyEnsemble:
        """Return the ensemble with the smallest loss on the texts whose label is known."""
        decisive = self.of(self.evidence.known)
        outputs = self.evidence.outputs
        return outputs.fit_ensemble(decisive.evidence.targets, decisive.network, decisive.linear)

    def measured(self, corpus: LabelsCorpus, name: str) -> Measured | None:
        """Return the answers of ensembles that were fitted without the text's part.

        They are those to texts that people have labelled. None: there are no such texts.
        """
        outputs = self.evidence.outputs
        targets = self.evidence.targets
        shape = (len(targets), outputs.n_labels)
        answers = np.zeros(shape, np.float32)
        decided = np.zeros(shape, bool)
        for others, inside in other_parts(self.evidence.part_of):
            used = self.of(others).ensemble()
            own = self.of(inside)
            answers[inside] = used(own.network, own.linear)
            decided[inside] = outputs.decide(used, answers[inside])
        kept = measured_places(corpus, self.evidence)
        if not kept.any():
            return None
        return Measured(
            corpus.texts_at(self.evidence.texts[kept]),
            targets[kept],
            answers[kept],
            decided[kept],
            None if self.network is None else self.network[kept],
            name,
        )


def unseen_predictions(
    evidence: Evidence, linear: Logits | None, network: Probabilities | None
) -> Unseen:
    """Return the predictions of the texts that no member has seen.

    Args:
        evidence: the held-out texts.
        linear: logits [held-out text, label] of the linear members together; None: there are none.
        network: probabilities [held-out text, label], NaN where there is no answer; None: the
            network has no part in the ensemble.
    """
    unseen = Unseen(evidence=evidence, network=network, linear=linear)
    if network is None:
        return unseen
    return unseen.of(np.asarray(np.isfinite(network).all(axis=1), bool))


def of_validation_set(
    valid: Measuring,
    ensemble: AnyEnsemble,
    outputs: Outputs,
    network: Probabilities,
    linear: Logits | None,
) -> Measured:
    """Return the answers of a finished classifier to a validation set."""
    answers = ensemble(network, linear)
    decided = outputs.decide(ensemble, answers)
    used = network if network_share(ensemble) else None
    name = f"validation texts ({valid.name})"
    return Measured(valid.texts, valid.rows.truth(), answers, decided, used, name)


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
    few = note_on_few(len(targets), len(labels))
    if few and "fold" in measured.name:
        found["caution"] = few
    if isinstance(ensemble, LabelwiseEnsemble):
        of_labels = multi_label_metrics(
            targets, measured.decided, answers, labels, ensemble.thresholds
        )
        return {**of_labels, "valid_loss": of_labels["log_loss"], **found}
    if network is not None:
        found["network_accuracy"] = float((network.argmax(axis=1) == targets).mean())
    return {**probability_metrics(targets, answers, labels), **found}
