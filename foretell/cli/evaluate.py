"""The command `evaluate`: the metrics of a model on test data."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import open_model
from foretell.cli.options import (
    ANY_RECORDS,
    AS_TEXT,
    Cache,
    Count,
    LabelledInput,
    Name,
    OutputOptions,
    expect,
)
from foretell.cli.output import Format, Writer, counted, listed, warnings_as_notes
from foretell.cli.reports import Report, suggestions_text, write_labels_report
from foretell.metrics.costs import parsed_costs
from foretell.metrics.shown import score_rows

if TYPE_CHECKING:
    from foretell.artifacts.model import Model


SHOWN = 10
"""Texts with a wrong answer that are shown on a terminal."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """What is measured of a model for labels, beside the metrics of all texts.

    Attributes:
        folds: Measure by cross-validation, for small data: train N models with the settings of
            MODEL, each without a part of DATA, and measure each on its part. DATA may be what MODEL
            was trained on.
        by: Show the metrics for each value of this column.
        cost: Choose the probability threshold at which mistakes cost least, for example fp=5,fn=1:
            what a false positive costs and what a false negative costs. Only for models with two
            labels.
        positive: Name the positive label of --cost. Default: the second of the model's labels, in
            alphabetical order.
        show: Show up to N texts with a wrong answer, the most probable answers first. Default: 10
            on a terminal, else 0.
    """

    folds: int | None = None
    by: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    cost: Annotated[str | None, Parameter(metavar="fp=X,fn=Y")] = None
    positive: Annotated[str | None, Parameter(metavar="LABEL")] = None
    show: Count | None = None

    def mistakes(self, format: Format) -> int:
        """Return how many texts to show."""
        if self.show is None and format == "text" and sys.stdout.isatty():
            return SHOWN
        return self.show or 0

    def costs(self) -> dict[str, float] | None:
        """Return the costs that were given."""
        if self.cost is None:
            expect(
                self.positive is None, "--cost with --positive", "no --cost", "add --cost fp=X,fn=Y"
            )
            return None
        return parsed_costs(self.cost)


WHOLE = Breakdown()
_BREAKDOWN = "--folds, --by, --cost or --show"
_COLUMNS = "--text, --label or --input-format"


def evaluate(
    model: Name,
    data: Annotated[Name, Parameter(name="DATA")],
    /,
    *,
    breakdown: Breakdown = WHOLE,
    reading: LabelledInput = ANY_RECORDS,
    cache: Cache = 0,
    output: OutputOptions = AS_TEXT,
    files: ClusterOptions = NO_CLUSTER,
) -> int:
    """Measure a model on test data.

    Args:
        model: Model directory.
        data: Texts with labels for a model for labels, plain text for a model for words; - is
            standard input.
    """
    costs = breakdown.costs()
    on_many = files.check()
    opened = open_model(model)
    format = output.chosen()
    is_words = opened.job == "words"
    leave = "leave it out"
    for is_wrong, what, fix in (
        (on_many and breakdown != WHOLE, f"{_BREAKDOWN} with evaluate --cluster", leave),
        (is_words and breakdown != WHOLE, f"{_BREAKDOWN} with a model for words", leave),
        (
            is_words and not on_many and reading != ANY_RECORDS,
            f"{_COLUMNS} with a model for words",
            leave,
        ),
        (
            not is_words and cache,
            "--cache with a model for labels",
            "leave it out, or give one for words",
        ),
    ):
        expect(not is_wrong, f"no {what}", "one", fix)
    write = write_labels_report
    if is_words:
        write = partial(_write_words_report, is_open=opened.tokenizer.is_open)
    if on_many:
        from foretell.cluster.files import evaluate_files

        return on_cluster.run(
            "evaluating",
            evaluate_files,
            [data],
            reading,
            files,
            output,
            model=model,
            metrics=write,
            cache=cache,
        )
    if is_words:
        write(_measured_words(opened, data, cache), format)
    else:
        mistakes = breakdown.mistakes(format)
        write(_measured_labels(opened, data, reading, breakdown, costs, mistakes), format)
    return 0


def _measured_words(opened: Model, data: str, cache: int) -> Report:
    from foretell.data.corpus import Corpus, open_corpus
    from foretell.language_model import LanguageModel
    from foretell.runtime.words.predictor import WordsRuntime

    corpus = open_corpus(data, part="test")
    lines = Corpus(corpus.name, lambda: counted(corpus, "evaluating"), corpus.notes)
    model = LanguageModel.from_runtime(WordsRuntime(opened))
    with warnings_as_notes():
        return model.evaluate(lines, cache=cache)


def _measured_labels(
    opened: Model,
    data: str,
    reading: LabelledInput,
    breakdown: Breakdown,
    costs: dict[str, float] | None,
    mistakes: int,
) -> Report:
    """Return the report of a classifier; a warning is a note."""
    from foretell.classifier import Classifier
    from foretell.runtime.labels.classifier import LabelsRuntime

    classifier = Classifier.from_runtime(LabelsRuntime(opened))
    classifier.verbose = 1
    with warnings_as_notes():
        report: Report = classifier.evaluate(
            data,
            **vars(reading),
            folds=breakdown.folds,
            by=breakdown.by,
            cost=costs,
            positive=breakdown.positive,
            mistakes=mistakes,
        )
    return report


def _write_words_report(report: Report, format: Format, *, is_open: bool) -> None:
    """Write the report of a language model; `is_open`: its tokens are not words."""
    flat = {key: value for key, value in report.items() if key != "suggestions"}
    blocks = [
        listed(score_rows(flat, is_open=is_open)),
        suggestions_text(report.get("suggestions")),
    ]
    Writer(format, list(flat)).write(report, "\n\n".join(filter(None, blocks)))
