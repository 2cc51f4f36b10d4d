"""The reports of `evaluate` and `compare`: metrics of one or two classifiers on labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from foretell.arrays import Array, Floats, Integers
from foretell.config import LabelsSettings, Settings
from foretell.data.examples import Column, Examples
from foretell.data.label_sets import LabelSets
from foretell.errors import DataError, UsageError
from foretell.metrics import (
    Report,
    calibration_error,
    confused_pairs,
    coverage_curve,
    label_metrics,
    log_loss,
)
from foretell.metrics.bootstrap import differences, label_intervals, mcnemar, method
from foretell.metrics.costs import Costs, cost_report
from foretell.metrics.multi_label import (
    DEFAULT_THRESHOLD,
    multi_label_intervals,
    multi_label_metrics,
)
from foretell.runtime.labels.classifier import LabelsRuntime

_NAMES_SHOWN = 10
MAX_MISTAKES = 10


def evaluation_report(
    labels: Sequence[str],
    probabilities: Floats,
    names: Sequence[str],
    *,
    by: Column | None = None,
    costs: Costs | None = None,
    positive: str | None = None,
    texts: Sequence[str] = (),
    max_mistakes: int = MAX_MISTAKES,
) -> Report:
    """Return the metrics of a classifier on labelled texts, with confidence intervals.

    Args:
        labels: the true label of each text.
        probabilities: [text, label], columns in the order of `names`.
        names: the model's labels. Other true labels are added at the end, sorted; the model is
            always wrong about them.
        by: a column with a value for each text: adds the metrics of each value's texts.
        costs: of the two mistakes of a model with two labels: adds the threshold that costs least.
        positive: the positive label of `costs`; None: the second of `names`.
        texts: adds the wrong answers to them; (): none are shown.
        max_mistakes: how many.

    Returns:
        `texts`, what `foretell.metrics.label_metrics` gives, `calibration_error`, `log_loss` (nats;
        None where a true label is not among the model's), `coverage`; `confused`, what
        `confused_pairs` gives; `unknown_labels`, those; with `texts` `mistakes`, wrong answers
        with `text`, `label`, `predicted` and `probability`, the most probable ones first;
        `intervals`, of the same shape, with the ends of the 95 % confidence intervals of accuracy,
        balanced accuracy, macro F1, and precision, recall and F1 of each label; `interval_method`;
        with `by`, `slices`; with `costs`, `threshold`.

    Raises:
        DataError: no texts.
        UsageError: `costs` with a model of more than two labels, or a positive label that it lacks.
    """
    if not len(labels):
        raise DataError("at least one text with a label", "none")
    best = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    all_names, true_ids = _true_ids(labels, names)
    report: Report = {"texts": len(labels), **label_metrics(true_ids, best, all_names)}
    report["calibration_error"] = calibration_error(confidence, true_ids == best)
    report["log_loss"] = log_loss(true_ids, probabilities) if len(all_names) == len(names) else None
    report["coverage"] = coverage_curve(confidence, best == true_ids)
    report["confused"] = confused_pairs(true_ids, best, all_names)
    report |= {"unknown_labels": all_names[len(names) :], "interval_method": method()}
    report["intervals"] = label_intervals(true_ids, best, all_names)
    if len(texts):
        wrong = np.flatnonzero(best != true_ids)
        places = wrong[np.argsort(-confidence[wrong], kind="stable")][:max_mistakes]
        report["mistakes"] = [
            {
                "text": texts[place],
                "label": labels[place],
                "predicted": names[best[place]],
                "probability": float(confidence[place]),
            }
            for place in places.tolist()
        ]
    if by is not None:

        def measured(places: Integers) -> Report:
            return evaluation_report(
                [labels[place] for place in places], probabilities[places], names
            )

        report["slices"] = _slices(
            by,
            measured,
            ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error", "log_loss"),
        )
    if costs is not None:
        report["threshold"] = _threshold(labels, probabilities, names, costs, positive)
    return report


def _true_ids(labels: Sequence[str], names: Sequence[str]) -> tuple[list[str], Integers]:
    """Return `names` followed by the other labels, sorted, and the place of each label [text] among
    them.
    """
    all_names = [*names, *sorted(set(labels) - set(names))]
    place_of = {name: place for place, name in enumerate(all_names)}
    return all_names, np.array([place_of[label] for label in labels])


def _slices(by: Column, measured: Callable[[Integers], Report], keys: Sequence[str]) -> Report:
    """Return some metrics of each value's texts, by their places, of the most frequent value
    first.
    """
    counts = Counter(by.values)
    values = np.array(by.values)
    rows = []
    for value in sorted(counts, key=lambda value: (-counts[value], value)):
        report = measured(np.flatnonzero(values == value))
        intervals = {key: ends for key, ends in report["intervals"].items() if key in keys}
        row = {"value": value, "texts": counts[value], **{key: report[key] for key in keys}}
        rows.append({**row, "intervals": intervals})
    return {"column": by.name, "values": rows}


def _threshold(
    labels: Sequence[str],
    probabilities: Array,
    names: Sequence[str],
    costs: Costs,
    positive: str | None,
) -> Report:
    if len(names) != 2:
        raise UsageError(
            "a model with two labels, for costs",
            f"{len(names)} labels",
            fix="leave out the costs",
        )
    chosen = names[1] if positive is None else positive
    if chosen not in names:
        raise UsageError(
            f"a positive label out of {', '.join(names)}",
            chosen,
            fix="name one of them",
        )
    if others := sorted(set(labels) - set(names)):
        raise DataError(
            f"the labels {', '.join(names)}, for costs",
            ", ".join(others[:_NAMES_SHOWN]),
        )
    is_positive = np.array([label == chosen for label in labels])
    return {
        "positive": chosen,
        **cost_report(is_positive, probabilities[:, list(names).index(chosen)], costs),
    }


def check_any_known(labels: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise DataError where a model with the labels `names` has none of the true `labels` of some
    texts.
    """
    if not set(labels) & set(names):
        shown = (", ".join(sorted(set(each))[:_NAMES_SHOWN]) or "none" for each in (names, labels))
        expected = f"the labels of the model ({next(shown)})"
        fix = "name their column, or another model"
        if {_spelled_alike(label) for label in labels} & {_spelled_alike(label) for label in names}:
            fix = "write them as the model has them"
        raise DataError(expected, next(shown), where=where, fix=fix)


def _spelled_alike(label: str) -> str:
    with suppress(ValueError):
        return str(float(label))
    return " ".join(label.casefold().split())


class LabelPredictions(NamedTuple):
    """What a classifier answers to some texts.

    Attributes:
        labels: all that it can give; None: it does not say.
        predicted: of each text.
        probabilities: of the predicted labels; None: it has none.
    """

    labels: list[str] | None
    predicted: list[str]
    probabilities: list[float] | None

    def of(self, place: int) -> float | None:
        """Return the probability of the label that a text got."""
        return None if self.probabilities is None else self.probabilities[place]


def comparison_report(examples: Examples, a: LabelPredictions, b: LabelPredictions) -> Report:
    """Return what `foretell.compare` returns, of two classifiers' answers to the same texts.

    Raises:
        DataError: no text has a label that one of them gives.
    """
    names = sorted({*(a.labels or a.predicted), *(b.labels or b.predicted)})
    check_any_known(examples.labels, names, examples.name)
    all_names, true_ids = _true_ids(examples.labels, names)
    ids_a, ids_b = (_true_ids(answers.predicted, all_names)[1] for answers in (a, b))
    metrics = [label_metrics(true_ids, ids, all_names) for ids in (ids_a, ids_b)]
    changes = differences(true_ids, ids_a, ids_b, metrics)
    differ = np.flatnonzero(ids_a != ids_b).tolist()
    rows = [_different(examples, place, a, b) for place in differ]
    return {
        "texts": len(examples),
        "a": {key: metrics[0][key] for key in changes},
        "b": {key: metrics[1][key] for key in changes},
        "differences": changes,
        "mcnemar": mcnemar(ids_a == true_ids, ids_b == true_ids),
        "interval_method": method(),
        "differ": sorted(rows, key=_right_and_confident),
    }


def _different(examples: Examples, place: int, a: LabelPredictions, b: LabelPredictions) -> Report:
    label = examples.labels[place]
    answers = {"a": a.predicted[place], "b": b.predicted[place]}
    right = [name for name, answer in answers.items() if answer == label]
    return {
        "text": examples.texts[place],
        "label": label,
        **answers,
        "probability_a": a.of(place),
        "probability_b": b.of(place),
        "right": right[0] if right else "neither",
    }


def _right_and_confident(row: Report) -> tuple[str, float]:
    """Return what a row is sorted by: who is right, and the most probable wrong answer first."""
    wrong = [row[f"probability_{name}"] or 0.0 for name in "ab" if name != row["right"]]
    return row["right"], -max(wrong)


HEAD = ("accuracy", "micro_f1", "macro_f1", "hamming_loss", "log_loss", "calibration_error")
"""The metrics that are one number; `accuracy` is the subset accuracy."""


def decisions(
    runtime: LabelsRuntime, sets: LabelSets, rows: Array
) -> tuple[list[str], Array, Array]:
    """Return labels that the model lacks; targets and decisions [text, label], where these are the
    last.
    """
    others = [name for name in sets.used() if name not in runtime.labels]
    decided = np.pad(runtime.decide(rows), ((0, 0), (0, len(others))))
    return others, sets.aligned([*runtime.labels, *others]), decided


def multi_label_report(
    runtime: LabelsRuntime, examples: Examples, probabilities: Array, *, by: Column | None = None
) -> Report:
    """Return the metrics on texts with labels, with confidence intervals.

    Args:
        runtime: the classifier.
        examples: the texts with their labels. Labels that the model lacks are added at the end: it
            never gives them, and each text that has one counts as wrong.
        probabilities: [text, label], the answers, columns as in `runtime.labels`.
        by: a value for each text: adds the metrics of each value's texts.

    Returns:
        `texts`, what `multi_label_metrics` gives, `unknown_labels`, `intervals`, `interval_method`,
        and with `by` `slices`.

    Raises:
        DataError: no texts.
    """
    sets = examples.sets
    if sets is None or not len(examples):
        raise DataError("at least one text with known labels", "none")
    others, targets, decided = decisions(runtime, sets, probabilities)
    names = [*runtime.labels, *others]
    rows = np.pad(probabilities, ((0, 0), (0, len(others))))
    own = getattr(runtime.model.ensemble, "thresholds", (DEFAULT_THRESHOLD,) * len(runtime.labels))
    thresholds = (*own, *[DEFAULT_THRESHOLD] * len(others))

    def measured(places: Integers) -> Report:
        found = multi_label_metrics(
            targets[places], decided[places], rows[places], names, thresholds
        )
        intervals = multi_label_intervals(targets[places], decided[places], names)
        return {"texts": len(places), **found, "intervals": intervals}

    report = measured(np.arange(len(examples)))
    report |= {"unknown_labels": others, "interval_method": method()}
    if by is not None:
        report["slices"] = _slices(by, measured, HEAD)
    return report


def check_no_costs(costs: object, folds: object) -> None:
    """Raise UsageError where costs or folds are given, which need one label for each text."""
    for name, given in (("cost", costs), ("folds", folds)):
        if given is not None:
            raise UsageError(
                f"no {name} where texts may have several labels",
                name,
                fix=f"leave out {name}",
            )


def check_one_label(settings: Settings, what: str) -> None:
    """Raise where texts may have several labels, for what needs one label for each text.

    Args:
        settings: of a model.
        what: what needs it, for the error: "compare", for example.

    Raises:
        UsageError: texts may have several labels.
    """
    if isinstance(settings, LabelsSettings) and settings.multi_label:
        raise UsageError(
            f"a model with one label for each text, for {what}",
            "one with several (multi-label)",
            fix="use foretell evaluate",
        )
