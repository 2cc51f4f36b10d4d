"""A teacher's answers as rows: texts that nobody has labelled, with the label that a teacher gives
each.

A classifier is trained on thousands of such rows as on labels (Hinton, Vinyals and Dean, 2015,
"Distilling the Knowledge in a Neural Network"). Where people have labelled some texts, these are
held out from the rows: their log loss decides whether the answers are used, and how much each
counts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from foretell.arrays import Float32s, Floats, Logits, Mask
from foretell.config import LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.examples import Examples
from foretell.data.folds import Folds, folds_of, too_few
from foretell.data.label_types import ordered
from foretell.data.split import MIN_TEXTS, Split
from foretell.errors import DataError, ForetellError, RunError
from foretell.readable import listed
from foretell.training.labels.candidates import TAUGHT_STRENGTHS, Features, sparse_member
from foretell.training.labels.continued import joined
from foretell.training.labels.corpus import LabelsCorpus, Origin, Part, make_corpus, part_of
from foretell.training.labels.members import Evidence, choose, evidence_of, nested_logits
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.rows import Rows, Targets, hard_rows
from foretell.training.labels.soft import Answering, checked
from foretell.training.labels.stages import Stages

_STAGE = "answers"
_ASKED = "asked"

KEPT = "with out= the answers so far are kept, and resume=True asks for the others"
"""What to do where a teacher fails."""

NO_LABELS = "no text has a label: all labels are the teacher's"
CAUTION = (
    "a teacher that has learned from these labels makes the metrics too good by an unknown amount: "
    "measure on labelled texts that it has not seen"
)

_BATCH = 32
_MAX_TIME_SHARE = 1 / 4
"""Texts that a teacher is asked for at once, and the part of the remaining time that it may
take.
"""

_MAX_DECIDING = 3_000
_MARGIN = 1.0
"""Rows that the decision is made on, at most; standard errors by which answers must lower the log
loss.
"""

_FEW_MARGIN = 0.5
"""Standard errors by which a model of the answers alone must be better than chance, where labels
are few.
"""

_KNOWS_LABELS = 0.95
_COPIES_MARGIN = 2.0
"""An estimator that is right on at least this part of the labelled texts knows their labels by
heart. Copies of any other must be better than chance on texts that they have not seen, by so many
standard errors.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class TeacherAnswers:
    """What a teacher answered.

    Attributes:
        texts: that it labelled.
        places: int32 [text], the most probable label of each among `labels`.
        labels: sorted.
        others: unlabelled texts that it did not label.
        is_used: whether its answers become rows.
        metrics: ready for JSON.
    """

    texts: Sequence[str]
    places: Targets
    labels: list[str]
    others: Sequence[str]
    is_used: bool
    metrics: dict[str, object]

    def part(self) -> Part:
        """Source: the texts with the labels that the teacher gave them."""
        rows = hard_rows(self.places, np.ones(len(self.texts)), len(self.labels))
        return Part(texts=self.texts, rows=rows)


def answers_of(
    teacher: Answering, split: Split, settings: LabelsSettings, stages: Stages
) -> TeacherAnswers:
    """Return a teacher's answers to the unlabelled texts, and whether they are of use.

    Without any labelled text the teacher's labels are all. Checkpoints contain the answers, so that
    a resumed training does not ask again.

    Raises:
        DataError: answers of another shape, that are no probabilities, or of other labels; no text
            to ask; one label alone.
        RunError: the teacher raised an exception.
        Interrupted: training was stopped.
    """
    labels = split.train.label_names or ordered(teacher.labels, teacher.label_type)
    if set(labels) != set(teacher.labels):
        expected = f"a teacher of the labels {listed(labels)}"
        raise DataError(expected, listed(teacher.labels), where=teacher.name)
    # Each text once.
    unlabelled = tuple(dict.fromkeys(split.unlabelled))
    asked = _asked(teacher, unlabelled, stages)
    known = np.asarray(np.isfinite(asked).all(axis=1), bool)
    texts = list(compress(unlabelled, known))
    if not texts:
        expected = "texts without labels that a teacher answers"
        raise DataError(
            expected, "none", where=teacher.name, fix="give more texts of the same kind"
        )
    answers = TeacherAnswers(
        texts=texts,
        places=_chosen(asked[known], teacher, labels),
        labels=labels,
        others=list(compress(unlabelled, ~known)),
        is_used=True,
        metrics={"name": teacher.name, "texts": len(texts), "kept": False, "used": True},
    )
    if not len(split.train):
        check_learnable(Examples(texts, [labels[place] for place in answers.places.tolist()]))
        return answers
    is_used, losses = _decided(split, teacher, answers, settings, stages)
    metrics = {**answers.metrics, "used": is_used, **losses}
    if is_used:
        return replace(answers, metrics=metrics)
    return replace(answers, metrics=metrics, is_used=False, others=unlabelled)


