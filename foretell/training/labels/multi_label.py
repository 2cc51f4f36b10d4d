"""A training of a classifier whose texts may have several labels: linear members and a network.

Few texts are divided into folds, and out-of-fold predictions decide penalties, weights, calibration and
thresholds; with more than 5,000 texts, and without folds, the validation texts do. Labels that are unknown
have no part in any loss or figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Logits, Probabilities
from foretell.config import MAX_FOLDED_TEXTS, MAX_WITHOUT_VALIDATION, LabelsSettings
from foretell.data.split import Split
from foretell.ngrams.labelwise import LabelwiseEnsemble, logit
from foretell.training.events import Note
from foretell.training.labels.candidates import LabelledTexts
from foretell.training.labels.figures import shared_figures, unmeasured
from foretell.training.labels.fold_networks import (
    NETWORK,
    few_labels_network,
    fixed_schedule,
    fold_probabilities,
)
from foretell.training.labels.folds import Folds, folds_to_decide, validation_fold
from foretell.training.labels.labelled import gathered, unseen
from foretell.training.labels.labelwise_fit import fit_labelwise_ensemble
from foretell.training.labels.member_choice import choose_members, saved
from foretell.training.labels.members import Members, fit_members
from foretell.training.labels.multi_label_figures import Answers, figures
from foretell.training.labels.network import labelled_texts, train_network
from foretell.training.labels.outcome import Outcome
from foretell.training.labels.outputs import SeveralLabels
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import LanguageModelWeights
from foretell.training.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of texts by models that have not seen them.

    Attributes:
        targets: float32 [text, label], NaN unknown.
        network, linear: log-odds [text, label]; None: there is no such member.
        fold_of: int32 [text].
    """

    targets: npt.NDArray[np.float32]
    network: Logits | None
    linear: Logits | None
    fold_of: npt.NDArray[np.int32]

    def ensemble(self, rows: npt.NDArray[np.bool_]) -> LabelwiseEnsemble:
        """Return the ensemble that is fitted to some of the texts."""
        network, linear = (None if each is None else each[rows] for each in (self.network, self.linear))
        return fit_labelwise_ensemble(self.targets[rows], network, linear, self.targets.shape[1])

    def answers(self) -> tuple[Probabilities, npt.NDArray[np.bool_]]:
        """Return probabilities and decisions [text, label], by ensembles fitted without the text's fold.

        With one fold, a validation set, the ensemble is fitted to the same texts.
        """
        rows, decided = np.zeros(self.targets.shape, np.float32), np.zeros(self.targets.shape, bool)
        several = self.fold_of.min(initial=0) < self.fold_of.max(initial=0)
        for fold in np.unique(self.fold_of):
            inside = self.fold_of == fold
            ensemble = self.ensemble(~inside if several else inside)
            network, linear = (None if each is None else each[inside] for each in (self.network, self.linear))
            logits = _logits(ensemble, network, linear)
            rows[inside] = 0.5 * (1 + np.tanh(0.5 * logits))
            decided[inside] = ensemble.decide(rows[inside])
        return rows, decided


def decide_multi_label(
    tokens: Tokens,
    split: Split,
    settings: LabelsSettings,
    run: Run,
    start: LanguageModelWeights | None,
) -> Outcome:
    """Train the parts of a classifier; arguments as for `decide_on_folds`."""
    few = settings.has_members and len(split.train) <= MAX_WITHOUT_VALIDATION
    labelled = _labelled(tokens, split, with_valid=not few)
    on_folds = settings.has_members and len(split.train) <= MAX_FOLDED_TEXTS
    n_train = len(split.train)
    folds = (
        folds_to_decide(labelled.texts, labelled.targets, settings.folds, settings.seed)
        if on_folds
        else validation_fold(n_train, len(labelled.texts) - n_train)
    )
    members, of_members = _members(labelled, tokens, folds, settings, run)
    schedule = fixed_schedule(settings, run.options.given) if few else settings
    compact = few_labels_network(tokens, schedule, run, start) if few else None
    of_folds = None
    if compact is not None:
        of_folds = fold_probabilities(compact, tokens, folds, schedule, run)
    network = train_network(
        tokens,
        labelled_texts(tokens, schedule),
        schedule,
        run,
        start=start,
        seconds_after=0.0,
        also_saved={**of_members, **({} if of_folds is None else {NETWORK: of_folds})},
        compact=compact,
        asked=settings,
    )
    evidence = _evidence(labelled, members, folds, of_folds if few else network.valid)
    ensemble = evidence.ensemble(np.ones(len(evidence.targets), bool))
    measured = _measured(tokens, split, members, network.valid, ensemble, evidence, folds, few=few)
    return Outcome(
        weights=network.weights,
        linear=None if members is None or not ensemble.linear else members.linear,
        tfidf=() if members is None or not ensemble.linear else members.tfidf,
        ensemble=ensemble,
        metrics={
            **(
                figures(measured, tokens.labels, ensemble)
                if measured
                else unmeasured(network.standing, folds.not_measured)
            ),
            **({} if members is None else members.figures),
            **tokens.lengths(),
            **shared_figures(split, network.standing, settings),
            "decided_by": _rule(folds, evidence),
        },
    )


