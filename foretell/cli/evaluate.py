"""The command `evaluate`: the metrics of a model on test data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import bytes_of, open_model, show_notes
from foretell.cli.options import ANY_RECORDS, AS_TEXT, Cache, LabelledInput, Output
from foretell.cli.output import Format, Writer, counted, counter, listed, note
from foretell.cli.reports import Report, suggestions_text, write_labels_report
from foretell.cli.words import score_rows
from foretell.config import LabelsSettings
from foretell.errors import SettingsError, UsageError
from foretell.text.line_encoder import utf8_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from foretell.artifacts.model import Model
    from foretell.data.examples import Column, Examples
    from foretell.data.records import Reading
    from foretell.metrics.costs import Costs
    from foretell.runtime.labels.classifier import LabelsRuntime


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """What is measured of a model for labels, beside the metrics of all texts.

    Attributes:
        folds: Measure by cross-validation, for small data: train N models with the settings of MODEL, each
            without a part of DATA, and measure each on its part. DATA may be what MODEL was trained on.
        by: Show the metrics for each value of this column.
        cost: Choose the probability threshold at which mistakes cost least, for example fp=5,fn=1: what a
            false positive costs and what a false negative costs. Only for models with two labels.
        positive: Name the positive label of --cost. Default: the second of the model's labels, in
            alphabetical order.
    """

    folds: Annotated[int | None, Parameter(metavar="N")] = None
    by: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    cost: Annotated[str | None, Parameter(metavar="fp=X,fn=Y")] = None
    positive: Annotated[str | None, Parameter(metavar="LABEL")] = None

    def costs(self) -> Costs | None:
        """Return the costs that were given.

        Raises:
            UsageError: --cost that is not like fp=5,fn=1, or --positive without --cost.
        """
        if self.cost is None:
            if self.positive is not None:
                raise UsageError(
                    expected="--cost with --positive", found="no --cost", fix="add --cost fp=X,fn=Y"
                )
            return None
        from foretell.metrics.costs import costs_of

        pairs = (part.partition("=") for part in self.cost.replace(" ", "").split(","))
        try:
            return costs_of({name: float(value) for name, _, value in pairs})
        except ValueError as error:
            if isinstance(error, SettingsError) and "above 0" in error.expected:
                raise
            raise UsageError(expected="costs like fp=5,fn=1", found=self.cost, where="--cost") from None


WHOLE = Breakdown()


def evaluate(
    model: str,
    data: Annotated[str, Parameter(name="DATA")],
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
        data: Texts with labels for a model for labels, plain text for a model for words; - is standard input.
    """
    costs = breakdown.costs()
    if files.check(needs_out=False):
        return _on_cluster(model, data, reading, breakdown, cache, output, files)
    opened = open_model(model)
    format = output.chosen()
    if opened.job == "words":
        if breakdown != WHOLE:
            raise UsageError(
                expected="--folds, --by and --cost with a model for labels",
                found="a model for words",
                where=model,
                fix="leave them out",
            )
        _write_score(_score(opened, data, reading, cache), opened, format)
        return 0
    if cache:
        raise UsageError(
            expected="no --cache with a model for labels",
            found=f"--cache {cache}",
            fix="leave it out, or give a model for words",
        )
    write_labels_report(_labels_report(opened, data, reading, breakdown, costs), format)
    return 0


def _on_cluster(
    model: str, data: str, reading: LabelledInput, breakdown: Breakdown, cache: int, output: Output,
    files: ClusterOptions,
) -> int:  # fmt: skip
    from foretell.cluster.files import evaluate_files

    for is_given, what, fix in (
        (breakdown != WHOLE, "--folds, --by or --cost", "evaluate without --cluster"),
        (files.out is not None, "--out", "foretell classify --cluster writes the rows"),
    ):
        if is_given:
            raise UsageError(
                expected=f"no {what} with evaluate --cluster", found="one", fix=f"leave it out: {fix}"
            )
    opened = open_model(model)

    def write(metrics: Report, format: Format) -> None:
        if opened.job == "words":
            _write_score(metrics, opened, format)
        else:
            write_labels_report(metrics, format)

    return on_cluster.run(
        "evaluating", evaluate_files, [data], reading, files, output, model=model, metrics=write, cache=cache
    )


