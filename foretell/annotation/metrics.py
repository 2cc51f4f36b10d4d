"""The metrics of an annotation: all of them measured on the texts that were drawn at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.annotation.journal import Answer
from foretell.arrays import Integers, Probabilities
from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import Estimate, label_intervals, share_of

RECENT = 50
"""The last answers, whose effect on the predictions shows what as many more would change."""

LITTLE = 0.05
"""Upper end of the interval of `changed` up to which more answers change little."""

MIN_OF_LABEL = 5
_MIN_FOR_F1 = 20


@dataclass(frozen=True)
class Counts:
    """How many answers there are, by kind.

    Attributes:
        answers: all of them.
        train: texts with a label that the models learn from.
        test: texts with a label that were drawn at random, which no model learns from.
        none, unclear, skip: the other answers.
        left: texts that can still be shown.
        labels: the texts of each label, those drawn at random included.
    """

    answers: int
    train: int
    test: int
    none: int
    unclear: int
    skip: int
    left: int
    labels: dict[str, int]


@dataclass(frozen=True)
class Metrics:
    """What is known about the labels and the models so far; None: too few answers.

    Attributes:
        shares: share of each label among the texts that have one.
        none: share of the texts to which no label applies.
        accuracy: of the suggestions.
        macro_f1: of the suggestions; its interval is a bootstrap over texts. From 20 texts.
        changed: share of the texts whose predicted label the last 50 answers changed. The accuracy
            cannot have changed by more. It needs no answers, so it is measured on all reserved
            texts.
        changes_little: whether 50 more answers are expected to change little: the interval of
            `changed` ends below 5 %, there are 100 answers, and each label that occurs has five
            texts to learn from.
    """

    shares: dict[str, Estimate | None]
    none: Estimate | None
    accuracy: Estimate | None = None
    macro_f1: Estimate | None = None
    changed: Estimate | None = None
    changes_little: bool = False


def counts_of(answers: Sequence[Answer], labels: Sequence[str], left: int) -> Counts:
    kinds = Counter(each.kind for each in answers)
    parts = Counter(each.part for each in answers if each.kind == "label")
    given = Counter(each.label for each in answers)
    return Counts(
        answers=len(answers),
        train=parts["train"],
        test=parts["test"],
        none=kinds["none"],
        unclear=kinds["unclear"],
        skip=kinds["skip"],
        left=left,
        labels={label: given[label] for label in labels},
    )


def metrics_of(
    answers: Sequence[Answer],
    labels: Sequence[str],
    truth: Integers,
    probabilities: Probabilities,
    changed: Estimate | None,
) -> Metrics:
    """Return all metrics, `changed` as it is given.

    `truth` has the place of the label of each random text that has one, int64 [text];
    `probabilities` those of each label for these texts, by a model that did not learn from them,
    [text, label].
    """
    tested = [each for each in answers if each.part == "test" and each.kind in ("label", "none")]
    given = [each.label for each in tested if each.kind == "label"]
    predicted = probabilities.argmax(axis=1)
    return Metrics(
        shares={label: share_of(given.count(label), len(given)) for label in labels},
        none=share_of(len(tested) - len(given), len(tested)),
        accuracy=share_of(int((predicted == truth).sum()), len(truth)),
        macro_f1=_macro_f1(truth, predicted, labels),
        changed=changed,
        changes_little=changes_little(changed, answers),
    )


def changes_little(changed: Estimate | None, answers: Sequence[Answer]) -> bool:
    """Return whether 50 more answers are expected to change little; see `Metrics`."""
    if changed is None or changed.high > LITTLE or len(answers) < 2 * RECENT:
        return False
    labels = {each.label for each in answers if each.kind == "label"}
    learned = [each.label for each in answers if each.kind == "label" and each.part == "train"]
    return len(labels) > 1 and all(learned.count(label) >= MIN_OF_LABEL for label in labels)


def _macro_f1(truth: Integers, predicted: Integers, labels: Sequence[str]) -> Estimate | None:
    if len(truth) < _MIN_FOR_F1:
        return None
    # Labels that none of these texts has or gets would count as 0.
    present = np.unique(np.concatenate([truth, predicted]))
    names = [labels[place] for place in present]
    truth = np.searchsorted(present, truth)
    predicted = np.searchsorted(present, predicted)
    low, high = label_intervals(truth, predicted, names)["macro_f1"]
    return Estimate(label_metrics(truth, predicted, names)["macro_f1"], low, high, len(truth))
