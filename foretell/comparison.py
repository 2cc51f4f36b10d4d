"""`compare`: two classifiers on the same labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foretell.arrays import Array, Integers
from foretell.config import check_one_label
from foretell.data.examples import Examples, read_examples
from foretell.errors import DataError, UsageError
from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import differences, mcnemar, method
from foretell.readable import listed
from foretell.runtime.labels.classifier import LabelsRuntime

_ORDER = {"a": 0, "b": 1, "neither": 2}


@dataclass(frozen=True, slots=True)
class DifferentAnswer:
    """A text to which two classifiers give different labels.

    Attributes:
        text: the text.
        label: its true label.
        a, b: the label that each classifier predicts.
        probability_a, probability_b: its probability, 0 to 1.
        right: which classifier is right: "a", "b" or "neither".
    """

    text: str
    label: str
    a: str
    b: str
    probability_a: float
    probability_b: float
    right: Literal["a", "b", "neither"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two classifiers on the same texts.

    Attributes:
        texts: number of texts.
        a, b: `accuracy` and `macro_f1` of each.
        differences: of `accuracy` and `macro_f1`: `difference` (B minus A) and its 95 % `interval`, by the
            paired bootstrap.
        mcnemar: McNemar's exact test of equal accuracy: `only_a_right`, `only_b_right`, `p_value`.
        interval_method: how the intervals are made.
        differ: the texts on which the labels differ: first those that A alone gets right, then those that B
            alone gets right; of each kind the most probable wrong answers first.
    """

    texts: int
    a: dict[str, float]
    b: dict[str, float]
    differences: dict[str, dict[str, Any]]
    mcnemar: dict[str, Any]
    interval_method: dict[str, Any]
    differ: tuple[DifferentAnswer, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON: what `foretell compare --json` prints."""
        return {**asdict(self), "differ": [asdict(each) for each in self.differ]}


def compare(
    a: Any,
    b: Any,
    data: Any,
    y: Any = None,
    *,
    text: str | None = None,
    label: str | None = None,
) -> Comparison:
    """Compare two classifiers on labelled texts that had no part in their training.

    >>> found = foretell.compare("old-model", "new-model", "test.csv")
    >>> found.differences["accuracy"], found.mcnemar["p_value"]

    Args:
        a, b: model directories, or fitted classifiers with `predict_proba` and `classes_`: `TextClassifier`,
            or any of scikit-learn's that takes texts.
        data: texts with labels, as `TextClassifier.fit` takes them without `y`; or the texts, [text].
        y: the label of each text, [text]; None: `data` has the labels.
        text, label: the names of the columns of `data`; None: chosen where they are clear.

    Raises:
        UsageError: a model of another job, or models with different labels.
        DataError: no labels, none that the models have, or texts that cannot be read.
        ArtifactError: a model directory that cannot be trusted.
    """
    first, second = answering(a, "a"), answering(b, "b")
    names = same_labels(first, second)
    source = data if y is None else (list(data), list(y))
    examples = read_examples(source, text=text, label=label, part="test")
    rows = [each.probabilities(examples.texts)[:, each.order(names)] for each in (first, second)]
    return comparison(examples, rows[0], rows[1], names)


@dataclass(frozen=True, slots=True)
class Answering:
    """A classifier as `compare` uses it: its name for errors, its labels as text, and what answers."""

    name: str
    labels: list[str]
    classifier: Any

    def probabilities(self, texts: list[str]) -> Array:
        """Return the probability of each label for each text, [text, label], in the order of `labels`."""
        return np.asarray(self.classifier.predict_proba(texts))

    def order(self, names: Sequence[str]) -> list[int]:
        """Return the place in `labels` of each of `names`."""
        return [self.labels.index(name) for name in names]


def answering(model: Any, name: str) -> Answering:
    """Return a classifier that was given as a model directory or an object.

    Raises:
        UsageError: it is for words, or no fitted classifier.
        ArtifactError: a model directory that cannot be trusted.
    """
    if isinstance(model, str | Path):
        model, name = LabelsRuntime.open(model), str(model)
    if isinstance(model, LabelsRuntime):
        check_one_label(model.model.settings, "compare")
        return Answering(name, list(model.labels), model)
    if getattr(getattr(model, "_runtime", None), "separator", ""):
        check_one_label(model._runtime.model.settings, "compare")
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise UsageError(
            expected="a model directory for labels, or a fitted classifier with predict_proba",
            found=type(model).__name__,
            where=name,
        )
    return Answering(name, [str(each) for each in np.asarray(model.classes_).tolist()], model)


def same_labels(first: Answering, second: Answering) -> list[str]:
    """Return the labels that both classifiers have, sorted; UsageError: their labels differ."""
    if set(first.labels) != set(second.labels):
        raise UsageError(
            expected=f"two models with the same labels ({first.name}: {listed(first.labels)})",
            found=listed(second.labels),
            where=second.name,
            fix="compare each with its own data by foretell evaluate",
        )
    return sorted(first.labels)


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
    ids = rows_a.argmax(axis=1), rows_b.argmax(axis=1)
    metrics = [label_metrics(true_ids, each, all_names) for each in ids]
    heads = [{key: float(each[key]) for key in ("accuracy", "macro_f1")} for each in metrics]
    return Comparison(
        texts=len(examples),
        a=heads[0],
        b=heads[1],
        differences=differences(true_ids, ids[0], ids[1], len(all_names)),
        mcnemar=mcnemar(ids[0] == true_ids, ids[1] == true_ids),
        interval_method=method(),
        differ=_differ(examples, ids, (rows_a.max(axis=1), rows_b.max(axis=1)), names),
    )


def _differ(
    examples: Examples, ids: tuple[Integers, Integers], best: tuple[Array, Array], names: Sequence[str]
) -> tuple[DifferentAnswer, ...]:
    answers = []
    for place in np.flatnonzero(ids[0] != ids[1]).tolist():
        label, (a, b) = examples.labels[place], (names[each[place]] for each in ids)
        p, q = (float(each[place]) for each in best)
        right: Literal["a", "b", "neither"] = "a" if a == label else "b" if b == label else "neither"
        # First what A alone gets right; of each kind the most probable wrong answers first.
        wrong = {"a": q, "b": p, "neither": max(p, q)}[right]
        answer = DifferentAnswer(examples.texts[place], label, a, b, p, q, right)
        answers.append((_ORDER[right], -wrong, answer))
    return tuple(answer for *_, answer in sorted(answers, key=lambda each: each[:2]))
