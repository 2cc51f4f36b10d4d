"""The command `evaluate`: the figures of a model on test data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.counter import Advance, counted, counter
from foretell.cli.data_size import bytes_of, utf8_bytes
from foretell.cli.inputs import show_notes
from foretell.cli.models import open_model
from foretell.cli.options import ANY_RECORDS, AS_TEXT, Cache, LabelledInput, Output
from foretell.cli.output import Format, Writer, aligned, listed
from foretell.errors import UsageError
from foretell.readable import percent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from foretell.artifacts.model import Model
    from foretell.runtime.labels.classifier import LabelsRuntime

MAX_CONFUSION = 12
"""Labels up to which the confusion matrix is shown."""

Report = dict[str, Any]
"""The figures of `foretell.runtime.labels.evaluation.classification_report`."""

_PER_LABEL = ("precision", "recall", "f1", "support")


def evaluate(
    model: str,
    data: Annotated[str, Parameter(name="DATA")],
    /,
    *,
    reading: LabelledInput = ANY_RECORDS,
    cache: Cache = 0,
    output: Output = AS_TEXT,
    files: ClusterOptions = NO_CLUSTER,
) -> int:
    """Measure a model on test data.

    Args:
        model: Model directory.
        data: Texts with labels for a model for labels, plain text for a model for words; - is standard input.
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Only for models for words, except those of the preset article.
    """
    if files.check(needs_out=False):
        return _on_cluster(model, data, reading, cache, output, files)
    opened = open_model(model)
    format = output.chosen()
    if opened.job == "words":
        write_words_report(words_report(opened, data, reading, cache=cache), format)
        return 0
    if cache:
        raise UsageError(
            expected="no --cache with a model for labels",
            found=f"--cache {cache}",
            fix="leave it out, or give a model for words",
        )
    write_labels_report(labels_report(opened, data, reading), format)
    return 0


def _on_cluster(
    model: str, data: str, reading: LabelledInput, cache: int, output: Output, files: ClusterOptions
) -> int:
    from foretell.cluster.files import evaluate_files

    sources = on_cluster.check_sources([data], literal=False)
    return on_cluster.run(
        "evaluating",
        lambda listener: evaluate_files(
            model, sources, out=files.out, cluster=files.cluster or "", workers=files.workers,
            out_format=files.out_format, cache=cache, text=reading.text, label=reading.label,
            format=reading.input_format, shard_mb=files.shard_mb, listener=listener,
            arguments=reading.arguments(),
        ),
        output,
        figures=lambda figures, format: (
            write_words_report if "perplexity" in figures else write_labels_report
        )(figures, format),
    )  # fmt: skip


def write_words_report(report: Report, format: Format) -> None:
    """Write the score of a language model."""
    rows = listed((name.replace("_", " "), value) for name, value in report.items())
    Writer(format, list(report)).write(report, rows)


def words_report(opened: Model, data: str, reading: LabelledInput, *, cache: int = 0) -> dict[str, object]:
    """Return the score of a language model on plain text, with a cache of so many words.

    Raises:
        UsageError: an option for records, which plain text does not have.
    """
    from foretell.runtime.words.predictor import WordsRuntime

    if reading != ANY_RECORDS:
        raise UsageError(
            expected="plain text for a model for words",
            found="an option for records (--text, --label or --input-format)",
            fix="leave it out",
        )
    runtime = WordsRuntime(opened)
    with counter("evaluating", bytes_of([data])) as advance:
        counts = counted(_corpus(data), advance, lambda line: utf8_bytes(line) + 1)
        score = runtime.score(counts, cache=cache)
    return dataclasses.asdict(score)


def _corpus(data: str) -> Iterable[str]:
    if data == "imdb":
        from foretell.data.named import imdb

        return imdb("test").texts
    from foretell.data.corpus import open_corpus

    return open_corpus(data)


def labels_report(opened: Model, data: str, reading: LabelledInput) -> Report:
    """Return the classification report of a classifier, with its coverage curve."""
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.labels.evaluation import evaluation_report

    examples = reading.read(data, part="test")
    show_notes(examples.notes)
    runtime = LabelsRuntime(opened)
    with counter("evaluating", len(examples)) as advance:
        probabilities = _predict(runtime, examples.texts, advance)
    return evaluation_report(examples.labels, probabilities, runtime.labels)


def _predict(
    runtime: LabelsRuntime, texts: Sequence[str], advance: Advance | None
) -> npt.NDArray[np.float32]:
    """Return the probability of each label for each text, [text, label]."""
    import numpy as np

    if advance is None:
        return runtime.predict_proba(texts)
    rows = []
    for verdict in runtime.classify(texts):
        rows.append(list(verdict.probabilities.values()))
        advance(1)
    return np.array(rows, np.float32).reshape(len(rows), len(runtime.labels))


def write_labels_report(report: Report, format: Format) -> None:
    """Write a classification report: text and jsonl all of it, csv one row for each label."""
    writer = Writer(format, ("label", *_PER_LABEL))
    if format in ("text", "jsonl"):
        writer.write(report, labels_text(report))
        return
    for label, row in report["labels"].items():
        writer.write({"label": label, **row}, "")


def labels_text(report: Report) -> str:
    """Return a classification report for people."""
    head = [
        ("texts", report["texts"]),
        ("accuracy", percent(report["accuracy"])),
        ("macro F1", report["macro_f1"]),
    ]
    if "calibration_error" in report:
        head.append(("calibration error", percent(report["calibration_error"])))
    blocks = [listed(head), aligned(_per_label(report["labels"]))]
    if len(report["confusion"]["names"]) <= MAX_CONFUSION:
        blocks.append(aligned(_confusion(report["confusion"])))
    if "coverage" in report:
        blocks.append(aligned(_coverage(report["coverage"])))
    return "\n\n".join(blocks)


def _per_label(labels: dict[str, dict[str, float]]) -> list[tuple[object, ...]]:
    rows = ((name, *(row[column] for column in _PER_LABEL)) for name, row in labels.items())
    return [("label", *_PER_LABEL), *rows]


def _confusion(confusion: Report) -> list[tuple[object, ...]]:
    names = confusion["names"]
    rows = zip(names, confusion["counts"], strict=True)
    return [("true \\ predicted", *names), *((name, *map(int, counts)) for name, counts in rows)]


def _coverage(rows: list[dict[str, float]]) -> list[tuple[object, ...]]:
    # The threshold is what --abstain-below takes, digit for digit.
    shown = ((row["threshold"], percent(row["coverage"]), percent(row["accuracy"])) for row in rows)
    return [("abstain below", "texts with a label", "accuracy"), *shown]
