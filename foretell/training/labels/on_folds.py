"""A training with several linear members: for few labels, and for short texts.

A tenth of a few hundred texts is too little to decide anything on. So every labelled text is predicted by
models that have not seen it, and these predictions choose the linear members, their penalties and their
weights. Up to 1,000 texts the network is trained on the folds too, with a fixed schedule; with more, a
validation set stops it and gives its weight. With more than 5,000 texts the validation set is the only fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import LogProbabilities, Probabilities
from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher
from foretell.config import MAX_FOLDED_TEXTS, MAX_WITHOUT_VALIDATION, LabelsSettings
from foretell.data.split import Split
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities, log_of
from foretell.training.events import Note
from foretell.training.labels.ancestor_member import ancestor_members
from foretell.training.labels.balance import Balance
from foretell.training.labels.candidates import HintTexts, LabelledTexts
from foretell.training.labels.ensemble import UNFITTED
from foretell.training.labels.ensemble_fit import LINEAR, MIN_LOG_PROBABILITY, fit_ensemble
from foretell.training.labels.figures import Measured, measured_figures, shared_figures, unmeasured
from foretell.training.labels.fold_networks import (
    NETWORK,
    few_labels_network,
    fixed_schedule,
    fold_probabilities,
)
from foretell.training.labels.folds import Folds, folds_to_decide, validation_fold
from foretell.training.labels.labelled import gathered, unseen
from foretell.training.labels.member_choice import choose_members, saved
from foretell.training.labels.members import Members, fit_members
from foretell.training.labels.network import TrainedNetwork, labelled_texts, train_network
from foretell.training.labels.outcome import Outcome
from foretell.training.labels.start import Start
from foretell.training.labels.teacher import Encoder
from foretell.training.labels.teacher_choice import choose_teacher, kept_member
from foretell.training.labels.teacher_choice import saved as saved_teacher
from foretell.training.labels.tokens import Targets, Tokens, one_hot
from foretell.training.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of texts by models that have not seen them.

    Attributes:
        targets: int32 [text].
        network: the network's log-probabilities [text, label]; None: there are none.
        linear: those of the linear members together, [text, label].
        fold_of: int32 [text].
        balance: the class weights of the members, or None.
    """

    targets: Targets
    network: LogProbabilities | None
    linear: LogProbabilities
    fold_of: npt.NDArray[np.int32]
    balance: Balance | None = None

    def ensemble(self, rows: npt.NDArray[np.bool_]) -> Ensemble:
        """Return the ensemble with the smallest cross-entropy on some of the texts."""
        if not rows.any():
            return UNFITTED if self.network is not None else Ensemble(network=0.0, linear=1.0)
        network = None if self.network is None else self.network[rows]
        members = [network, self.linear[rows]]
        return fit_ensemble(self.targets[rows], members, LINEAR, balance=self.balance)

    def answers(self) -> Probabilities:
        """Return probabilities [text, label], each by an ensemble that was fitted without the text's fold.

        With one fold, a validation set, the ensemble is fitted to the same texts.
        """
        network = self.network_alone()
        if self.fold_of.min(initial=0) == self.fold_of.max(initial=0):
            return self.ensemble(np.ones(len(self.targets), bool))(network, self.linear)
        result = np.zeros(self.linear.shape, np.float32)
        for fold in np.unique(self.fold_of):
            inside = self.fold_of == fold
            alone = None if network is None else network[inside]
            result[inside] = self.ensemble(~inside)(alone, self.linear[inside])
        return result

    def network_alone(self) -> Probabilities | None:
        """Return the network's probabilities [text, label]; None: there are none."""
        return None if self.network is None else np.exp(self.network).astype(np.float32)


