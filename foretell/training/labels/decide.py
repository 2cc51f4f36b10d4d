"""The one path of a classifier's training: 100 labels or 25,000 reviews, one label for each text or several.

Rows → predictions of each member for texts that it has not seen → ensemble weights and calibration → last
fit → metrics. A tenth of a few hundred texts is too little to decide anything on, so up to 5,000 texts every
one is predicted by models of other folds, which choose the linear members, their penalties and their weights.
Up to 1,000 texts the network is trained on the folds too, with a fixed schedule; with more, a validation set
stops it and gives its weight. With more than 5,000 texts the validation set is the only fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Logits, Probabilities
from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher
from foretell.artifacts.weights import Weights
from foretell.config import MAX_CHARACTERS, MAX_FOLDED_TEXTS, MAX_WITHOUT_VALIDATION, LabelsSettings
from foretell.data.split import Split
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.events import Note
from foretell.training.labels.ancestor import ancestor_members
from foretell.training.labels.candidates import candidates
from foretell.training.labels.fold_networks import NETWORK, fixed_schedule, fold_probabilities
from foretell.training.labels.folds import Folds, folds_to_decide, validation_fold
from foretell.training.labels.members import Members, choose_all, fit_members, saved
from foretell.training.labels.metrics import Measured, metrics_of, shared_metrics, unmeasured
from foretell.training.labels.network import TrainedNetwork, labelled_texts, make_network, train_network
from foretell.training.labels.one_member import LinearPart, baseline, fit_one_member
from foretell.training.labels.outputs import AnyEnsemble, Decided, OneLabel, Outputs, SeveralLabels
from foretell.training.labels.rows import Rows, rows_of
from foretell.training.labels.teacher import Encoder, choose_teacher
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.transfer import Start, added_ancestor
from foretell.training.run import Run

_MIN_NETWORK_SHARE = 0.02
"""The network's part of the weights after two folds below which it is left out (docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The parts of a classifier.

    Attributes:
        weights: the network's, by name.
        linear: the n-gram linear model, or None.
        tfidf: the linear models whose scores are added to those of `linear`.
        teacher: a sentence encoder that is kept, whose scores are added too; None: none.
        ensemble: how network and linear models are combined.
        metrics: what metrics.json holds.
        measured: the answers to texts that the classifier has not seen; None: there are none.
    """

    weights: Weights
    linear: LinearModel | None
    tfidf: tuple[TfidfModel, ...]
    teacher: KeptTeacher | None
    ensemble: AnyEnsemble
    metrics: dict[str, Any]
    measured: Measured | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of texts by members that have not seen them.

    Attributes:
        targets: of the texts, as `Rows` has them.
        network: the network's probabilities [text, label]; None: there are none.
        linear: logits [text, label] of the linear members together, or None.
        fold_of: int32 [text].
        outputs: how weights are fitted.
    """

    targets: npt.NDArray[Any]
    network: Probabilities | None
    linear: Logits | None
    fold_of: npt.NDArray[np.int32]
    outputs: Outputs

    def of(self, rows: npt.NDArray[np.bool_]) -> Evidence:
        """Return the predictions of some of the texts."""
        network, linear = (None if each is None else each[rows] for each in (self.network, self.linear))
        targets, fold_of = self.targets[rows], self.fold_of[rows]
        return replace(self, targets=targets, network=network, linear=linear, fold_of=fold_of)

    def ensemble(self) -> AnyEnsemble:
        """Return the ensemble with the smallest loss on the texts."""
        return self.outputs.fit_ensemble(self.targets, self.network, self.linear)

    def answers(self) -> tuple[Probabilities, Decided]:
        """Return probabilities and decisions [text, label], by ensembles fitted without the text's fold.

        With one fold, a validation set, the ensemble is fitted to the same texts.
        """
        shape = (len(self.targets), self.outputs.n_labels)
        rows, decided = np.zeros(shape, np.float32), np.zeros(shape, bool)
        several = self.fold_of.min(initial=0) < self.fold_of.max(initial=0)
        for fold in np.unique(self.fold_of):
            inside = self.fold_of == fold
            ensemble = self.of(~inside if several else inside).ensemble()
            own = self.of(inside)
            rows[inside] = ensemble(own.network, own.linear)
            decided[inside] = self.outputs.decide(ensemble, rows[inside])
        return rows, decided