def _labelled(tokens: Tokens, split: Split, *, with_valid: bool) -> LabelledTexts:
    """Return the texts that the linear members are fitted to."""
    given = gathered(tokens, split, with_valid=with_valid)
    return LabelledTexts(
        texts=given.texts,
        tokenized=given.tokenized,
        targets=given.targets,
        soft=np.nan_to_num(given.targets, nan=0.0),
        weights=given.weights[:, None] * ~np.isnan(given.targets),
        unlabelled=tokens.unlabelled,
        outputs=SeveralLabels(),
    )


def _members(
    labelled: LabelledTexts, tokens: Tokens, folds: Folds, settings: LabelsSettings, run: Run
) -> tuple[Members | None, dict[str, Any]]:
    """Return the linear members, and what a checkpoint keeps of their choice."""
    if not settings.linear:
        return None, {}
    chosen = choose_members(labelled, tokens, folds, settings, run)
    if not settings.folds:
        chosen = chosen[:1]
    members = fit_members(labelled, chosen, folds, run.interrupt.check)
    accuracy: Any = members.figures.get("linear_log_loss")
    if accuracy is not None:
        names = ", ".join(name for name, each in members.figures["members"].items() if each["weight"])
        where = "out-of-fold" if folds.count > 1 else "validation"
        run.options.listener(Note(text=f"linear models ({names}): {where} log loss {accuracy:.4f} per label"))
    return members, saved(chosen)


def _evidence(
    labelled: LabelledTexts, members: Members | None, folds: Folds, network: Probabilities | None
) -> Evidence:
    """Return the predictions of the texts that no member has seen."""
    rows, network = unseen(folds, network)
    return Evidence(
        targets=labelled.targets[rows],
        network=None if network is None else logit(network),
        linear=None if members is None else members.logs[rows],
        fold_of=folds.fold_of[rows],
    )


def _measured(
    tokens: Tokens,
    split: Split,
    members: Members | None,
    network: Probabilities | None,
    ensemble: LabelwiseEnsemble,
    evidence: Evidence,
    folds: Folds,
    *,
    few: bool,
) -> Answers | None:
    """Return the answers that the figures are of: those of validation texts, or out-of-fold ones."""
    valid = tokens.valid
    if few and split.valid is not None and valid is not None and network is not None:
        linear = None
        if members is not None:
            scores = members.scores(valid.texts.ids, valid.texts.starts, split.valid.texts)
            linear = ensemble.of_scores(scores)
        rows = ensemble(network, linear)
        name = f"validation texts ({split.valid.name})"
        return Answers(split.valid.texts, valid.targets, rows, ensemble.decide(rows), name)
    if not len(evidence.targets):
        return None
    if few or split.valid is None:
        source, held = split.train, folds.held
        name = f"out-of-fold predictions of {folds.count} folds ({source.name})"
    else:
        source, held = split.valid, folds.held[len(split.train) :]
        name = f"validation texts ({source.name})"
    rows, decided = evidence.answers()
    # With folds of training and validation texts, the evidence is of the validation texts alone.
    texts = list(compress(source.texts, held))
    return Answers(texts, evidence.targets, rows, decided, name)


def _rule(folds: Folds, evidence: Evidence) -> str:
    """Return how weights, calibration and thresholds were decided, for the report and the card."""
    where = f"out-of-fold predictions of {folds.count} folds" if folds.count > 1 else "validation texts"
    n = len(evidence.targets)
    if folds.not_measured:
        return "equal weights of the linear models; a threshold of 0.5 for each label"
    return f"weights, calibration and thresholds of each label: {where}, {n:,} predictions"


def _logits(ensemble: LabelwiseEnsemble, network: Logits | None, linear: Logits | None) -> Logits:
    logits = np.array(ensemble.offsets)
    if ensemble.network and network is not None:
        logits = logits + np.array(ensemble.network) * network
    if ensemble.linear and linear is not None:
        logits = logits + np.array(ensemble.linear) * linear
    return logits
