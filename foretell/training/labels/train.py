"""Train a text classifier: a split in, a model directory out. One path for 100 labels or 25,000
reviews.

Split → tokens → rows → scores of each member for texts that it has not seen → ensemble weights and
calibration → last fit → metrics. A tenth of a few hundred texts is too little to decide anything
on, so up to 5,000 texts every one is predicted by models of other folds, which choose the linear
members, their penalties and their weights. Up to 1,000 texts the network is trained on the folds
too, with a fixed schedule; with more, a validation set stops it and gives its weight. With more
than 5,000 texts the validation set is the only fold. Where texts may have several labels, only
`Outputs` differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from foretell.arrays import Probabilities
from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher
from foretell.artifacts.model import Model
from foretell.config import MAX_FOLDED_TEXTS, MAX_WITHOUT_VALIDATION, LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.decode import sha256_of
from foretell.data.soft import Answering
from foretell.data.split import Split
from foretell.data.word_vectors import vector_files
from foretell.presets import changed
from foretell.runtime.labels.seen import write_seen
from foretell.training.events import Listener, Stage
from foretell.training.labels.ancestor import Ancestor, ancestor_members
from foretell.training.labels.answers import taught_metrics, with_answers
from foretell.training.labels.candidates import candidates
from foretell.training.labels.checks import (
    check_together,
    fitting,
    has_many_members,
    request_of,
    uses_outside,
)
from foretell.training.labels.compiled import as_read
from foretell.training.labels.continued import Continued, continued_metrics
from foretell.training.labels.folds import Folds, folds_to_decide
from foretell.training.labels.members import Members, choose_all, fit_members
from foretell.training.labels.network import (
    TrainedNetwork,
    fixed_schedule,
    fold_probabilities,
    make_network,
    train_network,
)
from foretell.training.labels.network_fit import Standing
from foretell.training.labels.one_member import LinearPart, fit_one_member
from foretell.training.labels.outputs import AnyEnsemble, OneLabel, Outputs, SeveralLabels
from foretell.training.labels.rows import Rows, rows_of
from foretell.training.labels.stages import Stages, Training
from foretell.training.labels.teacher import Encoder, choose_teacher
from foretell.training.labels.tokens import Tokens, tokenize_split, with_vectors
from foretell.training.labels.unseen import (
    Measured,
    Unseen,
    metrics_of,
    network_share,
    unseen_predictions,
    worth_of,
)
from foretell.training.options import TrainOptions
from foretell.training.run import Run

_MIN_NETWORK_SHARE = 0.02
"""The network's part of the weights after two folds below which it is left out
(docs/experiments.md).
"""


def train_labels(
    split: Split,
    settings: LabelsSettings,
    options: TrainOptions,
    *,
    continued: Continued | None = None,
    vectors: str | Path | None = None,
    teacher: Encoder | Answering | None = None,
    keep_teacher: bool = False,
) -> Model:
    """Train a classifier and write its model directory.

    Args:
        split: training, validation and unlabelled texts, made by `split_of` or
            `data.split.make_split`.
        settings: the configuration, a preset or one made from it.
        options: where the model is written, and how the training is run.
        continued: the classifier to continue, as `split_of` returned it with the split; the
            settings are those of `settings_for`.
        vectors: a file of word vectors, or "glove" (see `read_word_vectors`); None: no vectors.
        teacher: what helps to label the unlabelled texts: a sentence encoder, a classifier or its
            answers. Where no text has a label, the model learns from these answers alone. None: no
            teacher.
        keep_teacher: make the teacher a member of the ensemble too, where out-of-fold predictions
            give it weight: the model then contains it and runs it for each text.

    Returns:
        The model as it was written; `measured_on` of its metrics states what they were measured on.

    Raises:
        DataError: texts that cannot be learned from; word vectors that cannot be read or are of
            another language.
        SettingsError: unlabelled texts, word vectors or a teacher for a network that cannot use
            them; a teacher without unlabelled texts that is not kept; one to keep without a
            teacher.
        MissingExtraError: the vectors "glove" without their package.
        RunError: there is an unfinished run, or none to resume, or it was another training.
        ArtifactError: `options.out` cannot be written, or the teacher fails.
        Interrupted: training was stopped; `options.resume` continues it.
    """
    # A setting of one's own that a continued or loaded classifier has was given once.
    options = replace(options, given=options.given | changed("labels", settings, options.preset))
    listener = options.listener
    answering = teacher if isinstance(teacher, Answering) else None
    if not split.has_only_hints and (answering is None or len(split.train)):
        check_learnable(split.train)
    outside = {"vectors": vectors, "teacher": teacher, "label_hints": split.hints}
    check_together(split, settings, continued, outside, keep_teacher=keep_teacher)
    split, settings = fitting(split, settings, listener)
    encoder = None if isinstance(teacher, Answering) else teacher
    if answering is None and not uses_outside(split, settings, outside, listener):
        vectors = None
        encoder = None
    kept = encoder.files() if encoder is not None and keep_teacher else None
    used = answering or encoder
    files = vector_files(vectors)
    digests = [sha256_of(*files) if files else "", "" if used is None else used.sha256]
    more = [
        "keep_teacher" if kept is not None else "",
        "" if continued is None else continued.digest(),
    ]
    request = request_of(split, settings, *digests, *more)
    with Run.open(request, options) as run:
        write_seen(split, run.folder)
        labelled = split
        stages = Stages(run)
        taught = None
        if answering is not None:
            split, taught = with_answers(split, answering, settings, stages)
            split, settings = fitting(split, settings, listener)
        tokens, settings = _tokens(split, settings, continued, vectors, listener)
        training = Training(tokens=tokens, split=split, settings=settings, run=run, stages=stages)
        model, measured = _trained(training, continued, encoder, kept)
        metrics = (
            model.metrics if taught is None else taught_metrics(model.metrics, labelled, taught)
        )
        if continued is not None:
            model = replace(model, ancestors=continued.ancestor.lineage)
            metrics["continued"] = continued_metrics(model, continued, measured, listener)
        model = replace(model, metrics=metrics)
        run.finish(model)
    return model


def _tokens(
    split: Split,
    settings: LabelsSettings,
    continued: Continued | None,
    vectors: str | Path | None,
    listener: Listener,
) -> tuple[Tokens, LabelsSettings]:
    """Return the tokenized split, and the settings with the vocabulary that the network reads."""
    listener(Stage(name="counting words", done=0.05))
    tokens = tokenize_split(
        split, settings, None if continued is None else continued.ancestor.model
    )
    if vectors is not None:
        # The network reads the words of the texts only.
        words = tokens.tokenizer.size - tokens.tokenizer.specials
        settings = replace(settings, vocabulary=min(settings.vocabulary, words))
        tokens = with_vectors(tokens, split, vectors, listener)
    return tokens, settings


def _trained(
    training: Training,
    continued: Continued | None,
    encoder: Encoder | None,
    kept: EncoderFiles | None,
) -> tuple[Model, Measured | None]:
    """Train a classifier; return it, and its answers to texts that it has not seen, where there are
    any.

    The encoder becomes the teacher of the unlabelled texts; with its files, `kept`, it may be a
    member too.
    """
    tokens = training.tokens
    split = training.split
    settings = training.settings
    # With the old examples the network starts anew: the old one has seen those that are held out,
    # would seem better than it is and get too large a weight (docs/experiments.md).
    ancestor = None if continued is None or continued.has_old else continued.ancestor
    # Without validation texts the folds give the network its weight, if there are any.
    most = MAX_FOLDED_TEXTS if split.valid is None else MAX_WITHOUT_VALIDATION
    few = settings.has_members and len(split.train) <= most
    rows = rows_of(tokens, split, _outputs(training), with_valid=not few)
    folds = _folds(rows, training)
    linear = _linear(rows, folds, training, ancestor, encoder, keep_teacher=kept is not None)
    network, predicted = _network(rows, linear, folds, training, ancestor, few=few)
    unseen = unseen_predictions(rows, folds, linear.members, predicted)
    used = None
    model = _model(training, linear.members, network, unseen.ensemble(), kept)
    name = f"out-of-fold predictions of {len(np.unique(unseen.fold_of))} folds ({split.train.name})"
    if split.valid is not None:
        name = f"validation texts ({split.valid.name})"
        if few:
            # Nothing was decided on them: they measure the finished classifier.
            unseen = _of_valid(training, linear.members, network, rows, encoder)
            used = model.ensemble
    found = unseen.measured(name, used)
    measured = None if found is None else found.without(split.not_measured)
    of_linear = {} if linear.members is None else linear.members.metrics
    metrics = _metrics(training, model, of_linear, network.standing, folds, measured)
    return replace(model, metrics=metrics), measured


def _outputs(training: Training) -> Outputs:
    settings = training.settings
    n_labels = len(training.tokens.labels)
    if settings.multi_label:
        return SeveralLabels(n_labels)
    # The article's probabilities stay as its network gives them.
    return OneLabel(
        n_labels, training.tokens.balance, settings.linear or not settings.follows_article
    )


def _folds(rows: Rows, training: Training) -> Folds:
    """Return the folds of the rows; hints and a teacher's answers are never held out."""
    split = training.split
    settings = training.settings
    n = len(rows.texts) - rows.hints
    n_train = len(split.train)
    if settings.has_members and n_train <= MAX_FOLDED_TEXTS:
        places = np.r_[0 : n_train - split.taught, n_train:n]
        texts = [rows.texts[place] for place in places.tolist()]
        folds = folds_to_decide(texts, rows.targets[places], settings.folds, settings.seed)
        fold_of = np.full(n, -1, np.int32)
        fold_of[places] = folds.fold_of
        folds = replace(folds, fold_of=fold_of)
    else:
        # The validation texts, the last ones, are the single fold.
        folds = Folds(fold_of=np.repeat(np.array([-1, 0], np.int32), [n_train, n - n_train]))
    return replace(folds, fold_of=np.append(folds.fold_of, np.full(rows.hints, -1, np.int32)))