def has_many_members(split: Split, settings: LabelsSettings) -> bool:
    """Return whether the classifier has several linear members."""
    few = len(split.train) <= MAX_FOLDED_TEXTS
    short = split.valid is not None and sum(map(len, split.train.texts)) <= MAX_CHARACTERS
    return settings.linear and (settings.is_multi_label or (settings.folds > 0 and (few or short)))


def decide(
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
    few = settings.has_members and len(split.train) <= MAX_WITHOUT_VALIDATION
    rows = rows_of(tokens, split, _outputs(tokens, settings), with_valid=not few)
    folds = _folds(rows, split, settings, run)
    linear = _linear(rows, folds, tokens, split, settings, run, start, encoder, kept)
    network, unseen = _network(linear.tokens or tokens, rows, linear, folds, settings, run, start, few=few)
    evidence = _evidence(rows, linear.members, folds, unseen)
    ensemble = evidence.ensemble()
    measured = _measured(tokens, split, linear.members, network, ensemble, evidence, folds, encoder, few=few)
    measured = None if measured is None else measured.without(split.not_measured)
    # Of one label a text, a linear model of weight 0 stays: training can be continued from it.
    stays = linear.members is not None and (bool(ensemble.linear) or not settings.is_multi_label)
    members = linear.members if stays else None
    teacher = None if kept is None else _kept(kept, members, ensemble, run)
    return Outcome(
        measured=measured,
        weights=network.weights,
        linear=None if members is None else members.linear,
        tfidf=() if members is None else members.tfidf,
        teacher=teacher,
        ensemble=ensemble,
        metrics={
            **(
                metrics_of(measured, tokens.labels, ensemble)
                if measured is not None
                else unmeasured(network.standing, folds.not_measured)
            ),
            **linear.metrics,
            **_teacher_metrics(linear.metrics, teacher),
            **({} if tokens.vectors is None else {"vectors": tokens.vectors.metrics}),
            **tokens.lengths(),
            **shared_metrics(split, network.standing, settings),
            "decided_by": _rule(folds, evidence, ensemble),
        },
    )


def _network(
    tokens: Tokens,
    rows: Rows,
    linear: LinearPart,
    folds: Folds,
    settings: LabelsSettings,
    run: Run,
    start: Start | None,
    *,
    few: bool,
) -> tuple[TrainedNetwork, Probabilities | None]:
    """Return the network, and its predictions of texts that it has not seen; see `_evidence`."""
    schedule = fixed_schedule(settings, run.options.given) if few else settings
    train = labelled_texts(tokens, schedule) if linear.pseudo is None else linear.pseudo
    compiled, also_saved = make_network(tokens, train, schedule, run, start), dict(linear.saved)
    if few:
        of_texts = replace(folds, fold_of=folds.fold_of[: len(tokens.train.targets)])

        def pays(found: Probabilities, n_folds: int) -> bool:
            evidence = _evidence(rows, linear.members, folds, found)
            return _network_share(evidence.of(evidence.fold_of < n_folds).ensemble()) >= _MIN_NETWORK_SHARE

        of_folds = fold_probabilities(compiled, tokens, of_texts, schedule, run, pays)
        also_saved[NETWORK] = of_folds
        _report_network(of_folds, tokens, of_texts, run)
    network = train_network(compiled, tokens, train, schedule, run, also_saved=also_saved, asked=settings)
    if few:
        return network, of_folds if len(of_folds) else None
    if network.valid is not None or folds.held.any() or folds.not_measured:
        return network, network.valid
    # Without validation texts weights are those that need none. Where the linear members have out-of-fold
    # predictions, or too few texts, the network gets no weight.
    return network, np.zeros((0, len(tokens.labels)), np.float32)


def _network_share(ensemble: AnyEnsemble) -> float:
    """Return the network's part of the weights of an ensemble, 0 to 1; of several labels the largest."""
    network, linear = (np.atleast_1d(np.array(each, float)) for each in (ensemble.network, ensemble.linear))
    if not network.size or not linear.size:
        return float(network.size > 0)
    return float((network / np.maximum(network + linear, 1e-9)).max())


def _outputs(tokens: Tokens, settings: LabelsSettings) -> Outputs:
    if settings.is_multi_label:
        return SeveralLabels(len(tokens.labels))
    # The article's probabilities stay as its network gives them.
    calibrated = settings.linear or not settings.traits.follows_article
    return OneLabel(len(tokens.labels), tokens.balance, calibrated)


def _folds(rows: Rows, split: Split, settings: LabelsSettings, run: Run) -> Folds:
    """Return the folds of the rows; hints and a teacher's answers are never held out."""
    n, n_train = len(rows.texts) - rows.hints, len(split.train)
    if settings.has_members and n_train <= MAX_FOLDED_TEXTS and not 0 < n_train == split.taught:
        places = np.r_[0 : n_train - split.taught, n_train:n]
        texts = [rows.texts[place] for place in places.tolist()]
        folds = folds_to_decide(texts, rows.targets[places], settings.folds, settings.seed)
        fold_of = np.full(n, -1, np.int32)
        fold_of[places] = folds.fold_of
        folds = replace(folds, fold_of=fold_of)
    else:
        folds = validation_fold(n_train, n - n_train)
    for note in folds.notes:
        run.options.listener(Note(text=note))
    return replace(folds, fold_of=np.append(folds.fold_of, np.full(rows.hints, -1, np.int32)))


def _linear(
    rows: Rows,
    folds: Folds,
    tokens: Tokens,
    split: Split,
    settings: LabelsSettings,
    run: Run,
    start: Start | None,
    encoder: Encoder | None,
    kept: EncoderFiles | None,
) -> LinearPart:
    """Return the linear members, fitted to all labelled texts."""
    if not settings.linear:
        return LinearPart(members=None, metrics=baseline(split, tokens, run.options))
    if not has_many_members(split, settings):
        return fit_one_member(tokens, settings, run, start)
    teacher = None if encoder is None else choose_teacher(encoder, rows, split.unlabelled, folds, run)
    of_teacher = {} if teacher is None else teacher.saved
    found = candidates(rows, tokens, seed=settings.seed, minutes=settings.minutes, teacher=teacher)
    chosen = choose_all(found, rows, folds, run, of_teacher)
    pool = [*chosen, *ancestor_members(added_ancestor(start), rows, tokens)] if settings.folds else chosen[:1]
    if teacher is not None and kept is not None:
        pool.append(teacher.chosen)
    members = fit_members(rows, pool, folds, run.interrupt.check, split.not_measured)
    _report_members(members, folds, run)
    metrics = {**members.metrics, **({} if teacher is None else {"teacher": teacher.metrics})}
    return LinearPart(members=members, metrics=metrics, saved={**saved(chosen), **of_teacher})


def _evidence(rows: Rows, members: Members | None, folds: Folds, network: Probabilities | None) -> Evidence:
    """Return the predictions of the texts that no member has seen.

    Args:
        rows: the texts.
        members: the linear members, or None.
        folds: of the texts.
        network: probabilities [text, label] of all training texts, or of the validation texts, the last ones
            before the hints; None: there are none.
    """
    unseen, n = folds.held.copy(), len(rows.texts) - rows.hints
    if network is not None:
        unseen[: n - len(network)] = False
        network = network[unseen[n - len(network) : n]]
    return Evidence(
        targets=rows.targets[unseen],
        network=network,
        linear=None if members is None else members.logs[unseen[folds.held]],
        fold_of=folds.fold_of[unseen],
        outputs=rows.outputs,
    )


def _measured(
    tokens: Tokens,
    split: Split,
    members: Members | None,
    network: TrainedNetwork,
    ensemble: AnyEnsemble,
    evidence: Evidence,
    folds: Folds,
    encoder: Encoder | None,
    *,
    few: bool,
) -> Measured | None:
    """Return the answers that the metrics are of: those of validation texts, or out-of-fold ones."""
    valid, outputs = tokens.valid, evidence.outputs
    if few and split.valid is not None and valid is not None:
        texts, linear, embeddings = split.valid.texts, None, None
        if members is not None:
            if members.teacher is not None and encoder is not None:
                embeddings = encoder.encode_counted(texts, check=tuple).features()
            linear = outputs.of_scores(members.scores(valid.texts.ids, valid.texts.starts, texts, embeddings))
        answers = ensemble(network.valid, linear)
        decided, name = outputs.decide(ensemble, answers), f"validation texts ({split.valid.name})"
        return Measured(texts, valid.targets, answers, decided, network.valid, name)
    if not len(evidence.targets):
        return None
    if few or split.valid is None:
        source, held = split.train, folds.held[: len(split.train)]
        name = f"out-of-fold predictions of {folds.count} folds ({source.name})"
    else:
        source, held = split.valid, folds.held[len(split.train) :]
        name = f"validation texts ({source.name})"
    answers, decided = evidence.answers()
    texts = list(compress(source.texts, held))
    return Measured(texts, evidence.targets, answers, decided, evidence.network, name)


def _kept(
    files: EncoderFiles, members: Members | None, ensemble: AnyEnsemble, run: Run
) -> KeptTeacher | None:
    """Return the teacher that the classifier keeps; None, with a note, where it has no weight."""
    if members is None or members.teacher is None or not ensemble.linear:
        run.options.listener(Note(text="the teacher has weight 0 out of fold: it is not kept"))
        return None
    return KeptTeacher(members.teacher.weights, members.teacher.bias, files)


def _teacher_metrics(metrics: dict[str, Any], kept: KeptTeacher | None) -> dict[str, Any]:
    if "teacher" not in metrics:
        return {}
    size = {} if kept is None else {"bytes": len(kept.files.graph) + len(kept.files.tokenizer)}
    return {"teacher": {**metrics["teacher"], "kept": kept is not None, **size}}


def _rule(folds: Folds, evidence: Evidence, ensemble: AnyEnsemble) -> str:
    """Return how members, weights and calibration were decided, for the report and the card."""
    where = f"out-of-fold predictions of {folds.count} folds" if folds.count > 1 else "validation texts"
    if not (n := len(evidence.targets)):
        return "fixed weights, without calibration"
    if isinstance(evidence.outputs, SeveralLabels):
        return f"weights, calibration and thresholds of each label: {where}, {n:,} predictions"
    members = f"linear models and their weights: {where}"
    if evidence.linear is None:
        return f"calibration of the network: {where}, {n:,} predictions"
    if evidence.network is None:
        return f"{members}; the network has no weight"
    offsets = "with an offset for each label" if ensemble.offsets else "with one temperature and no offsets"
    return f"{members}; weight of the network and calibration: {n:,} predictions, {offsets}"


def _report_network(of_folds: Probabilities, tokens: Tokens, folds: Folds, run: Run) -> None:
    targets = tokens.train.targets
    if len(of_folds) and targets.ndim == 1:
        right = of_folds.argmax(axis=1)[folds.held] == targets[folds.held]
        run.options.listener(Note(text=f"network: out-of-fold accuracy {right.mean():.2%}"))


def _report_members(members: Members, folds: Folds, run: Run) -> None:
    names = ", ".join(name for name, each in members.metrics.get("members", {}).items() if each["weight"])
    where = "out-of-fold" if folds.count > 1 else "validation"
    if (accuracy := members.metrics.get("linear_accuracy")) is not None:
        found = f"{where} accuracy {accuracy:.2%}"
    elif (loss := members.metrics.get("linear_log_loss")) is not None:
        found = f"{where} log loss {loss:.4f} per label"
    else:
        return
    run.options.listener(Note(text=f"linear models ({names}): {found}"))
