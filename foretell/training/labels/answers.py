"""A teacher's answers as rows: texts that nobody has labelled, with the probabilities that a teacher gives.

A classifier is trained on thousands of such rows as on labels (Hinton, Vinyals and Dean, 2015, "Distilling
the Knowledge in a Neural Network"). Where people have labelled some texts, these are held out from the rows:
their log loss decides whether the answers are used, how sharp they are taken, and how much each counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from foretell.arrays import Float32s, Float64s
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.label_sets import LabelSets
from foretell.data.label_types import ordered
from foretell.data.soft import Answering, checked
from foretell.data.split import MIN_TEXTS, Split, make_split, text_key
from foretell.errors import DataError, ForetellError, RunError
from foretell.readable import listed
from foretell.training.events import Note, Stage
from foretell.training.labels.candidates import alone, students
from foretell.training.labels.folds import folds_to_decide
from foretell.training.labels.logistic import Mask
from foretell.training.labels.members import Candidate, choose, nested_logs
from foretell.training.labels.outputs import MAX_LOGIT, OneLabel
from foretell.training.labels.rows import Rows, rows_of
from foretell.training.labels.stages import Stages
from foretell.training.labels.tokens import tokenize_split

_STAGE, _ASKED = "answers", "asked"

NO_LABELS = "no text has a label: all labels are the teacher's"
CAUTION = (
    "a teacher that has learned from these labels makes the metrics too good (SetFit with 300 labels by 2 "
    "and 7 points of accuracy): measure on labelled texts that it has not seen"
)

_BATCH, _MAX_TIME_SHARE = 32, 1 / 4
"""Texts that a teacher is asked for at once, and the part of the remaining time that it may take."""

HARD = np.inf
_POWERS, _WEIGHTS = (HARD, 1.0, 2.0), (1.0, 0.3, 0.1)
"""Powers that probabilities are raised to, `HARD` for the most probable label alone, and how much a row
counts beside a labelled text. The first of each unless held-out labels show that another is better."""

_MAX_DECIDING, _USED_MARGIN, _MARGIN, _SHARP_MARGIN = 3_000, 1.0, 2.0, 4.0
"""Rows that the decision is made on, at most; standard errors by which answers, and other ways to take them,
must lower the log loss: most for probabilities, which tell more of the labels that a teacher has learned."""

_KNOWS_LABELS = 0.95
"""A teacher that is right on this part of the labelled texts, or more, has learned from their labels."""

_MANY_ROWS = 4
"""With so many rows for each labelled text, all of these validate, and a part of the rows."""


class How(NamedTuple):
    """How answers are taken: the power that probabilities are raised to, and how much a row counts."""

    power: float = _POWERS[0]
    weight: float = _WEIGHTS[0]


def sharpened(values: Float32s, power: float) -> Float32s:
    """Return probabilities [text, label] raised to a power, each row with a sum of 1."""
    top = values.max(axis=1, keepdims=True)
    raised = values == top if power == HARD else (values / top) ** power
    rows: Float32s = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


def with_answers(
    split: Split, teacher: Answering, settings: LabelsSettings, stages: Stages
) -> tuple[Split, dict[str, Any]]:
    """Return the split with a teacher's answers as training rows, and metrics ready for JSON.

    Where labelled texts show that the answers are of no use, the split is returned as it is. Without any
    labelled text the teacher's labels are all. Checkpoints contain the answers, so that a resumed training
    does not ask again.

    Raises:
        DataError: answers of another shape, that are no probabilities, or of other labels; no text to ask.
        RunError: the teacher raised an exception.
        Interrupted: training was stopped.
    """
    labels = split.train.label_names or ordered(teacher.labels, teacher.label_type)
    if set(labels) != set(teacher.labels):
        expected, found = f"a teacher of the labels {listed(labels)}", listed(teacher.labels)
        raise DataError(expected=expected, found=found, where=teacher.name)
    if split.has_only_hints:
        split = replace(split, train=split.train.select(()))
    asked = _asked(teacher, split.unlabelled, stages)[:, [teacher.labels.index(label) for label in labels]]
    known = np.asarray(np.isfinite(asked).all(axis=1), bool)
    values, texts = asked[known], list(compress(split.unlabelled, known))
    others = tuple(compress(split.unlabelled, ~known))
    if not texts:
        expected, fix = "texts without labels that a teacher answers", "give more texts of the same kind"
        raise DataError(expected=expected, found="none", where=teacher.name, fix=fix)
    metrics: dict[str, Any] = {"name": teacher.name, "texts": len(texts), "kept": False}
    split, how = replace(split, unlabelled=(*texts, *others)), How()
    if len(split.train):
        chosen, losses = _decided(split, teacher, values, settings, stages)
        metrics |= losses
        if chosen is None:
            return split, {**metrics, "used": False}
        how = chosen
    taught = Examples(
        texts,
        [labels[place] for place in values.argmax(axis=1).tolist()],
        name=teacher.name,
        label_type=split.train.label_type,
        soft=LabelSets(labels, sharpened(values, how.power)),
        weights=None if how.weight == 1 else [how.weight] * len(texts),
    )
    metrics |= {"used": True, "power": "hard" if how.power == HARD else how.power, "weight": how.weight}
    return _joined(replace(split, unlabelled=others), taught, settings), metrics


def _joined(split: Split, taught: Examples, settings: LabelsSettings) -> Split:
    """Return the split with the rows of a teacher in training; labelled texts are there to measure."""
    labelled, n = split.train, len(split.train) + len(taught)
    if not len(labelled):
        made = make_split(taught, fraction=settings.fraction_for(n), seed=settings.seed)
        keys = frozenset(map(text_key, taught.texts))
        return replace(split, train=made.train, valid=made.valid, not_measured=keys)
    if split.valid is None and settings.fraction_for(n):
        if (fraction := settings.fraction_for(len(taught))) and len(taught) >= _MANY_ROWS * len(labelled):
            part = make_split(taught, fraction=fraction, seed=settings.seed)
            valid = labelled if part.valid is None else _together(labelled, part.valid)
            keys = frozenset(map(text_key, valid.texts[len(labelled) :]))
            return replace(split, train=part.train, valid=valid, taught=len(part.train), not_measured=keys)
        part = make_split(
            labelled, fraction=min(0.5, settings.valid_fraction * n / len(labelled)), seed=settings.seed
        )
        split, labelled = replace(split, valid=part.valid), part.train
    return replace(split, train=_together(labelled, taught), taught=len(taught))


def _together(labelled: Examples, taught: Examples) -> Examples:
    """Return labelled texts and then rows of a teacher."""
    assert taught.soft is not None
    certain = LabelSets.of_lists([(label,) for label in labelled.labels], taught.soft.names)
    weights = None
    if labelled.weights is not None or taught.weights is not None:
        weights = [weight for each in (labelled, taught) for weight in each.weights or [1.0] * len(each)]
    return replace(
        labelled,
        texts=[*labelled.texts, *taught.texts],
        labels=[*labelled.labels, *taught.labels],
        weights=weights,
        soft=LabelSets(certain.names, np.concatenate([certain.values, taught.soft.values])),
    )


def _asked(teacher: Answering, texts: tuple[str, ...], stages: Stages) -> Float32s:
    """Return the answers to texts, [text, label]; NaN where there is none."""
    if teacher.texts:
        return np.asarray(teacher.ask(texts), np.float32)
    none = np.zeros((0, len(teacher.labels)), np.float32)
    parts, run = [stages.found(_STAGE).get(_ASKED, none)], stages.run
    n = first = len(parts[0])
    began, seconds, listener = time.monotonic(), run.budget.share(_MAX_TIME_SHARE), run.options.listener
    listener(Note(text=f"the teacher ({teacher.name}) is asked for {len(texts) - n:,} texts"))
    try:
        while n < len(texts):
            if n > first and time.monotonic() - began > seconds:
                listener(Note(text=f"the time limit leaves the teacher time for {n:,} unlabelled texts"))
                # Kept too, so that a resumed training has the same rows.
                parts.append(np.full((len(texts) - n, len(teacher.labels)), np.nan, np.float32))
                break
            batch = list(texts[n : n + _BATCH])
            parts.append(_answers(teacher, batch, n))
            n += len(batch)
            if run.checkpoints.due():
                stages.keep(_STAGE, {_ASKED: np.concatenate(parts)})
            listener(Stage(name=f"teacher: {n:,} of {len(texts):,} texts", done=0.02 + 0.02 * n / len(texts)))
            run.interrupt.check()
    finally:
        if n > first:
            stages.keep(_STAGE, {_ASKED: np.concatenate(parts)}, now=True)
    return np.concatenate(parts)


def _answers(teacher: Answering, texts: Sequence[str], first: int = 0) -> Float32s:
    """Return checked answers to texts, [text, label]; an exception of the teacher becomes a RunError."""
    try:
        return checked(teacher.ask(texts), len(texts), teacher.labels, teacher.name, first)
    except ForetellError:
        raise
    except Exception as error:
        raise RunError(
            expected="probabilities from the teacher", found=f"{type(error).__name__}: {error}",
            where=f"{teacher.name}, texts {first + 1:,} to {first + len(texts):,}",
            fix="with out= the answers so far are kept, and resume=True asks for the others",
        ) from error  # fmt: skip


def _unseen_answers(
    teacher: Answering, values: Float32s, rows: Rows, split: Split, stages: Stages
) -> Callable[[Mask], Float32s]:
    """Return the answers for a mask of labelled texts [text], without the labels of the other texts.

    These are `values`, the teacher's own. But a teacher that is right on nearly all labelled texts has
    learned their labels. If it can be copied, a copy that is fitted to the texts of the mask answers.
    """
    names, listener = split.train.label_names, stages.run.options.listener
    columns = [teacher.labels.index(name) for name in names]
    refit, found = teacher.refit, dict[bytes, Float32s]()
    if refit is None:
        return lambda _: values
    known = _answers(teacher, rows.texts)[:, columns]
    if (known.argmax(axis=1) == rows.targets).mean() < _KNOWS_LABELS:
        return lambda _: values
    listener(Note(text="the teacher knows the labels: each fold has a copy that is fitted to the others"))

    def answers(inside: Mask) -> Float32s:
        if (key := inside.tobytes()) not in found:
            stages.run.interrupt.check()
            labels = [names[target] for target in rows.targets[inside]]
            try:
                copy = refit(list(compress(rows.texts, inside)), labels)
                given = checked(copy(split.unlabelled), len(values), teacher.labels, teacher.name)
                found[key] = given[:, columns]
            # Code from outside may raise anything: the teacher's own answers are then judged.
            except Exception as error:
                if not any(each is values for each in found.values()):
                    text = f"{type(error).__name__}: {error}"
                    listener(Note(text=f"a copy of the teacher did not learn: {text}"))
                found[key] = values
        return found[key]

    return answers


def _decided(
    split: Split, teacher: Answering, values: Float32s, settings: LabelsSettings, stages: Stages
) -> tuple[How | None, dict[str, float]]:
    """Return how answers are taken, by the log loss of held-out labelled texts; None: not at all."""
    n, run = min(len(values), _MAX_DECIDING), stages.run
    small = replace(split, unlabelled=split.unlabelled[:n], hints=None)
    tokens = tokenize_split(small, settings)
    rows = rows_of(tokens, small, OneLabel(len(tokens.labels)), with_valid=True)
    folds = folds_to_decide(rows.texts, rows.targets, settings.folds or 5, settings.seed)
    if not folds.held.any():
        text = "too few labels to judge the teacher: its answers are taken as they are"
        run.options.listener(Note(text=text))
        return How(), {}
    size = tokens.tokenizer.size
    *_, without_answers = alone(rows, size)
    answers = _unseen_answers(teacher, values[:n], rows, small, stages)
    *_, student = students(rows, small.unlabelled, tokens.unlabelled, size, answers)
    # A teacher may have learned from the training texts; validation texts are for measuring.
    deciding = np.flatnonzero(folds.held) >= len(split.train)
    deciding |= deciding.sum() < MIN_TEXTS

    def losses(member: Candidate) -> Float64s:
        logs = choose(member, rows, folds, run.interrupt.check).logs[None, folds.held]
        nested = np.maximum(nested_logs(rows, logs, folds), -MAX_LOGIT)
        each: Float64s = -nested[np.arange(len(nested)), rows.targets[folds.held]]
        return each[deciding]

    def taught(how: How) -> Float64s:
        learned = rows.with_teacher(n, lambda inside: sharpened(answers(inside), how.power), how.weight)
        return losses(replace(student, learned=learned))

    best, without = How(), losses(without_answers)
    least = taught(best)
    for name, others, margin in (("power", _POWERS[1:], _SHARP_MARGIN), ("weight", _WEIGHTS[1:], _MARGIN)):
        for how in [best._replace(**{name: value}) for value in others]:
            if _is_less(found := taught(how), least, margin):
                best, least = how, found
    is_used, metrics = _is_less(least, without, _USED_MARGIN), {"log_loss": float(least.mean())}
    metrics["log_loss_without"] = float(without.mean())
    text = "out-of-fold log loss {:.3f} with the teacher's answers, {:.3f} without".format(*metrics.values())
    run.options.listener(Note(text=text if is_used else f"{text}: they are not used"))
    return best if is_used else None, metrics


def _is_less(losses: Float64s, others: Float64s, margin: float) -> bool:
    """Return whether losses [text] are less than others, by more than `margin` standard errors."""
    gain = others - losses
    return bool(gain.mean() > margin * gain.std() / np.sqrt(len(gain)))


def taught_metrics(metrics: Mapping[str, Any], labelled: Split, found: dict[str, Any]) -> dict[str, Any]:
    """Return a classifier's metrics with those of its teacher; `labelled` is the split without answers."""
    n = 0 if labelled.has_only_hints else len(labelled.train)
    more = {"texts": n, "unlabelled_texts": len(labelled.unlabelled), "teacher": found}
    if not n:
        kept = {name: value for name, value in metrics.items() if name not in ("accuracy", "measured_on")}
        return {**kept, **more, "only_teacher": True, "not_measured": NO_LABELS}
    return {**metrics, **more, **({"caution": CAUTION} if found["used"] and labelled.valid is None else {})}
