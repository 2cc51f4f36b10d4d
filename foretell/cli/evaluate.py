"""The verb `evaluate`: how good a model is on data it has not seen."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foretell.cli.models import open_model
from foretell.cli.options import labelled_arguments
from foretell.cli.output import aligned, as_json, percent

if TYPE_CHECKING:
    from foretell.artifacts.model import Model

MOST_LABELS_SHOWN = 12


def evaluate(
    model: str,
    data: Annotated[str, Parameter(name="DATA")],
    /,
    *,
    text: str | None = None,
    label: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure a model.

    Args:
        model: a model directory.
        data: texts with labels for a classifier, plain text for a language model, or imdb: its test part.
        text: the column that holds the texts, where that is not clear.
        label: the column that holds the labels, where that is not clear.
        json: print one JSON object instead.
    """
    opened = open_model(model)
    if opened.job == "words":
        report = _words(opened, data)
        shown = aligned((name.replace("_", " "), value) for name, value in report.items())
    else:
        report = _labels(opened, data, text, label)
        shown = labels_text(report)
    print(as_json(report) if json else shown)


def _words(opened: Model, data: str) -> dict[str, Any]:
    import dataclasses

    from foretell.runtime.words.predictor import WordsRuntime

    return dataclasses.asdict(WordsRuntime.from_model(opened).score(_corpus(data)))


def _corpus(data: str) -> Iterable[str]:
    if data == "imdb":
        from foretell.data.named import imdb

        return imdb("test").texts
    from foretell.data.corpus import open_corpus

    return open_corpus(data)


def _labels(opened: Model, data: str, text: str | None, label: str | None) -> dict[str, Any]:
    from foretell.data.examples import read_examples
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.labels.evaluation import evaluation_report

    examples = read_examples(data, text=text, label=label, part="test", arguments=labelled_arguments())
    for note in examples.notes:
        print(note, file=sys.stderr)
    runtime = LabelsRuntime.from_model(opened)
    return evaluation_report(examples.labels, runtime.predict_proba(examples.texts), runtime.labels)


def labels_text(report: dict[str, Any]) -> str:
    """Return a classification report as people read it."""
    head = [
        ("texts", report["texts"]),
        ("accuracy", percent(report["accuracy"])),
        ("macro F1", report["macro_f1"]),
    ]
    if "calibration_error" in report:
        head.append(("calibration error", percent(report["calibration_error"])))
    blocks = [aligned(head), aligned(_per_label(report["labels"]))]
    if len(report["confusion"]["names"]) <= MOST_LABELS_SHOWN:
        blocks.append(aligned(_confusion(report["confusion"])))
    if "coverage" in report:
        blocks.append(aligned(_coverage(report["coverage"])))
    return "\n\n".join(blocks)


def _per_label(labels: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    columns = ("precision", "recall", "f1", "support")
    return [("label", *columns), *((name, *(row[c] for c in columns)) for name, row in labels.items())]


def _confusion(confusion: dict[str, Any]) -> list[tuple[object, ...]]:
    names = confusion["names"]
    rows = zip(names, confusion["counts"], strict=True)
    return [("true \\ predicted", *names), *((name, *map(int, counts)) for name, counts in rows)]


def _coverage(rows: list[dict[str, float]]) -> list[tuple[object, ...]]:
    # The threshold is what --abstain-below takes, digit for digit.
    shown = ((row["threshold"], percent(row["coverage"]), percent(row["accuracy"])) for row in rows)
    return [("abstain below", "texts answered", "accuracy"), *shown]
