"""The commands `evaluate` and `compare`: the metrics of a model, or of two, on test data."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import local_model, open_model
from foretell.cli.options import (
    ANY_RECORDS,
    AS_TEXT,
    Cache,
    Count,
    LabelledInput,
    Name,
    Output,
    Whole,
    expect,
)
from foretell.cli.output import Format, Writer, aligned, counted, listed, show_notes, write_report
from foretell.cli.reports import Report, suggestions_text, write_labels_report
from foretell.errors import SeenTextsWarning
from foretell.metrics.costs import parsed_costs
from foretell.metrics.shown import ends_text, name_of, score_rows, shown_value
from foretell.readable import excerpt

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

    folds: Whole | None = None
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
    output: Output = AS_TEXT,
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
    return LanguageModel.from_runtime(WordsRuntime(opened)).evaluate(lines, cache=cache)


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
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SeenTextsWarning)
        report: Report = classifier.evaluate(
            data,
            text=reading.text,
            label=reading.label,
            format=reading.format,
            header_row=reading.header_row,
            sheet=reading.sheet,
            folds=breakdown.folds,
            by=breakdown.by,
            cost=costs,
            positive=breakdown.positive,
            mistakes=mistakes,
        )
    show_notes(str(each.message) for each in caught)
    return report


def _write_words_report(report: Report, format: Format, *, is_open: bool) -> None:
    """Write the report of a language model; `is_open`: its tokens are not words."""
    flat = {key: value for key, value in report.items() if key != "suggestions"}
    blocks = [
        listed(score_rows(flat, is_open=is_open)),
        suggestions_text(report.get("suggestions")),
    ]
    Writer(format, list(flat)).write(report, "\n\n".join(filter(None, blocks)))


_DIFFER = ("text", "label", "a", "b", "probability_a", "probability_b", "right")
# The usual level of significance.
_SIGNIFICANT = 0.05


def compare(
    a: Annotated[Name, Parameter(name="A")],
    b: Annotated[Name, Parameter(name="B")],
    data: Annotated[Name, Parameter(name="DATA")],
    /,
    *,
    show: Count = 10,
    reading: LabelledInput = ANY_RECORDS,
    output: Output = AS_TEXT,
) -> None:
    """Compare two classifiers.

    Args:
        a: Model directory for labels.
        b: Model directory for labels, with the same labels or more.
        data: Texts with labels; - is standard input.
        show: Show up to N texts with different labels; jsonl and csv have all of them.
    """
    from foretell.comparison import compare as compare_models

    format = output.chosen()
    first = local_model(a)
    second = local_model(b)
    examples = reading.read(data, part="test", columns=open_model(first).text_columns)
    show_notes(examples.notes)
    found = {"models": [a, b], **compare_models(first, second, examples)}
    write_report(format, found, _comparison(found, show), _DIFFER, found["differ"])


def _comparison(found: Report, show: int) -> str:
    """Return a comparison for people, with up to `show` texts."""
    rows: list[tuple[object, ...]] = [
        ("", "A", "B", "B - A", "95 % interval"),
        ("model", *found["models"]),
    ]
    for key, change in found["differences"].items():
        values = (
            shown_value(key, each)
            for each in (found["a"][key], found["b"][key], change["difference"])
        )
        rows.append((name_of(key, {}), *values, ends_text(key, change["interval"])))
    test = found["mcnemar"]
    how = found["interval_method"]
    texts = found["differ"]
    differ = "differ" if test["p_value"] < _SIGNIFICANT else "do not differ"
    blocks = [
        aligned(rows),
        f"{found['texts']:,} texts. A alone is right on {test['only_a_right']:,}, B alone on "
        f"{test['only_b_right']:,}. McNemar's exact test: p = {test['p_value']:.4f}, the "
        f"accuracies {differ} by more than chance at the level {_SIGNIFICANT}.",
        f"Intervals: paired bootstrap over texts ({how['resamples']:,} resamples, seed "
        f"{how['seed']}).",
    ]
    if texts and show:
        lines = [("true", "A", "B", "text")]
        for each in texts[:show]:
            a, b = (f"{each[model]} {each[f'probability_{model}']:.2f}" for model in "ab")
            lines.append((each["label"], a, b, excerpt(each["text"])))
        more = f", the first {show}" if len(texts) > show else ""
        blocks.append(f"{len(texts):,} texts with different labels{more}:\n{aligned(lines)}")
    return "\n\n".join(blocks)
