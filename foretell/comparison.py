"""`compare`: two classifiers on the same labelled texts."""

from __future__ import annotations

from pathlib import Path

from foretell.data.estimator_inputs import evaluation_data
from foretell.errors import UsageError
from foretell.metrics import Report
from foretell.readable import listed
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.evaluation import check_one_label, comparison_report
from foretell.summary import Trained, directory_of


def compare(
    a: object,
    b: object,
    data: object,
    y: object = None,
    *,
    text: str | None = None,
    label: str | None = None,
) -> Report:
    """Compare two classifiers on labelled texts that had no part in their training.

    >>> found = foretell.compare("old-model", "new-model", "test.csv")
    >>> found["differences"]["accuracy"], found["mcnemar"]["p_value"]

    Args:
        a, b: model directories, addresses on the Hub, or a `TextClassifier`.
        data: texts with labels, as `TextClassifier.fit` takes them without `y`; or the texts,
            [text].
        y: the label of each text, [text]; None: `data` has the labels.
        text, label: the names of the columns of `data`; None: chosen where they are clear.

    Returns:
        What `foretell compare --json` prints. `texts`: their number. `a` and `b`: `accuracy` and
        `macro_f1` of each. `differences`: of both metrics the `difference` (B minus A) and its 95 %
        `interval`, by the paired bootstrap; `interval_method` says how. `mcnemar`: McNemar's exact
        test of equal accuracy, `only_a_right`, `only_b_right` and `p_value`. `differ`: the texts
        that get different labels, each with its `text`, true `label`, the label of `a` and of `b`,
        `probability_a`, `probability_b`, and which is `right` ("a", "b" or "neither"): first those
        that A alone gets right, then those that B alone gets right; of each kind the most probable
        wrong answers first.

    Raises:
        UsageError: a model of another job, or models with different labels.
        DataError: no labels, none that the models have, or texts that cannot be read.
        ArtifactError: a model directory that cannot be trusted.
    """
    first = _opened(a, "a")
    second = _opened(b, "b")
    names = first.labels
    others = second.labels
    examples, _ = evaluation_data(data, y, None, names, text=text, label=label)
    if set(names) != set(others):
        raise UsageError(
            expected=f"two models with the same labels (a: {listed(names)})",
            found=listed(others),
            where="b",
            fix="compare each with its own data by foretell evaluate",
        )
    rows_a = first.predict_proba(examples.texts)
    rows_b = second.predict_proba(examples.texts)
    return comparison_report(
        examples, rows_a, rows_b[:, [others.index(name) for name in names]], names
    )


def _opened(model: object, where: str) -> LabelsRuntime:
    if not isinstance(model, str | Path | Trained):
        expected = "a model directory for labels, or a TextClassifier"
        raise UsageError(expected=expected, found=type(model).__name__, where=where)
    runtime = model._opened() if isinstance(model, Trained) else None
    if not isinstance(runtime, LabelsRuntime):
        runtime = LabelsRuntime(directory_of(model))
    check_one_label(runtime.model.settings, "compare")
    return runtime