def _linear(
    rows: Rows,
    folds: Folds,
    training: Training,
    ancestor: Ancestor | None,
    encoder: Encoder | None,
    *,
    keep_teacher: bool,
) -> LinearPart:
    """Return the linear members, fitted to all labelled texts."""
    tokens = training.tokens
    settings = training.settings
    if not settings.linear:
        return LinearPart(members=None)
    if not has_many_members(training.split, settings):
        return fit_one_member(training, ancestor)
    chosen_teacher = None if encoder is None else choose_teacher(encoder, rows, folds, training)
    teacher, of_teacher = chosen_teacher or (None, None)
    found = candidates(rows, tokens, seed=settings.seed, minutes=settings.minutes, teacher=teacher)
    chosen = choose_all(found, rows, folds, training)
    pool = [*chosen, *ancestor_members(ancestor, rows, tokens)] if settings.folds else chosen[:1]
    if teacher is not None and keep_teacher:
        pool.append(teacher.chosen)
    check = training.within(training.run.budget.for_stage("members"))
    members = fit_members(rows, pool, folds, check, training.split.not_measured)
    if of_teacher is not None:
        members.metrics["teacher"] = of_teacher
    return LinearPart(members=members)


def _network(
    rows: Rows,
    linear: LinearPart,
    folds: Folds,
    training: Training,
    ancestor: Ancestor | None,
    *,
    few: bool,
) -> tuple[TrainedNetwork, Probabilities | None]:
    """Return the network, and its predictions of texts that it has not seen; see
    `unseen_predictions`.
    """
    tokens = linear.tokens or training.tokens
    settings = training.settings
    settings = fixed_schedule(settings, training.run.options.given) if few else settings
    training = replace(training, tokens=tokens, settings=settings)
    train = as_read(linear.pseudo or tokens.train, training)
    compiled = make_network(train, training, ancestor)
    of_folds = None
    if few:
        of_texts = replace(folds, fold_of=folds.fold_of[: len(tokens.train.targets)])

        def pays(found: Probabilities, n_folds: int) -> bool:
            unseen = unseen_predictions(rows, folds, linear.members, found)
            return (
                network_share(unseen.of(unseen.fold_of < n_folds).ensemble()) >= _MIN_NETWORK_SHARE
            )

        of_folds = fold_probabilities(compiled, of_texts, training, pays)
    network = train_network(compiled, train, training, few=few)
    if of_folds is not None:
        return network, of_folds if len(of_folds) else None
    if network.valid is not None or folds.held.any() or folds.not_measured:
        return network, network.valid
    # Without validation texts weights are those that need none. Where the linear members have
    # out-of-fold predictions, or too few texts, the network gets no weight.
    return network, np.zeros((0, len(tokens.labels)), np.float32)