def decide_on_folds(
    tokens: Tokens,
    split: Split,
    settings: LabelsSettings,
    run: Run,
    start: Start | None,
    encoder: Encoder | None = None,
    kept: EncoderFiles | None = None,
) -> Outcome:
    """Train the parts of a classifier.

    Args:
        tokens: the tokenized split.
        split: its texts.
        settings: the configuration.
        run: the training in progress.
        start: a language model or classifier that the network starts from, or None.
        encoder: what becomes the teacher of the unlabelled texts, or None.
        kept: its files, where it may be a member too; None: it is used in training only.
    """
    few = len(split.train) <= MAX_WITHOUT_VALIDATION
    labelled = _labelled(tokens, split, with_valid=not few)
    if len(split.train) <= MAX_FOLDED_TEXTS:
        folds = folds_to_decide(labelled.texts, labelled.targets, settings.folds, settings.seed)
    else:
        folds = validation_fold(len(split.train), len(labelled.texts) - len(split.train))
    for note in folds.notes:
        run.options.listener(Note(text=note))
    teacher = None if encoder is None else choose_teacher(encoder, labelled, split.unlabelled, folds, run)
    of_teacher = {} if teacher is None else saved_teacher(teacher)
    hints = _hints(tokens, split)
    chosen = choose_members(labelled, tokens, folds, settings, run, teacher, hints, of_teacher)
    of_ancestor = ancestor_members(start, labelled, tokens)
    pool = [*chosen, *of_ancestor]
    if teacher is not None and kept is not None:
        pool.append(kept_member(teacher, labelled))
    members = fit_members(labelled, pool, folds, run.interrupt.check, split.not_measured)
    _report_members(members, folds, run)
    schedule = fixed_schedule(settings, run.options.given) if few else settings
    compact = few_labels_network(tokens, schedule, run, start) if few else None
    before = {**saved(chosen), **of_teacher}
    of_folds = None
    if compact is not None:
        of_folds = fold_probabilities(compact, tokens, folds, schedule, run)
    if of_folds is not None:
        _report_network(of_folds, tokens, folds, run)
    network = train_network(
        tokens,
        labelled_texts(tokens, schedule),
        schedule,
        run,
        start=start,
        seconds_after=0.0,
        also_saved={**before, **({} if of_folds is None else {NETWORK: of_folds})},
        compact=compact,
        asked=settings,
    )
    answered = of_folds if few else network.valid
    evidence = replace(_evidence(labelled, members, folds, answered), balance=tokens.balance)
    ensemble = evidence.ensemble(np.ones(len(evidence.targets), bool))
    measured = _measured(tokens, split, members, network, ensemble, evidence, folds, encoder, few=few)
    measured = None if measured is None else measured.without(split.not_measured)
    stays = None if teacher is None or kept is None else _kept(kept, members, ensemble, run)
    return Outcome(
        measured=measured,
        weights=network.weights,
        linear=members.linear,
        tfidf=members.tfidf,
        teacher=stays,
        ensemble=ensemble,
        metrics={
            **(
                measured_figures(measured, tokens.labels)
                if measured
                else unmeasured(network.standing, folds.not_measured)
            ),
            **members.figures,
            **({} if tokens.vectors is None else {"vectors": tokens.vectors.figures}),
            **({} if teacher is None else {"teacher": {**teacher.figures, **_kept_figures(stays)}}),
            **tokens.lengths(),
            **shared_figures(split, network.standing, settings),
            "decided_by": _rule(folds, evidence, ensemble),
        },
    )


def _kept(files: EncoderFiles, members: Members, ensemble: Ensemble, run: Run) -> KeptTeacher | None:
    """Return the teacher that the classifier keeps; None, with a note, where it has no weight."""
    if members.teacher is None or not ensemble.linear:
        run.options.listener(Note(text="the teacher has weight 0 out of fold: it is not kept"))
        return None
    return KeptTeacher(members.teacher.weights, members.teacher.bias, files)


def _kept_figures(kept: KeptTeacher | None) -> dict[str, Any]:
    if kept is None:
        return {"kept": False}
    return {"kept": True, "bytes": len(kept.files.graph) + len(kept.files.tokenizer)}


