"""Predictions of texts by members that have not seen them: they fit the ensemble, and they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from foretell.arrays import Array, Integers, Logits, Probabilities
from foretell.training.labels.folds import Folds, other_folds
from foretell.training.labels.logistic import Mask
from foretell.training.labels.members import Members
from foretell.training.labels.metrics import Measured
from foretell.training.labels.outputs import AnyEnsemble, Outputs, SeveralLabels
from foretell.training.labels.rows import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Unseen:
    """Predictions of texts by members that have not seen them: the network and the linear ones together.

    Targets are as `Rows` has them, the network's predictions probabilities [text, label], the others logits
    [text, label], and None where there are none. `fold_of` is int32 [text].
    """

    texts: Sequence[str]
    targets: Array
    network: Probabilities | None
    linear: Logits | None
    fold_of: Integers
    outputs: Outputs

    def of(self, rows: Mask) -> Unseen:
        """Return the predictions of some of the texts."""
        network, linear = (None if each is None else each[rows] for each in (self.network, self.linear))
        texts, targets = list(compress(self.texts, rows)), self.targets[rows]
        fold_of = self.fold_of[rows]
        return replace(self, texts=texts, targets=targets, network=network, linear=linear, fold_of=fold_of)

    def ensemble(self) -> AnyEnsemble:
        """Return the ensemble with the smallest loss on the texts."""
        return self.outputs.fit_ensemble(self.targets, self.network, self.linear)

    def measured(self, name: str, ensemble: AnyEnsemble | None = None) -> Measured | None:
        """Return the answers of an ensemble, or (None) of ensembles fitted without the text's fold.

        With one fold, a validation set, the ensemble is fitted to the same texts. None: there are no texts.
        """
        if not len(self.targets):
            return None
        shape = (len(self.targets), self.outputs.n_labels)
        rows, decided = np.zeros(shape, np.float32), np.zeros(shape, bool)
        for others, inside in other_folds(self.fold_of):
            used, own = ensemble or self.of(others).ensemble(), self.of(inside)
            rows[inside] = used(own.network, own.linear)
            decided[inside] = self.outputs.decide(used, rows[inside])
        return Measured(self.texts, self.targets, rows, decided, self.network, name)

    def rule(self, folds: Folds, ensemble: AnyEnsemble) -> str:
        """Return how members, weights and calibration were decided, for the report and the card."""
        where = f"out-of-fold predictions of {folds.count} folds" if folds.count > 1 else "validation texts"
        if not (n := len(self.targets)):
            return "fixed weights, without calibration"
        if isinstance(self.outputs, SeveralLabels):
            return f"weights, calibration and thresholds of each label: {where}, {n:,} predictions"
        members = f"linear models and their weights: {where}"
        if self.linear is None:
            return f"calibration of the network: {where}, {n:,} predictions"
        if self.network is None:
            return f"{members}; the network has no weight"
        offsets = "an offset for each label" if ensemble.offsets else "one temperature and no offsets"
        return f"{members}; weight of the network and calibration: {n:,} predictions, with {offsets}"


def unseen_predictions(
    rows: Rows, folds: Folds, members: Members | None, network: Probabilities | None
) -> Unseen:
    """Return the predictions of the texts that no member has seen.

    The network's probabilities [text, label] are of all training texts, or of the validation texts, the last
    ones before the hints; None: there are none.
    """
    unseen, n = folds.held.copy(), len(rows.texts) - rows.hints
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
    """Return the network's part of the weights of an ensemble, 0 to 1; of several labels the largest."""
    network, linear = (np.atleast_1d(np.array(each, float)) for each in (ensemble.network, ensemble.linear))
    if not network.size or not linear.size:
        return float(network.size > 0)
    return float((network / np.maximum(network + linear, 1e-9)).max())
