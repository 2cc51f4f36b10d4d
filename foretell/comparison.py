"""`compare`: two classifiers on the same labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foretell.arrays import Array
from foretell.config import check_one_label
from foretell.data.examples import Examples, read_examples
from foretell.errors import DataError, UsageError
from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import differences, mcnemar, method
from foretell.readable import listed
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.summary import Trained, directory_of

Comparison = dict[str, Any]


def compare(
    a: object,
    b: object,
    data: object,
    y: object = None,
    *,
    text: str | None = None,
    label: str | None = None,
) -> Comparison:
    """Compare two classifiers on labelled texts that had no part in their training.

    >>> found = foretell.compare("old-model", "new-model", "test.csv")
    >>> found["differences"]["accuracy"], found["mcnemar"]["p_value"]

    Args:
        a, b: model directories, addresses on the Hub, or a `TextClassifier`.
        data: texts with labels, as `TextClassifier.fit` takes them without `y`; or the texts, [text].
        y: the label of each text, [text]; None: `data` has the labels.
        text, label: the names of the columns of `data`; None: chosen where they are clear.

    Returns:
        What `foretell compare --json` prints. `texts`: their number. `a` and `b`: `accuracy` and `macro_f1`
        of each. `differences`: of both metrics the `difference` (B minus A) and its 95 % `interval`, by the
        paired bootstrap; `interval_method` says how. `mcnemar`: McNemar's exact test of equal accuracy,
        `only_a_right`, `only_b_right` and `p_value`. `differ`: the texts that get different labels, each with
        its `text`, true `label`, the label of `a` and of `b`, `probability_a`, `probability_b`, and which is
        `right` ("a", "b" or "neither"): first those that A alone gets right, then those that B alone gets
        right; of each kind the most probable wrong answers first.

    Raises:
        UsageError: a model of another job, or models with different labels.
        DataError: no labels, none that the models have, or texts that cannot be read.
        ArtifactError: a model directory that cannot be trusted.
    """
    source = data if y is None else (list(data), list(y))  # type: ignore[call-overload]
    examples = read_examples(source, text=text, label=label, part="test")
    first, second = _opened(a, "a"), _opened(b, "b")
    names, others = first.labels, second.labels
    if set(names) != set(others):
        raise UsageError(
            expected=f"two models with the same labels (a: {listed(names)})", found=listed(others), where="b",
            fix="compare each with its own data by foretell evaluate",
        )  # fmt: skip
    rows_a, rows_b = first.predict_proba(examples.texts), second.predict_proba(examples.texts)
    return _comparison(examples, rows_a, rows_b[:, [others.index(name) for name in names]], names)


def _opened(model: object, where: str) -> LabelsRuntime:
    if not isinstance(model, str | Path | Trained):
        expected = "a model directory for labels, or a TextClassifier"
        raise UsageError(expected=expected, found=type(model).__name__, where=where)
    runtime = LabelsRuntime(directory_of(model))
    check_one_label(runtime.model.settings, "compare")
    return runtime


def _comparison(examples: Examples, rows_a: Array, rows_b: Array, names: Sequence[str]) -> Comparison:
    """Compare probabilities [text, label]; true labels that are not in `names` are wrong answers of both."""
    others = sorted(set(examples.labels) - set(names))
    if len(others) == len(set(examples.labels)):
        expected, found = f"the labels of the models ({listed(names)})", listed(others) or "none"
        raise DataError(expected=expected, found=found, where=examples.name)
    all_names = [*names, *others]
    place_of = {name: place for place, name in enumerate(all_names)}
    true_ids = np.array([place_of[label] for label in examples.labels])
    a, b = rows_a.argmax(axis=1), rows_b.argmax(axis=1)
    metrics = [label_metrics(true_ids, ids, all_names) for ids in (a, b)]
    heads = [{key: float(each[key]) for key in ("accuracy", "macro_f1")} for each in metrics]
    differ = []
    for i in np.flatnonzero(a != b).tolist():
        label, p, q = examples.labels[i], float(rows_a[i].max()), float(rows_b[i].max())
        right = {names[a[i]]: "a", names[b[i]]: "b"}.get(label, "neither")
        each = {"text": examples.texts[i], "label": label, "a": names[a[i]], "b": names[b[i]]}
        wrong = {"a": q, "b": p, "neither": max(p, q)}[right]
        differ.append((right, -wrong, {**each, "probability_a": p, "probability_b": q, "right": right}))
    return {
        "texts": len(examples),
        "a": heads[0],
        "b": heads[1],
        "differences": differences(true_ids, a, b, metrics),
        "mcnemar": mcnemar(a == true_ids, b == true_ids),
        "interval_method": method(),
        "differ": [each for *_, each in sorted(differ, key=lambda each: each[:2])],
    }