def _labelled(tokens: Tokens, split: Split, *, with_valid: bool) -> LabelledTexts:
    """Return the texts that the linear members are fitted to."""
    given = gathered(tokens, split, with_valid=with_valid)
    return LabelledTexts(
        texts=given.texts,
        tokenized=given.tokenized,
        targets=given.targets,
        soft=one_hot(given.targets, len(tokens.labels)),
        weights=given.weights,
        unlabelled=tokens.unlabelled,
    )


def _hints(tokens: Tokens, split: Split) -> HintTexts | None:
    if tokens.hints is None or split.hints is None:
        return None
    soft = one_hot(tokens.hints.targets, len(tokens.labels))
    return HintTexts(texts=split.hints.texts, tokenized=tokens.hints.texts, soft=soft)


def _report_network(of_folds: Probabilities, tokens: Tokens, folds: Folds, run: Run) -> None:
    right = of_folds.argmax(axis=1)[folds.held] == tokens.train.targets[folds.held]
    run.options.listener(Note(text=f"network: out-of-fold accuracy {right.mean():.2%}"))


def _evidence(
    labelled: LabelledTexts, members: Members, folds: Folds, network: Probabilities | None
) -> Evidence:
    """Return the predictions of the texts that both the network and the linear members have not seen."""
    rows, network = unseen(folds, network)
    clipped = None if network is None else np.maximum(log_of(network), MIN_LOG_PROBABILITY)
    return Evidence(
        targets=labelled.targets[rows],
        network=clipped,
        linear=members.logs[rows],
        fold_of=folds.fold_of[rows],
    )


def _measured(
    tokens: Tokens,
    split: Split,
    members: Members,
    network: TrainedNetwork,
    ensemble: Ensemble,
    evidence: Evidence,
    folds: Folds,
    encoder: Encoder | None,
    *,
    few: bool,
) -> Measured | None:
    """Return the answers that the figures are of: those of validation texts, or out-of-fold ones."""
    if few and split.valid is not None and tokens.valid is not None:
        ids, starts = tokens.valid.texts.ids, tokens.valid.texts.starts
        embeddings = None
        if members.teacher is not None and encoder is not None:
            embeddings = encoder.encode_counted(split.valid.texts, check=tuple).features()
        linear = linear_log_probabilities(members.scores(ids, starts, split.valid.texts, embeddings))
        answers = ensemble(network.valid, linear)
        name = f"validation texts ({split.valid.name})"
        return Measured(split.valid.texts, tokens.valid.targets, answers, network.valid, name)
    if not len(evidence.targets):
        return None
    if few or split.valid is None:
        source, held = split.train, folds.held
        name = f"out-of-fold predictions of {folds.count} folds ({source.name})"
    else:
        source, held = split.valid, folds.held[len(split.train) :]
        name = f"validation texts ({source.name})"
    texts = list(compress(source.texts, held))
    return Measured(texts, evidence.targets, evidence.answers(), evidence.network_alone(), name)


def _rule(folds: Folds, evidence: Evidence, ensemble: Ensemble) -> str:
    """Return how members, weights and calibration were decided, for the report and the card."""
    where = f"out-of-fold predictions of {folds.count} folds" if folds.count > 1 else "validation texts"
    members = f"linear models and their weights: {where}"
    n = len(evidence.targets)
    if folds.not_measured:
        return "equal weights of the linear models; the network has no weight"
    if evidence.network is None:
        return f"{members}; the network has no weight"
    offsets = "with an offset for each label" if ensemble.offsets else "with one temperature and no offsets"
    return f"{members}; weight of the network and calibration: {n:,} predictions, {offsets}"


def _report_members(members: Members, folds: Folds, run: Run) -> None:
    accuracy: Any = members.figures.get("linear_accuracy")
    if accuracy is not None:
        names = ", ".join(name for name, each in members.figures["members"].items() if each["weight"])
        where = f"out-of-fold accuracy, {folds.count} folds" if folds.count > 1 else "validation accuracy"
        text = f"linear models ({names}): {where} {accuracy:.2%}"
        run.options.listener(Note(text=text))
