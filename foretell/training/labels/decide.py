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

from foretell.arrays import Array, Integers, Logits, Probabilities
from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher
from foretell.artifacts.model import Model
from foretell.config import MAX_CHARACTERS, MAX_FOLDED_TEXTS, MAX_WITHOUT_VALIDATION, LabelsSettings
from foretell.data.split import Split
from foretell.training.labels.ancestor import Ancestor, ancestor_members
from foretell.training.labels.candidates import candidates
from foretell.training.labels.folds import Folds, folds_to_decide, other_folds, validation_fold
from foretell.training.labels.logistic import Mask
from foretell.training.labels.members import Members, choose_all, fit_members
from foretell.training.labels.metrics import Measured, metrics_of, shared_metrics, unmeasured
from foretell.training.labels.network import (
    TrainedNetwork,
    fixed_schedule,
    fold_probabilities,
    make_network,
    read_by_network,
    train_network,
)
from foretell.training.labels.one_member import LinearPart, baseline, fit_one_member
from foretell.training.labels.outputs import AnyEnsemble, Decided, OneLabel, Outputs, SeveralLabels
from foretell.training.labels.rows import Rows, rows_of
from foretell.training.labels.stages import Training
from foretell.training.labels.teacher import Encoder, choose_teacher

_MIN_NETWORK_SHARE = 0.02
"""The network's part of the weights after two folds below which it is left out (docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of texts by members that have not seen them: the network and the linear ones together.

    Targets are as `Rows` has them, the network's predictions probabilities [text, label], the others logits
    [text, label], and None where there are none. `fold_of` is int32 [text]. `held`, [row], tells which of
    all rows the texts are.
    """

    held: Mask
    targets: Array
    network: Probabilities | None
    linear: Logits | None
    fold_of: Integers
    outputs: Outputs

    def of(self, rows: Mask) -> Evidence:
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
        for others, inside in other_folds(self.fold_of):
            ensemble, own = self.of(others).ensemble(), self.of(inside)
            rows[inside] = ensemble(own.network, own.linear)
            decided[inside] = self.outputs.decide(ensemble, rows[inside])
        return rows, decided


def has_many_members(split: Split, settings: LabelsSettings) -> bool:
    """Return whether the classifier has several linear members."""
    few = len(split.train) <= MAX_FOLDED_TEXTS
    short = split.valid is not None and sum(map(len, split.train.texts)) <= MAX_CHARACTERS
    return settings.linear and (settings.is_multi_label or (settings.folds > 0 and (few or short)))


def decide(
    training: Training,
    ancestor: Ancestor | None,
    encoder: Encoder | None = None,
    kept: EncoderFiles | None = None,
) -> tuple[Model, Measured | None]:
    """Train a classifier; return it, and its answers to texts that it has not seen, where there are any.

    It starts from the weights of `ancestor`. The encoder becomes the teacher of the unlabelled texts; with
    its files, `kept`, it may be a member too.
    """
    tokens, split, settings = training.tokens, training.split, training.settings
    few = settings.has_members and len(split.train) <= MAX_WITHOUT_VALIDATION
    rows = rows_of(tokens, split, _outputs(training), with_valid=not few)
    folds = _folds(rows, training)
    linear = _linear(rows, folds, training, ancestor, encoder, kept is not None)
    network, unseen = _network(rows, linear, folds, training, ancestor, few=few)
    evidence = _evidence(rows, linear.members, folds, unseen)
    ensemble = evidence.ensemble()
    if few and split.valid is not None:
        found = _of_valid(training, linear.members, network, ensemble, evidence.outputs, encoder)
    else:
        found = _of_evidence(evidence, split, few=few)
    measured = None if found is None else found.without(split.not_measured)
    # Of one label a text, a linear model of weight 0 stays: training can be continued from it.
    stays = linear.members is not None and (bool(ensemble.linear) or not settings.is_multi_label)
    members = linear.members if stays else None
    teacher = None if kept is None else _kept(kept, members, ensemble, training)
    model = Model(
        job="labels",
        preset=training.run.options.preset,
        settings=settings,
        tokenizer=tokens.tokenizer,
        weights=network.weights,
        labels=tokens.labels,
        label_type=split.train.label_type,
        linear=None if members is None else members.linear,
        tfidf=() if members is None else members.tfidf,
        teacher=teacher,
        ensemble=ensemble,
        metrics={
            **_metrics(training, linear, network, teacher),
            **(
                unmeasured(network.standing, folds.not_measured)
                if measured is None
                else metrics_of(measured, tokens.labels, ensemble)
            ),
            "decided_by": _rule(folds, evidence, ensemble),
        },
    )
    return model, measured