def _chosen(answers: Float32s, teacher: Answering, labels: Sequence[str]) -> Targets:
    """Return the place of the most probable label of each answer among the labels, [text]."""
    ordered_answers = answers[:, [teacher.labels.index(label) for label in labels]]
    places: Targets = ordered_answers.argmax(axis=1).astype(np.int32)
    return places


def _asked(teacher: Answering, texts: tuple[str, ...], stages: Stages) -> Float32s:
    """Return the answers to texts, [text, label]; NaN where there is none."""
    if teacher.texts:
        return np.asarray(teacher.ask(texts), np.float32)
    none = np.zeros((0, len(teacher.labels)), np.float32)
    parts = [stages.found(_STAGE).get(_ASKED, none)]
    run = stages.run
    n = first = len(parts[0])
    began = time.monotonic()
    seconds = run.budget.share(_MAX_TIME_SHARE)
    run.note(f"the teacher ({teacher.name}) is asked for {len(texts) - n:,} texts")
    try:
        while n < len(texts):
            if n > first and time.monotonic() - began > seconds:
                run.note(f"the time limit leaves the teacher time for {n:,} unlabelled texts")
                # Kept too, so that a resumed training has the same rows.
                parts.append(np.full((len(texts) - n, len(teacher.labels)), np.nan, np.float32))
                break
            batch = list(texts[n : n + _BATCH])
            parts.append(_answers(teacher, batch, n))
            n += len(batch)
            if run.checkpoints.due():
                stages.keep(_STAGE, {_ASKED: np.concatenate(parts)})
            run.stage(f"teacher: {n:,} of {len(texts):,} texts", 0.02 + 0.02 * n / len(texts))
            run.interrupt.check()
    finally:
        if n > first:
            stages.keep(_STAGE, {_ASKED: np.concatenate(parts)}, now=True)
    return np.concatenate(parts)


def _answers(teacher: Answering, texts: Sequence[str], first: int = 0) -> Float32s:
    """Return checked answers to texts, [text, label]; an exception of the teacher becomes a
    RunError.
    """
    try:
        return checked(teacher.ask(texts), len(texts), teacher.labels, teacher.name, first)
    except ForetellError:
        raise
    except Exception as error:
        raise RunError(
            "probabilities from the teacher",
            f"{type(error).__name__}: {error}",
            where=f"{teacher.name}, texts {first + 1:,} to {first + len(texts):,}",
            fix=KEPT,
        ) from error


def _knows_labels(teacher: Answering, small: _Small) -> bool:
    """Return whether a teacher is an estimator that may know no more than the labels by heart.

    It is right on nearly all labelled texts; or copies that learn from the other folds are no
    better than chance.
    """
    if not teacher.is_estimator:
        return False
    labels = small.corpus.labels
    targets = small.targets
    texts = list(small.corpus.texts[: len(targets)])
    chosen = _chosen(_answers(teacher, texts), teacher, labels)
    if (chosen == targets).mean() >= _KNOWS_LABELS:
        return True
    if teacher.refitted is None:
        return False
    names = np.array(labels)[targets]
    found = np.zeros((len(targets), len(labels)))
    columns = [teacher.labels.index(label) for label in labels]
    folds = small.folds
    for fold, (inside, held) in enumerate(folds):
        name = f"copies of the teacher: {fold + 1} of {folds.count}"
        small.stages.run.stage(name, 0.04 + 0.02 * fold / folds.count)
        others = list(compress(texts, inside))
        asked = list(compress(texts, held))
        try:
            found[held] = teacher.refitted(others, names[inside].tolist(), asked)[:, columns]
        except Exception:
            # It cannot be copied, so nothing shows that it is of use.
            return True
        small.stages.run.interrupt.check()
    return _margin(found[folds.held], targets[folds.held]) <= _COPIES_MARGIN


