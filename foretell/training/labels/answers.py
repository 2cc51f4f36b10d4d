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
from dataclasses import replace
from itertools import compress, islice

import numpy as np

from foretell.arrays import Float32s, Float64s, Floats, Logits
from foretell.config import LabelsSettings
from foretell.data.checks import check_learnable
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.soft import Answering, checked
from foretell.data.split import MIN_TEXTS, Split, make_split, text_key
from foretell.errors import DataError, ForetellError, RunError
from foretell.readable import listed
from foretell.training.events import Note, Stage
from foretell.training.labels.candidates import TAUGHT_STRENGTHS, sparse_members
from foretell.training.labels.folds import Folds, folds_to_decide
from foretell.training.labels.members import choose, nested_logs
from foretell.training.labels.outputs import MAX_LOGIT, OneLabel
from foretell.training.labels.rows import Rows, joined, rows_of
from foretell.training.labels.stages import Stages
from foretell.training.labels.teacher import KEPT
from foretell.training.labels.tokens import Targets, TokenizedTexts, tokenize_split

_STAGE = "answers"
_ASKED = "asked"

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


def with_answers(
    split: Split, teacher: Answering, settings: LabelsSettings, stages: Stages
) -> tuple[Split, dict[str, object]]:
    """Return the split with a teacher's answers as training rows, and metrics ready for JSON.

    Where labelled texts show that the answers are of no use, the split is returned as it is.
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
        found = listed(teacher.labels)
        raise DataError(expected=expected, found=found, where=teacher.name)
    if split.has_only_hints:
        split = replace(split, train=split.train.select(()))
    # Each text once.
    split = replace(split, unlabelled=tuple(dict.fromkeys(split.unlabelled)))
    asked = _asked(teacher, split.unlabelled, stages)
    known = np.asarray(np.isfinite(asked).all(axis=1), bool)
    chosen = _chosen(asked[known], teacher, labels)
    texts = list(compress(split.unlabelled, known))
    others = tuple(compress(split.unlabelled, ~known))
    if not texts:
        expected = "texts without labels that a teacher answers"
        fix = "give more texts of the same kind"
        raise DataError(expected=expected, found="none", where=teacher.name, fix=fix)
    split = replace(split, unlabelled=(*texts, *others))
    is_used = True
    losses = dict[str, float]()
    if len(split.train):
        is_used, losses = _decided(split, teacher, chosen, settings, stages)
    metrics = {"name": teacher.name, "texts": len(texts), "kept": False, "used": is_used, **losses}
    if not is_used:
        return split, metrics
    of_texts = [labels[place] for place in chosen.tolist()]
    taught = Examples(texts, of_texts, name=teacher.name, label_type=split.train.label_type)
    return _joined(replace(split, unlabelled=others), taught, settings), metrics


def _chosen(answers: Float32s, teacher: Answering, labels: Sequence[str]) -> Targets:
    """Return the place of the most probable label of each answer among the labels, [text]."""
    ordered_answers = answers[:, [teacher.labels.index(label) for label in labels]]
    places: Targets = ordered_answers.argmax(axis=1).astype(np.int32)
    return places


def _joined(split: Split, taught: Examples, settings: LabelsSettings) -> Split:
    """Return the split with the rows of a teacher in training; labelled texts are there to
    measure.
    """
    labelled = split.train
    n = len(split.train) + len(taught)
    seed = settings.seed
    if not len(labelled):
        check_learnable(taught)
        made = make_split(taught, fraction=settings.fraction_for(n), seed=seed)
        keys = frozenset(map(text_key, taught.texts))
        return replace(split, train=made.train, valid=made.valid, not_measured=keys)
    if split.valid is None and settings.fraction_for(n):
        part = make_split(
            labelled, fraction=min(0.5, settings.valid_fraction * n / len(labelled)), seed=seed
        )
        split = replace(split, valid=part.valid)
        labelled = part.train
    return replace(split, train=joined([labelled, taught], labelled.name), taught=len(taught))


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
    listener = run.options.listener
    listener(Note(text=f"the teacher ({teacher.name}) is asked for {len(texts) - n:,} texts"))
    try:
        while n < len(texts):
            if n > first and time.monotonic() - began > seconds:
                listener(
                    Note(text=f"the time limit leaves the teacher time for {n:,} unlabelled texts")
                )
                # Kept too, so that a resumed training has the same rows.
                parts.append(np.full((len(texts) - n, len(teacher.labels)), np.nan, np.float32))
                break
            batch = list(texts[n : n + _BATCH])
            parts.append(_answers(teacher, batch, n))
            n += len(batch)
            if run.checkpoints.due():
                stages.keep(_STAGE, {_ASKED: np.concatenate(parts)})
            listener(
                Stage(
                    name=f"teacher: {n:,} of {len(texts):,} texts",
                    done=0.02 + 0.02 * n / len(texts),
                )
            )
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
            expected="probabilities from the teacher",
            found=f"{type(error).__name__}: {error}",
            where=f"{teacher.name}, texts {first + 1:,} to {first + len(texts):,}",
            fix=KEPT,
        ) from error


def _knows_labels(
    teacher: Answering, rows: Rows, labels: Sequence[str], folds: Folds, stages: Stages
) -> bool:
    """Return whether a teacher is an estimator that may know no more than the labels of the rows by
    heart.

    It is right on nearly all of them; or copies that learn from the other folds are no better than
    chance.
    """
    if not teacher.is_estimator:
        return False
    chosen = _chosen(_answers(teacher, rows.texts), teacher, labels)
    if (chosen == rows.targets).mean() >= _KNOWS_LABELS:
        return True
    if teacher.refitted is None:
        return False
    names = np.array(labels)[rows.targets]
    found = np.zeros((len(rows.targets), len(labels)))
    columns = [teacher.labels.index(label) for label in labels]
    for fold, (inside, held) in enumerate(folds):
        done = fold / folds.count
        name = f"copies of the teacher: {fold + 1} of {folds.count}"
        stages.run.options.listener(Stage(name=name, done=0.04 + 0.02 * done))
        others = list(compress(rows.texts, inside))
        asked = list(compress(rows.texts, held))
        try:
            found[held] = teacher.refitted(others, names[inside].tolist(), asked)[:, columns]
        except Exception:
            # It cannot be copied, so nothing shows that it is of use.
            return True
        stages.run.interrupt.check()
    return _margin(found[folds.held], rows.targets[folds.held]) <= _COPIES_MARGIN


def _decided(
    split: Split, teacher: Answering, answers: Targets, settings: LabelsSettings, stages: Stages
) -> tuple[bool, dict[str, float]]:
    """Return whether the answers are used, by the log loss of held-out labelled texts; and the log
    losses.
    """
    n = min(len(answers), _MAX_DECIDING)
    run = stages.run
    small = replace(split, unlabelled=split.unlabelled[:n], hints=None)
    tokens = tokenize_split(small, settings)
    rows = rows_of(tokens, small, OneLabel(len(tokens.labels)), with_valid=True)
    folds = folds_to_decide(rows.texts, rows.targets, settings.folds or 5, settings.seed)
    more = _followed_by(rows, small.unlabelled, tokens.unlabelled, answers[:n])
    if not folds.held.any():
        return _knows_better(rows, more, tokens.tokenizer.size, stages), {}
    # A teacher may have learned from the training texts; validation texts are for measuring.
    deciding = np.flatnonzero(folds.held) >= len(split.train)
    if deciding.sum() < MIN_TEXTS:
        if _knows_labels(teacher, rows, tokens.labels, folds, stages):
            text = (
                "the teacher may have learned these labels, so they do not show what its "
                "answers are worth"
            )
            fix = f"give {MIN_TEXTS} or more labelled texts that it has not seen as validation set"
            run.options.listener(Note(text=f"{text}: they are not used; {fix}"))
            return False, {}
        deciding[:] = True

    def losses(rows: Rows, folds: Folds, *, taught: bool = False) -> Float64s:
        logs = _logits(rows, folds, tokens.tokenizer.size, stages, taught=taught)[None, folds.held]
        nested = np.maximum(nested_logs(rows, logs, folds), -MAX_LOGIT)
        each: Float64s = -nested[np.arange(len(nested)), rows.targets[folds.held]]
        return each[deciding]

    in_all = Folds(fold_of=np.append(folds.fold_of, np.full(n, -1, np.int32)))
    with_them = losses(more, in_all, taught=True)
    without = losses(rows, folds)
    gain = without - with_them
    is_used = bool(gain.mean() > _MARGIN * gain.std() / np.sqrt(len(gain)))
    if not is_used:
        text = (
            "the teacher's answers do not lower the log loss of held-out labelled texts: "
            "they are not used"
        )
        run.options.listener(Note(text=text))
    return is_used, {"log_loss": float(with_them.mean()), "log_loss_without": float(without.mean())}


def _logits(rows: Rows, folds: Folds, size: int, stages: Stages, *, taught: bool) -> Logits:
    """Return the logits [row, label] of held-out rows by a TF-IDF model; `taught`: it learns from
    answers.
    """
    *_, member = islice(sparse_members(rows, size), 2)
    if taught:
        member = replace(member, strengths=(TAUGHT_STRENGTHS[member.name],), first=0)
    return choose(member, rows, folds, stages.run.interrupt.check).logs


def _knows_better(rows: Rows, more: Rows, size: int, stages: Stages) -> bool:
    """Return whether a model of the answers alone, the end of `more`, is better than chance on
    `rows`.
    """
    n = len(rows.targets)
    folds = Folds(fold_of=np.repeat(np.array([0, -1], np.int32), [n, len(more.targets) - n]))
    found = np.exp(_logits(more, folds, size, stages, taught=True)[:n])
    better = _margin(found, rows.targets) > _FEW_MARGIN
    if not better:
        text = "the teacher's answers do not agree with the few labels: they are not used"
        stages.run.options.listener(Note(text=text))
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


def _followed_by(
    rows: Rows, texts: Sequence[str], tokenized: TokenizedTexts, targets: Targets
) -> Rows:
    return replace(
        rows,
        texts=[*rows.texts, *texts],
        tokenized=rows.tokenized.followed_by(tokenized),
        targets=np.append(rows.targets, targets),
        counts=np.append(rows.counts, np.ones(len(texts))),
    )


def taught_metrics(
    metrics: Mapping[str, object], labelled: Split, found: dict[str, object]
) -> dict[str, object]:
    """Return a classifier's metrics with those of its teacher; `labelled` is the split without
    answers.
    """
    n = 0 if labelled.has_only_hints else len(labelled.train)
    more = {"texts": n, "unlabelled_texts": len(labelled.unlabelled), "teacher": found}
    if not n:
        none = ("accuracy", "measured_on", "baseline_accuracy", "baseline_log_loss")
        kept = {name: value for name, value in metrics.items() if name not in none}
        return {**kept, **more, "only_teacher": True, "not_measured": NO_LABELS}
    return {
        **metrics,
        **more,
        **({"caution": CAUTION} if found["used"] and labelled.valid is None else {}),
    }