def _outputs(training: Training) -> Outputs:
    settings, n_labels = training.settings, len(training.tokens.labels)
    if settings.is_multi_label:
        return SeveralLabels(n_labels)
    # The article's probabilities stay as its network gives them.
    return OneLabel(n_labels, training.tokens.balance, settings.linear or not settings.follows_article)


def _folds(rows: Rows, training: Training) -> Folds:
    """Return the folds of the rows; hints and a teacher's answers are never held out."""
    split, settings = training.split, training.settings
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
        training.note(note)
    return replace(folds, fold_of=np.append(folds.fold_of, np.full(rows.hints, -1, np.int32)))


def _linear(
    rows: Rows,
    folds: Folds,
    training: Training,
    ancestor: Ancestor | None,
    encoder: Encoder | None,
    keep_teacher: bool,
) -> LinearPart:
    """Return the linear members, fitted to all labelled texts."""
    tokens, settings = training.tokens, training.settings
    if not settings.linear:
        return LinearPart(members=None, metrics=baseline(training))
    if not has_many_members(training.split, settings):
        return fit_one_member(training, ancestor)
    chosen_teacher = None if encoder is None else choose_teacher(encoder, rows, folds, training)
    teacher, of_teacher = chosen_teacher or (None, None)
    found = candidates(rows, tokens, seed=settings.seed, minutes=settings.minutes, teacher=teacher)
    chosen = choose_all(found, rows, folds, training)
    pool = [*chosen, *ancestor_members(ancestor, rows, tokens)] if settings.folds else chosen[:1]
    if teacher is not None and keep_teacher:
        pool.append(teacher.chosen)
    members = fit_members(rows, pool, folds, training.check, training.split.not_measured)
    _report_members(members, folds, training)
    metrics = {**members.metrics, **({} if of_teacher is None else {"teacher": of_teacher})}
    return LinearPart(members=members, metrics=metrics)


def _network(
    rows: Rows, linear: LinearPart, folds: Folds, training: Training, ancestor: Ancestor | None, *, few: bool
) -> tuple[TrainedNetwork, Probabilities | None]:
    """Return the network, and its predictions of texts that it has not seen; see `_evidence`."""
    asked, tokens = training.settings, linear.tokens or training.tokens
    settings = fixed_schedule(asked, training.run.options.given) if few else asked
    training = replace(training, tokens=tokens, settings=settings)
    train = read_by_network(linear.pseudo or tokens.train, training)
    compiled, of_folds = make_network(train, training, ancestor), None
    if few:
        of_texts = replace(folds, fold_of=folds.fold_of[: len(tokens.train.targets)])

        def pays(found: Probabilities, n_folds: int) -> bool:
            evidence = _evidence(rows, linear.members, folds, found)
            return _network_share(evidence.of(evidence.fold_of < n_folds).ensemble()) >= _MIN_NETWORK_SHARE

        of_folds = fold_probabilities(compiled, of_texts, training, pays)
        targets = tokens.train.targets
        if len(of_folds) and targets.ndim == 1:
            held = of_texts.held & np.isfinite(of_folds).all(axis=1)
            right = of_folds.argmax(axis=1)[held] == targets[held]
            training.note(f"network: out-of-fold accuracy {right.mean():.2%}")
    network = train_network(compiled, train, training, asked, few=few)
    if of_folds is not None:
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


