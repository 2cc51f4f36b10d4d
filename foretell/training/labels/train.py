"""Train a classifier: a split in, a model directory out. One path for 30 texts or ten million.

Split → rows → plan → predictions of unseen texts → ensemble → last fit → metrics.
The plan says which linear members there are and which texts are held out, fold by fold.
Out-of-fold predictions choose the members' penalties and their weights. Where a tenth of the texts
is too little to stop the network, it is trained on folds too, with a fixed schedule; else the texts
of the first fold stop it and give its weight. Whatever is measured was decided on other texts.
Where texts may have several labels, only `Outputs` differs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from foretell.arrays import Probabilities
from foretell.artifacts.kept_teacher import EncoderFiles, KeptTeacher
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.folds import Folds, folds_of, note_on_unknown, too_few
from foretell.data.label_types import ordered
from foretell.data.split import Split
from foretell.presets import changed
from foretell.runtime.seen import write_seen
from foretell.training.labels.ancestor import linear_parts
from foretell.training.labels.answers import TeacherAnswers, answers_of, taught_metrics
from foretell.training.labels.candidates import (
    NGRAM_STRENGTHS,
    TAUGHT_STRENGTHS,
    Features,
    own_members,
    student,
)
from foretell.training.labels.checks import Outside, check_together, request_of
from foretell.training.labels.continued import Continued, continued_metrics
from foretell.training.labels.corpus import (
    LabelsCorpus,
    Origin,
    Part,
    make_corpus,
    part_of,
    with_vectors,
)
from foretell.training.labels.members import (
    Chosen,
    Ensembled,
    Evidence,
    Member,
    choose_all,
    evidence_of,
    fit_ensembled,
    known_member,
    measured_places,
    metrics_of_members,
)
from foretell.training.labels.network import TrainedNetwork, fit_network, fixed_schedule
from foretell.training.labels.network_fit import enough_labels
from foretell.training.labels.outputs import AnyEnsemble, OneLabel, Outputs, SeveralLabels
from foretell.training.labels.plan import Plan, Sizes, make_plan, memory_of_a_member
from foretell.training.labels.pseudo_labels import (
    PseudoLabels,
    pseudo_labels,
    rows_for_network,
)
from foretell.training.labels.soft import Answering
from foretell.training.labels.stages import Stages, Training
from foretell.training.labels.teacher import Encoder, Teacher, choose_teacher
from foretell.training.labels.unseen import (
    Measured,
    Unseen,
    metrics_of,
    network_share,
    of_validation_set,
    unseen_predictions,
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
        split: training and unlabelled texts, and a validation set to measure on, made by
            `split_of` or `data.split.make_split`.
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
    outside = Outside(
        vectors=vectors, teacher=teacher, keep_teacher=keep_teacher, continued=continued
    )
    if not split.has_only_hints and (outside.answering is None or len(split.train)):
        check_learnable(split.train)
    check_together(split, settings, outside)
    kept = outside.encoder.files() if outside.encoder is not None and keep_teacher else None
    with Run.open(request_of(split, settings, outside), options) as run:
        write_seen(split, run.folder)
        stages = Stages(run)
        answers = None
        if outside.answering is not None:
            answers = answers_of(outside.answering, split, settings, stages)
        began = time.monotonic()
        run.stage("counting words", 0.05)
        corpus = _corpus(split, settings, outside, answers)
        pace = (time.monotonic() - began) / max(1, len(corpus.tokenized.ids))
        training = _training(corpus, settings, outside, run, stages)
        plan, evidence = _planned(training, pace)
        if plan.has_fixed_schedule or plan.not_measured:
            settings = fixed_schedule(training.settings, options.given)
            training = replace(training, settings=settings)
        linear = _fit_linear(training, plan, evidence, outside)
        run.begin_network(0.15)
        network = _fit_network(training, plan, evidence, linear, outside)
        fitted = _FittedClassifier(training, plan, evidence, linear, network)
        unseen = fitted.unseen()
        model = fitted.model(unseen.ensemble(), split, kept)
        measured = fitted.measured(unseen, model, split, outside)
        metrics = fitted.metrics(model, measured, split)
        if answers is not None:
            metrics = taught_metrics(metrics, split, answers)
        if continued is not None:
            model = replace(model, ancestors=continued.ancestor.model.lineage)
            metrics["continued"] = continued_metrics(model, continued, measured, options.listener)
        model = replace(model, metrics=metrics)
        run.finish(model)
    return model


def _corpus(
    split: Split, settings: LabelsSettings, outside: Outside, answers: TeacherAnswers | None
) -> LabelsCorpus:
    """Return all texts, with the rows of every source that needs no member."""
    continued = outside.continued
    known = split.train.label_names
    if split.train.sets is None:
        known += [] if split.hints is None else split.hints.label_names
        known += [] if answers is None else answers.labels
        known += [] if continued is None else continued.ancestor.labels
        known = ordered(known, split.train.label_type)
    parts = dict[Origin, Part]()
    if len(split.train):
        parts[Origin.LABELS] = part_of(split.train, known)
    if continued is not None and continued.replay is not None:
        parts[Origin.REPLAY] = continued.replay.part(known)
    if answers is not None and answers.is_used:
        # Without labels of people some of the teacher's are held out, for weights alone.
        parts[Origin.ANSWERS if len(split.train) else Origin.REPLAY] = answers.part()
    if split.hints is not None:
        parts[Origin.HINTS] = part_of(split.hints, known)
    return make_corpus(
        parts,
        split.unlabelled if answers is None else answers.others,
        known,
        settings,
        valid=split.valid,
        continued=None if continued is None else continued.ancestor.model,
    )


def _training(
    corpus: LabelsCorpus, settings: LabelsSettings, outside: Outside, run: Run, stages: Stages
) -> Training:
    """Return the training of some texts, with word vectors where they were given."""
    if outside.vectors is not None:
        # The network reads the words of the texts only.
        words = corpus.tokenizer.size - corpus.tokenizer.specials
        settings = replace(settings, vocabulary=min(settings.vocabulary, words))
        corpus = with_vectors(corpus, outside.vectors, run.options.listener)
    return Training(corpus=corpus, settings=settings, run=run, stages=stages)


def _planned(training: Training, pace: float) -> tuple[Plan, Evidence]:
    """Return what is tried, and the texts that are held out."""
    corpus = training.corpus
    settings = training.settings
    labelled = corpus.rows.of_texts(corpus.can_be_held_out)
    texts = corpus.texts[: int(corpus.can_be_held_out.sum())]
    n_given = corpus.n_given
    sizes = Sizes(
        texts=n_given,
        tokens=int(corpus.tokenized.starts[n_given]),
        characters=sum(map(len, corpus.texts[:n_given])),
        labels=len(corpus.labels),
        unlabelled=len(corpus) - n_given,
        unlabelled_tokens=len(corpus.unlabelled.ids),
    )
    targets = labelled.truth()
    reason = too_few(texts, targets)
    # A resumed training tries the same, whatever the pace and the memory are now.
    seconds = training.run.budget.for_stage("members")
    memory = memory_of_a_member()
    if before := training.stages.found("plan"):
        seconds, pace, memory = before["limits"].tolist()
    training.stages.keep("plan", {"limits": np.array([seconds, pace, memory])})
    plan = make_plan(sizes, settings, seconds=seconds, pace=pace, memory=memory, too_few=reason)
    folds = Folds(fold_of=np.zeros(0, np.int32))
    if plan.folds:
        folds = folds_of(texts, targets, plan.folds, settings.seed, plan.first)
        if note := note_on_unknown(folds, targets):
            training.run.note(note)
    training.run.note(str(plan))
    return plan, evidence_of(corpus, folds, _outputs(training))


def _outputs(training: Training) -> Outputs:
    settings = training.settings
    n_labels = len(training.corpus.labels)
    if settings.multi_label:
        return SeveralLabels(n_labels)
    # The article's probabilities stay as its network gives them.
    is_calibrated = settings.linear or not settings.follows_article
    return OneLabel(n_labels, training.corpus.balance, is_calibrated)


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """The linear members of a classifier, fitted to all rows.

    Attributes:
        ensembled: all together, with their weights.
        metrics: of each and of all, ready for JSON.
        teacher: the teacher of some of them; None: there is none.
        pseudo: the pseudo-labels that some of them learned from; None: there are none.
    """

    ensembled: Ensembled
    metrics: dict[str, object]
    teacher: Teacher | None
    pseudo: PseudoLabels | None


def _fit_linear(
    training: Training, plan: Plan, evidence: Evidence, outside: Outside
) -> Linear | None:
    """Return the linear members of a plan; None: it has none."""
    if not plan.members:
        return None
    corpus = training.corpus
    teacher = None
    if outside.encoder is not None:
        teacher = choose_teacher(outside.encoder, evidence, corpus, training)
    pseudo = pseudo_labels(training, evidence) if plan.pseudo_labels else None
    n_texts = corpus.n_given
    if teacher is not None:
        n_texts += len(teacher.embeddings)
    if pseudo is not None:
        n_texts = max(n_texts, pseudo.n_texts)
    drawn = None
    if plan.share < 1:
        drawn = np.random.default_rng(training.settings.seed).random(len(corpus)) < plan.share
        drawn[evidence.texts] = True
    features = Features(corpus=corpus, n_texts=n_texts, drawn=drawn)
    members = own_members(plan, features, evidence.folds.held, training.settings.seed)
    students = _students(features, teacher, pseudo)
    chosen = choose_all(chain(members, students), evidence, training, searches=plan.searches)
    chosen += _known_members(corpus, evidence, outside, pseudo)
    if teacher is not None and outside.keep_teacher:
        chosen.append(teacher.chosen)
    # The last fit has to reach its end: what was measured is a member that did.
    ensembled = fit_ensembled(chosen, evidence, training.check)
    # `chosen` holds the features, which are large: nothing of it is kept while the network is
    # trained.
    metrics = metrics_of_members(chosen, ensembled, evidence, measured_places(corpus, evidence))
    return Linear(ensembled=ensembled, metrics=metrics, teacher=teacher, pseudo=pseudo)


def _known_members(
    corpus: LabelsCorpus, evidence: Evidence, outside: Outside, pseudo: PseudoLabels | None
) -> Iterator[Chosen]:
    """Yield the members that are fitted already."""
    if outside.continued is not None and outside.continued.old is None:
        parts = linear_parts(outside.continued.ancestor, corpus.tokenizer.size, corpus.labels)
        if parts:
            yield known_member("ancestor", parts, corpus, evidence)
    if pseudo is not None and pseudo.by_vectors is not None:
        yield known_member("text_vectors", [pseudo.by_vectors], corpus, evidence)


def _students(
    features: Features, teacher: Teacher | None, pseudo: PseudoLabels | None
) -> Iterator[Member]:
    """Yield the members that learn from texts which a member has labelled."""
    if teacher is not None and len(teacher.embeddings):
        for name, strength in TAUGHT_STRENGTHS.items():
            yield student(name, features, teacher.rows, "taught", strength)
    if pseudo is not None and len(pseudo.labelled):
        yield student("ngrams", features, pseudo.rows, "pseudo", NGRAM_STRENGTHS[2])


def _fit_network(
    training: Training,
    plan: Plan,
    evidence: Evidence,
    linear: Linear | None,
    outside: Outside,
) -> TrainedNetwork:
    """Return the network, fitted to the rows that are not held out from it."""
    # With the old examples the network starts anew: the old one has seen those that are held out,
    # would seem better than it is and get too large a weight (docs/experiments.md).
    ancestor = None
    if outside.continued is not None and outside.continued.old is None:
        ancestor = outside.continued.ancestor
    # Many labels alone train the network better: pseudo-labels carry only what the linear model
    # knows, which the ensemble has anyway.
    pseudo = None
    if linear is not None and not enough_labels(training.settings, training.corpus.n_given):
        pseudo = linear.pseudo
    logits = None if linear is None else linear.ensembled.logits

    def pays(found: Probabilities, n_folds: int) -> bool:
        unseen = unseen_predictions(evidence, logits, found)
        ensemble = unseen.of(unseen.evidence.fold_of < n_folds).ensemble()
        return network_share(ensemble) >= _MIN_NETWORK_SHARE

    return fit_network(
        lambda inside: rows_for_network(training.corpus, pseudo, inside),
        evidence,
        plan,
        training,
        ancestor,
        pays,
    )


@dataclass(frozen=True)
class _FittedClassifier:
    """All members of a classifier, fitted: what its model and its metrics are made of."""

    training: Training
    plan: Plan
    evidence: Evidence
    linear: Linear | None
    network: TrainedNetwork

    def unseen(self) -> Unseen:
        """Return the predictions of texts that no member has seen."""
        logits = None if self.linear is None else self.linear.ensembled.logits
        predicted = self.network.unseen
        if self.linear is None or not (self.plan.folds or self.plan.not_measured):
            # What no text can decide gets weights that need none.
            predicted = self.evidence.no_answers() if predicted is None else predicted
        return unseen_predictions(self.evidence, logits, predicted)

    def model(self, ensemble: AnyEnsemble, split: Split, kept: EncoderFiles | None) -> Model:
        """Return the classifier, without metrics.

        It keeps a teacher, its files `kept`, where it has weight.
        """
        training = self.training
        members = None if self.linear is None else self.linear.ensembled
        # Of one label a text, a linear model of weight 0 stays: training can be continued from it.
        if training.settings.multi_label and not ensemble.linear:
            members = None
        teacher = None
        if kept is not None:
            own = None if members is None or not ensemble.linear else members.teacher
            if own is None:
                training.run.note("the teacher has weight 0 out of fold: it is not kept")
            else:
                teacher = KeptTeacher(own.weights, own.bias, kept)
        return Model(
            job="labels",
            preset=training.run.options.preset,
            settings=training.settings,
            tokenizer=training.corpus.tokenizer,
            weights=self.network.weights,
            labels=training.corpus.labels,
            label_type=split.train.label_type,
            text_columns=training.run.options.text_columns,
            linear=None if members is None else members.linear,
            tfidf=() if members is None else members.tfidf,
            teacher=teacher,
            ensemble=ensemble,
        )

    def measured(
        self, unseen: Unseen, model: Model, split: Split, outside: Outside
    ) -> Measured | None:
        """Return the answers that are measured; None: there are no texts to measure on."""
        corpus = self.training.corpus
        outputs = self.evidence.outputs
        valid = corpus.valid
        if valid is None:
            name = split.train.name
            n_folds = len(np.unique(unseen.evidence.fold_of))
            measured_on = f"out-of-fold predictions of {n_folds} folds ({name})"
            if n_folds == 1:
                measured_on = f"validation texts ({100 * self.plan.first:g} % of {name})"
            return unseen.measured(corpus, measured_on)
        logits = None
        if self.linear is not None:
            members = self.linear.ensembled
            embeddings = None
            if members.teacher is not None and outside.encoder is not None:
                embeddings = outside.encoder.encode_counted(valid.texts, check=tuple).features()
            tokens = valid.tokenized
            scores = members.scores(tokens.ids, tokens.starts, valid.texts, embeddings)
            logits = outputs.of_scores(scores)
        assert self.network.valid is not None
        return of_validation_set(valid, model.ensemble, outputs, self.network.valid, logits)

    def metrics(self, model: Model, measured: Measured | None, split: Split) -> dict[str, object]:
        """Return the metrics of the classifier and of its parts, ready for JSON."""
        corpus = self.training.corpus
        loop = self.network.loop
        state = loop.state
        is_own = measured_places(corpus, self.evidence)
        n_held = 0
        if split.valid is None and self.plan.network_folds == 1:
            n_held = int((is_own & (self.evidence.fold_of == 0)).sum())
        found: dict[str, object] = {
            **corpus.lengths(),
            "plan": asdict(self.plan),
            "loss": state.loss,
            "texts": (len(split.train) or len(split.hints or ())) - n_held,
            "unlabelled_texts": len(split.unlabelled),
            "valid_texts": n_held if split.valid is None else len(split.valid),
            "epochs": loop.epoch(),
            "steps": state.step,
            "texts_per_second": loop.speed(),
            "seconds": self.training.run.budget.seconds(),
        }
        if self.linear is not None:
            found |= self.linear.metrics
            if self.linear.teacher is not None:
                found["teacher"] = _teacher_metrics(self.linear.teacher, model.teacher)
        if state.best is not None:
            is_last = self.training.settings.follows_article
            found["best_epoch"] = loop.epoch() if is_last else state.best_epoch
        if corpus.vectors is not None:
            found["vectors"] = corpus.vectors.metrics
        if measured is not None:
            found |= metrics_of(measured, corpus.labels, model.ensemble)
        elif self.plan.not_measured and not split.has_only_hints:
            found["not_measured"] = self.plan.not_measured
        else:
            found |= {"accuracy": state.accuracy, "measured_on": "training texts, while training"}
            if split.has_only_hints:
                found |= {"only_hints": True, "measured_on": "label hints, while training"}
        return found


def _teacher_metrics(teacher: Teacher, kept: KeptTeacher | None) -> dict[str, object]:
    """Return the metrics of a teacher, with the size of the one that the model keeps."""
    if kept is None:
        return teacher.metrics
    size = len(kept.files.graph) + len(kept.files.tokenizer)
    return {**teacher.metrics, "kept": True, "bytes": size}