@dataclass(frozen=True, kw_only=True, eq=False)
class _Small:
    """The labelled texts, then some that the teacher answered, on which it is decided."""

    corpus: LabelsCorpus
    targets: Targets
    folds: Folds
    stages: Stages

    def logits(self, *, taught: bool) -> tuple[Logits, Evidence]:
        """Return the logits [held-out text, label] of a TF-IDF model, and the held-out texts.

        `taught`: it learns from the teacher's answers too.
        """
        corpus = self.corpus
        evidence = evidence_of(corpus, self.folds, OneLabel(len(corpus.labels)))
        features = Features(corpus=corpus, n_texts=len(corpus) if taught else len(self.targets))

        def source(inside: Mask) -> Rows:
            rows = corpus.labelled(inside)
            return rows if taught else rows.select(rows.text < len(self.targets))

        member = sparse_member("tfidf", features, (source,))
        if taught:
            member = replace(member, strengths=(TAUGHT_STRENGTHS["tfidf"],), first=0)
        return choose(member, evidence, self.stages.run.interrupt.check).logits, evidence

    def losses(self, *, taught: bool) -> Floats:
        """Return the log loss of each held-out text."""
        logits, evidence = self.logits(taught=taught)
        nested = nested_logits(logits[None], evidence)
        return OneLabel(len(self.corpus.labels)).losses(evidence.targets, nested)


def _decided(
    split: Split,
    teacher: Answering,
    answers: TeacherAnswers,
    settings: LabelsSettings,
    stages: Stages,
) -> tuple[bool, dict[str, float]]:
    """Return whether the answers are used, by the log loss of held-out labelled texts; and the log
    losses.
    """
    labelled = split.train
    if split.valid is not None:
        labelled = joined([split.train, split.valid], split.train.name)
    n = min(len(answers.texts), _MAX_DECIDING)
    part = answers.part()
    few = Part(texts=answers.texts[:n], rows=part.rows.select(part.rows.text < n))
    parts = {Origin.LABELS: part_of(labelled, answers.labels), Origin.ANSWERS: few}
    corpus = make_corpus(parts, (), answers.labels, settings)
    targets = corpus.rows_of(Origin.LABELS).truth()
    folds = Folds(fold_of=np.zeros(len(targets), np.int32))
    small = _Small(corpus=corpus, targets=targets, folds=folds, stages=stages)
    if too_few(labelled.texts, targets):
        return _knows_better(small), {}
    folds = folds_of(labelled.texts, targets, settings.folds or 5, settings.seed)
    small = replace(small, folds=folds)
    # A teacher may have learned from the training texts; validation texts are for measuring.
    deciding = np.flatnonzero(small.folds.held) >= len(split.train)
    if deciding.sum() < MIN_TEXTS:
        if _knows_labels(teacher, small):
            text = (
                "the teacher may have learned these labels, so they do not show what its "
                "answers are worth"
            )
            fix = f"give {MIN_TEXTS} or more labelled texts that it has not seen as validation set"
            stages.run.note(f"{text}: they are not used; {fix}")
            return False, {}
        deciding[:] = True
    with_them = small.losses(taught=True)[deciding]
    without = small.losses(taught=False)[deciding]
    gain = without - with_them
    is_used = bool(gain.mean() > _MARGIN * gain.std() / np.sqrt(len(gain)))
    if not is_used:
        text = (
            "the teacher's answers do not lower the log loss of held-out labelled texts: "
            "they are not used"
        )
        stages.run.note(text)
    return is_used, {"log_loss": float(with_them.mean()), "log_loss_without": float(without.mean())}


def _knows_better(small: _Small) -> bool:
    """Return whether a model of the answers alone is better than chance on the labelled texts."""
    found = np.exp(small.logits(taught=True)[0])
    better = _margin(found, small.targets) > _FEW_MARGIN
    if not better:
        text = "the teacher's answers do not agree with the few labels: they are not used"
        small.stages.run.note(text)
    return better


def _margin(found: Floats, targets: Targets) -> float:
    """Return by how many standard errors probabilities [text, label] are better than those of other
    texts.

    Better is a higher probability of the text's own label than of the label of a text drawn at
    random.
    """
    share = np.bincount(targets, minlength=found.shape[1]) / len(targets)
    gains = found[np.arange(len(targets)), targets] - found @ share
    return float(gains.mean() / max(np.sqrt((gains**2).mean() / len(gains)), 1e-9))


def taught_metrics(
    metrics: Mapping[str, object], split: Split, answers: TeacherAnswers
) -> dict[str, object]:
    """Return a classifier's metrics with those of its teacher."""
    more = {"teacher": answers.metrics, "unlabelled_texts": len(split.unlabelled)}
    if not len(split.train):
        none = ("accuracy", "measured_on", "baseline_accuracy", "baseline_log_loss")
        kept = {name: value for name, value in metrics.items() if name not in none}
        return {**kept, **more, "only_teacher": True, "not_measured": NO_LABELS}
    if answers.is_used and split.valid is None:
        more["caution"] = CAUTION
    return {**metrics, **more}