def _evidence(rows: Rows, members: Members | None, folds: Folds, network: Probabilities | None) -> Evidence:
    """Return the predictions of the texts that no member has seen.

    The network's probabilities [text, label] are of all training texts, or of the validation texts, the last
    ones before the hints; None: there are none.
    """
    unseen, n = folds.held.copy(), len(rows.texts) - rows.hints
    if network is not None:
        unseen[: n - len(network)] = False
        unseen[n - len(network) : n] &= np.isfinite(network).all(axis=1)
        network = network[unseen[n - len(network) : n]]
    return Evidence(
        held=unseen,
        targets=rows.targets[unseen],
        network=network,
        linear=None if members is None else members.logs[unseen[folds.held]],
        fold_of=folds.fold_of[unseen],
        outputs=rows.outputs,
    )


def _of_valid(
    training: Training,
    members: Members | None,
    network: TrainedNetwork,
    ensemble: AnyEnsemble,
    outputs: Outputs,
    encoder: Encoder | None,
) -> Measured | None:
    """Return the answers to the validation texts by the finished classifier: nothing was decided on them."""
    valid, given = training.tokens.valid, training.split.valid
    assert valid is not None
    assert given is not None
    linear, embeddings = None, None
    if members is not None:
        if members.teacher is not None and encoder is not None:
            embeddings = encoder.encode_counted(given.texts, check=tuple).features()
        scores = members.scores(valid.texts.ids, valid.texts.starts, given.texts, embeddings)
        linear = outputs.of_scores(scores)
    answers = ensemble(network.valid, linear)
    decided, name = outputs.decide(ensemble, answers), f"validation texts ({given.name})"
    return Measured(given.texts, valid.targets, answers, decided, network.valid, name)


def _of_evidence(evidence: Evidence, split: Split, *, few: bool) -> Measured | None:
    """Return the answers to validation texts or out of fold, by weights of other folds, or None."""
    if not len(evidence.targets):
        return None
    n_train = len(split.train)
    if few or split.valid is None:
        source, held = split.train, evidence.held[:n_train]
        name = f"out-of-fold predictions of {len(np.unique(evidence.fold_of))} folds ({source.name})"
    else:
        source, held = split.valid, evidence.held[n_train:]
        name = f"validation texts ({source.name})"
    texts = list(compress(source.texts, held))
    return Measured(texts, evidence.targets, *evidence.answers(), evidence.network, name)


def _kept(
    files: EncoderFiles, members: Members | None, ensemble: AnyEnsemble, training: Training
) -> KeptTeacher | None:
    """Return the teacher that the classifier keeps; None, with a note, where it has no weight."""
    if members is None or members.teacher is None or not ensemble.linear:
        training.note("the teacher has weight 0 out of fold: it is not kept")
        return None
    return KeptTeacher(members.teacher.weights, members.teacher.bias, files)


def _metrics(
    training: Training, linear: LinearPart, network: TrainedNetwork, kept: KeptTeacher | None
) -> dict[str, Any]:
    """Return the metrics of the parts of a classifier."""
    tokens, found = training.tokens, dict(linear.metrics)
    if "teacher" in found:
        size = {} if kept is None else {"bytes": len(kept.files.graph) + len(kept.files.tokenizer)}
        found["teacher"] = {**found["teacher"], "kept": kept is not None, **size}
    return {
        **found,
        **({} if tokens.vectors is None else {"vectors": tokens.vectors.metrics}),
        **tokens.lengths(),
        **shared_metrics(training.split, network.standing, training.settings),
        "seconds": training.run.budget.seconds(),
    }


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


def _report_members(members: Members, folds: Folds, training: Training) -> None:
    names = ", ".join(name for name, each in members.metrics.get("members", {}).items() if each["weight"])
    where = "out-of-fold" if folds.count > 1 else "validation"
    if (accuracy := members.metrics.get("linear_accuracy")) is not None:
        training.note(f"linear models ({names}): {where} accuracy {accuracy:.2%}")
    elif (loss := members.metrics.get("linear_log_loss")) is not None:
        training.note(f"linear models ({names}): {where} log loss {loss:.4f} per label")