def _of_valid(
    training: Training,
    members: Members | None,
    network: TrainedNetwork,
    rows: Rows,
    encoder: Encoder | None,
) -> Unseen:
    """Return the predictions of the validation texts, which are no rows."""
    valid = training.tokens.valid
    given = training.split.valid
    assert valid is not None
    assert given is not None
    linear = None
    embeddings = None
    if members is not None:
        if members.teacher is not None and encoder is not None:
            embeddings = encoder.encode_counted(given.texts, check=tuple).features()
        scores = members.scores(valid.texts.ids, valid.texts.starts, given.texts, embeddings)
        linear = rows.outputs.of_scores(scores)
    return Unseen(
        texts=given.texts,
        targets=valid.targets,
        network=network.valid,
        linear=linear,
        fold_of=np.zeros(len(given), np.int32),
        outputs=rows.outputs,
    )


def _model(
    training: Training,
    members: Members | None,
    network: TrainedNetwork,
    ensemble: AnyEnsemble,
    kept: EncoderFiles | None,
) -> Model:
    """Return the classifier, without metrics; it keeps a teacher, its files `kept`, where it has
    weight.
    """
    tokens = training.tokens
    settings = training.settings
    teacher = None
    # Of one label a text, a linear model of weight 0 stays: training can be continued from it.
    if settings.multi_label and not ensemble.linear:
        members = None
    own = None if members is None or not ensemble.linear else members.teacher
    if kept is not None and own is not None:
        teacher = KeptTeacher(own.weights, own.bias, kept)
    elif kept is not None:
        training.note("the teacher has weight 0 out of fold: it is not kept")
    return Model(
        job="labels",
        preset=training.run.options.preset,
        settings=settings,
        tokenizer=tokens.tokenizer,
        weights=network.weights,
        labels=tokens.labels,
        label_type=training.split.train.label_type,
        linear=None if members is None else members.linear,
        tfidf=() if members is None else members.tfidf,
        teacher=teacher,
        ensemble=ensemble,
    )


def _metrics(
    training: Training,
    model: Model,
    of_linear: Mapping[str, object],
    standing: Standing,
    folds: Folds,
    measured: Measured | None,
) -> dict[str, object]:
    """Return the metrics of a classifier and of its parts, ready for JSON."""
    tokens = training.tokens
    split = training.split
    settings = training.settings
    best = standing.epoch if settings.follows_article else standing.best_epoch
    found = {
        **of_linear,
        **tokens.lengths(),
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
    if isinstance(teacher := found.get("teacher"), dict) and model.teacher is not None:
        files = model.teacher.files
        found["teacher"] = {
            **teacher,
            "kept": True,
            "bytes": len(files.graph) + len(files.tokenizer),
        }
    if tokens.vectors is not None:
        found["vectors"] = tokens.vectors.metrics
    if measured is not None:
        found |= metrics_of(measured, tokens.labels, model.ensemble)
        if warning := worth_of(measured):
            training.note(warning)
    elif folds.not_measured:
        found["not_measured"] = folds.not_measured
    else:
        found |= {"accuracy": standing.accuracy, "measured_on": "training texts, while training"}
    if split.has_only_hints:
        found |= {"only_hints": True, "measured_on": "label hints, while training"}
    return found
