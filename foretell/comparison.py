"""`compare`: two classifiers on the same labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from foretell.artifacts.model import Model
from foretell.data.estimator_inputs import evaluation_data
from foretell.data.label_types import label_name
from foretell.data.records import Reading, columns_of, spelled
from foretell.errors import UsageError
from foretell.metrics import Report
from foretell.readable import listed
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import LabelPredictions, check_one_label, comparison_report
from foretell.runtime.seen import seen_by, warn_of_seen
from foretell.summary import Trained, directory_of


def compare(
    a: object,
    b: object,
    data: object,
    y: object = None,
    **how: Unpack[Reading],
) -> Report:
    """Compare two classifiers on labelled texts that had no part in their training.

    A `SeenTextsWarning` says how many of the texts a model of foretell's was trained on.

    >>> found = foretell.compare("old-model", "new-model", "test.csv")
    >>> found["differences"]["accuracy"], found["mcnemar"]["p_value"]

    Args:
        a, b: model directories, addresses on the Hub, a `TextClassifier`, or any fitted estimator
            with `predict`; its probabilities are shown where it has `predict_proba` and `classes_`.
            B may have labels that A lacks: texts with these count as wrong answers of A.
        data: texts with labels, as `TextClassifier.fit` takes them without `y`; or the texts,
            [text].
        y: the label of each text, [text]; None: `data` has the labels.
        how: `text`, one or several, and `label`, the names of the columns of `data`, where they are
            not clear; `split`, `weight` and the other options of reading that `fit` takes.

    Returns:
        What `foretell compare --json` prints. `texts`: their number. `a` and `b`: `accuracy`,
        `balanced_accuracy` and `macro_f1` of each. `differences`: of each metric the `difference`
        (B minus A) and its 95 % `interval`, by the paired bootstrap; `interval_method` says how.
        `mcnemar`: McNemar's exact test of equal accuracy, `only_a_right`, `only_b_right` and
        `p_value`. `differ`: the texts that get different labels, each with its `text`, true
        `label`, the label of `a` and of `b`, `probability_a`, `probability_b` (None: there is
        none), and which is `right` ("a", "b" or "neither"): first those that A alone gets right,
        then those that B alone gets right; of each kind the most probable wrong answers first.

    Raises:
        UsageError: a model of another job, or a label of A that B lacks; without `text`, two models
            that have joined different columns.
        DataError: no labels, none that the models have, or texts that cannot be read.
        ArtifactError: a model directory that cannot be trusted.
    """
    classifiers = [_opened(each, where) for each, where in ((a, "a"), (b, "b"))]
    known = [_labels_of(each) for each in classifiers]
    models = [each.model for each in classifiers if isinstance(each, LabelsRuntime)]
    how["text_columns"] = columns_of_both(models, how.get("text"))
    examples, _ = evaluation_data(data, y, None, known[0] or (), **how)
    if known[0] and known[1] and not set(known[0]) <= set(known[1]):
        raise UsageError(
            f"a model with the labels of a, and new ones or not (a: {listed(known[0])})",
            listed(known[1]),
            where="b",
            fix="give the model with more labels as b, or measure each by foretell evaluate",
        )
    for name, each in zip("AB", classifiers, strict=True):
        _warn_of_seen(name, each, examples.texts)
    answers = [
        _answers(each, labels, examples.texts)
        for each, labels in zip(classifiers, known, strict=True)
    ]
    return comparison_report(examples, *answers)


def columns_of_both(models: Sequence[Model], text: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the text columns that models have joined, which are read unless `text` names others.

    Raises:
        UsageError: two models have joined others.
    """
    joined = sorted({model.text_columns for model in models} - {()})
    if len(joined) > 1 and not columns_of(text):
        found = " in one, ".join(" and ".join(columns) for columns in joined)
        raise UsageError(
            "models that have joined the same columns",
            f"{found} in the other",
            fix=f"name the columns to read: {spelled('text', 'COLUMN')}",
        )
    return joined[0] if joined else ()


def _opened(model: object, where: str) -> Any:
    """Return the runtime of a model of foretell's, or an estimator as it is: what has `predict`, or
    `predict_proba` and `classes_`.
    """
    if isinstance(model, str | Path | Trained):
        runtime = model._opened() if isinstance(model, Trained) else None
        if not isinstance(runtime, LabelsRuntime):
            runtime = LabelsRuntime(directory_of(model))
        check_one_label(runtime.model.settings, "compare")
        return runtime
    if hasattr(model, "predict") or hasattr(model, "predict_proba"):
        return model
    raise UsageError(
        "a model directory for labels, a TextClassifier, or an estimator with predict",
        type(model).__name__,
        where=where,
    )


def _warn_of_seen(name: str, classifier: object, texts: Sequence[str]) -> None:
    """Give a SeenTextsWarning, on the line that called `compare`, where a model has seen texts."""
    if not isinstance(classifier, LabelsRuntime):
        return
    if seen := seen_by(classifier.model.path, texts)[1]:
        warn_of_seen(f"{name}: {seen}", stacklevel=3)


def _labels_of(classifier: Any) -> list[str] | None:
    """Return all labels that a classifier can give, in the order of its probabilities."""
    if isinstance(classifier, LabelsRuntime):
        return list(classifier.labels)
    classes = getattr(classifier, "classes_", None)
    if classes is None:
        return None
    return [label_name(each) for each in classes]


def _answers(classifier: Any, labels: list[str] | None, texts: list[str]) -> LabelPredictions:
    if labels is None or not hasattr(classifier, "predict_proba"):
        return LabelPredictions(
            labels, [label_name(each) for each in classifier.predict(texts)], None
        )
    rows = np.asarray(classifier.predict_proba(texts))
    best = [labels[place] for place in rows.argmax(axis=1).tolist()]
    return LabelPredictions(labels, best, rows.max(axis=1).tolist())
