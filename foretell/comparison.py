"""`compare`: two classifiers on the same labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foretell.arrays import Array
from foretell.config import check_one_label
from foretell.data.examples import Examples, read_examples
from foretell.errors import DataError, UsageError
from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import differences, mcnemar, method
from foretell.readable import listed
from foretell.runtime.labels.classifier import LabelsRuntime

_ORDER = {"a": 0, "b": 1, "neither": 2}

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
        a, b: model directories, or fitted classifiers with `predict_proba` and `classes_`: `TextClassifier`,
            or any of scikit-learn's that takes texts.
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
    first, second = _answering(a, "a"), _answering(b, "b")
    if set(first.labels) != set(second.labels):
        raise UsageError(
            expected=f"two models with the same labels ({first.name}: {listed(first.labels)})",
            found=listed(second.labels),
            where=second.name,
            fix="compare each with its own data by foretell evaluate",
        )
    names = sorted(first.labels)
    source = data if y is None else (list(data), list(y))  # type: ignore[call-overload]
    examples = read_examples(source, text=text, label=label, part="test")
    rows = [
        np.asarray(each.ask(examples.texts))[:, [each.labels.index(name) for name in names]]
        for each in (first, second)
    ]
    return comparison(examples, rows[0], rows[1], names)


class _Answering(NamedTuple):
    """A classifier: its name for errors, its labels as text, and what gives probabilities [text, label]."""

    name: str
    labels: list[str]
    ask: Callable[[list[str]], Array]


def _answering(model: object, name: str) -> _Answering:
    if isinstance(model, str | Path):
        model, name = LabelsRuntime.open(model), str(model)
    runtime = getattr(model, "_runtime", model)
    if isinstance(runtime, LabelsRuntime):
        check_one_label(runtime.model.settings, "compare")
    if isinstance(model, LabelsRuntime):
        return _Answering(name, list(model.labels), model.predict_proba)
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise UsageError(
            expected="a model directory for labels, or a fitted classifier with predict_proba",
            found=type(model).__name__,
            where=name,
        )
    return _Answering(name, [str(each) for each in np.asarray(model.classes_).tolist()], model.predict_proba)


def comparison(examples: Examples, rows_a: Array, rows_b: Array, names: Sequence[str]) -> Comparison:
    """Compare the answers of two classifiers.

    Args:
        examples: the texts with their true labels.
        rows_a, rows_b: the probabilities of each, [text, label], columns in the order of `names`.
        names: the labels of both. Other true labels count as wrong answers of both.

    Raises:
        DataError: no texts, or no label of theirs is among `names`.
    """
    others = sorted(set(examples.labels) - set(names))
    if len(others) == len(set(examples.labels)):
        expected, found = f"the labels of the models ({listed(names)})", listed(others) or "none"
        raise DataError(expected=expected, found=found, where=examples.name)
    all_names = [*names, *others]
    index = {name: i for i, name in enumerate(all_names)}
    true_ids = np.array([index[label] for label in examples.labels])
    a, b = rows_a.argmax(axis=1), rows_b.argmax(axis=1)
    metrics = [label_metrics(true_ids, ids, all_names) for ids in (a, b)]
    heads = [{key: float(each[key]) for key in ("accuracy", "macro_f1")} for each in metrics]
    differ = [
        _different(examples.texts[i], examples.labels[i], (names[a[i]], names[b[i]]), (rows_a[i], rows_b[i]))
        for i in np.flatnonzero(a != b).tolist()
    ]
    return {
        "texts": len(examples),
        "a": heads[0],
        "b": heads[1],
        "differences": differences(true_ids, a, b, metrics),
        "mcnemar": mcnemar(a == true_ids, b == true_ids),
        "interval_method": method(),
        "differ": [each for *_, each in sorted(differ, key=lambda each: each[:2])],
    }


def _different(
    text: str, label: str, answers: tuple[str, str], rows: tuple[Array, Array]
) -> tuple[int, float, dict[str, object]]:
    """Return a text that gets different labels, after what it is sorted by."""
    (a, b), (p, q) = answers, (float(row.max()) for row in rows)
    right = "a" if a == label else "b" if b == label else "neither"
    wrong = {"a": q, "b": p, "neither": max(p, q)}[right]
    found = {"text": text, "label": label, "a": a, "b": b, "probability_a": p, "probability_b": q}
    return _ORDER[right], -wrong, {**found, "right": right}