def _write_score(report: Report, opened: Model, format: Format) -> None:
    flat = {key: value for key, value in report.items() if key != "suggestions"}
    score = listed(score_rows(flat, is_open=opened.tokenizer.is_open))
    blocks = [score, suggestions_text(report.get("suggestions"))]
    Writer(format, list(flat)).write(report, "\n\n".join(filter(None, blocks)))


def _score(opened: Model, data: str, reading: LabelledInput, cache: int) -> Report:
    """Return the score of a language model on plain text, and how it suggests the next word."""
    if reading != ANY_RECORDS:
        raise UsageError(
            expected="plain text for a model for words",
            found="an option for records (--text, --label or --input-format)",
            fix="leave it out",
        )
    from foretell.data.corpus import open_corpus
    from foretell.runtime.words.evaluation import evaluate_words
    from foretell.runtime.words.predictor import WordsRuntime

    with counter("evaluating", bytes_of([data])) as advance:
        lines = counted(open_corpus(data, part="test"), advance, lambda line: utf8_bytes(line) + 1)
        return evaluate_words(WordsRuntime(opened), lines, cache=cache)


def _labels_report(
    opened: Model, data: str, reading: LabelledInput, breakdown: Breakdown, costs: Costs | None
) -> Report:
    """Return the evaluation report of a classifier; see `foretell.runtime.labels.evaluation`."""
    from foretell.data.examples import read_with_column
    from foretell.data.split import seen_notes
    from foretell.runtime.labels import evaluation
    from foretell.runtime.labels.classifier import LabelsRuntime

    separator, by = getattr(opened.settings, "multi_label", ""), None
    if breakdown.by is None:
        examples = reading.read(data, part="test", multi_label=separator)
    else:
        how: Reading = {**reading.how(), "multi_label": separator}
        examples, by = read_with_column(data, breakdown.by, **how)
    show_notes(examples.notes)
    if breakdown.folds is None:
        show_notes(seen_notes(examples.texts, opened.path))
    if separator:
        evaluation.check_no_costs(costs, breakdown.folds)
        runtime = LabelsRuntime(opened)
        return evaluation.multi_label_report(runtime, examples, predict(runtime, examples.texts), by=by)
    if breakdown.folds is not None:
        return _folds_report(opened, examples, by, breakdown, costs)
    runtime = LabelsRuntime(opened)
    evaluation.check_any_known(examples.labels, runtime.labels, examples.name)
    return evaluation.evaluation_report(
        examples.labels, predict(runtime, examples.texts), runtime.labels, by=by, costs=costs,
        positive=breakdown.positive,
    )  # fmt: skip


def _folds_report(
    opened: Model, examples: Examples, by: Column | None, breakdown: Breakdown, costs: Costs | None
) -> Report:
    from foretell.cross_validation import cross_validate

    assert breakdown.folds is not None
    assert isinstance(opened.settings, LabelsSettings)
    began = time.monotonic()
    notes: list[str] = []

    def progress(done: int, of: int) -> None:
        seconds = f", {time.monotonic() - began:.0f} s" if done else ""
        note(f"{done} of {of} folds{seconds}")

    report = cross_validate(
        examples, opened.settings, breakdown.folds, preset=opened.preset, by=by, costs=costs,
        positive=breakdown.positive, progress=progress, notes=notes,
    )  # fmt: skip
    show_notes(notes)
    return report


def predict(runtime: LabelsRuntime, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the probability of each label for each text, [text, label], and count the texts on stderr."""
    import numpy as np

    with counter("evaluating", len(texts)) as advance:
        if advance is None:
            return runtime.predict_proba(texts)
        rows = []
        for verdict in runtime.classify(texts):
            rows.append(list(verdict.probabilities.values()))
            advance(1)
        return np.array(rows, np.float32).reshape(len(rows), len(runtime.labels))
