"""The command `evaluate`: the metrics of a model on test data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import open_model
from foretell.cli.options import ANY_RECORDS, AS_TEXT, Cache, LabelledInput, Output, Whole
from foretell.cli.output import Format, Writer, counted, listed, note, show_notes
from foretell.cli.reports import Report, suggestions_text, write_labels_report
from foretell.cli.words import score_rows
from foretell.config import LabelsSettings
from foretell.errors import SettingsError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from foretell.artifacts.model import Model
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

    folds: Whole | None = None
    by: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    cost: Annotated[str | None, Parameter(metavar="fp=X,fn=Y")] = None
    positive: Annotated[str | None, Parameter(metavar="LABEL")] = None

    def costs(self) -> Costs | None:
        """Return the costs that were given.

        Raises:
            UsageError: --cost that is not like fp=5,fn=1, or --positive without --cost.
        """
        if self.cost is None:
            _refuse(self.positive is not None, "--positive without --cost", "add --cost fp=X,fn=Y")
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


def _refuse(is_given: bool, what: str, fix: str = "leave it out") -> None:
    """Raise `UsageError` where options were given that do not go together."""
    if is_given:
        raise UsageError(expected=f"no {what}", found="one", fix=fix)


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
    costs, on_many = breakdown.costs(), files.check(needs_out=False)
    if on_many:
        _refuse(breakdown != WHOLE, "--folds, --by or --cost with evaluate --cluster")
        out = files.out is not None
        _refuse(out, "--out with evaluate --cluster", "foretell classify --cluster writes the rows")
    opened, format = open_model(model), output.chosen()
    is_words = opened.job == "words"
    write: Callable[[Report, Format], None] = write_labels_report
    if is_words:
        _refuse(breakdown != WHOLE, "--folds, --by or --cost with a model for words")
        write = _words_writer(opened)
    else:
        _refuse(cache != 0, "--cache with a model for labels", "leave it out, or give a model for words")
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
        _refuse(reading != ANY_RECORDS, "--text, --label or --input-format with a model for words")
        write(_words_report(opened, data, cache), format)
    else:
        write(_labels_report(opened, data, reading, breakdown, costs), format)
    return 0


def _words_report(opened: Model, data: str, cache: int) -> Report:
    """Return the score of a language model on plain text, and how it suggests the next word."""
    from foretell.data.corpus import open_corpus
    from foretell.runtime.words.evaluation import evaluate_words
    from foretell.runtime.words.predictor import WordsRuntime

    lines = counted(open_corpus(data, part="test"), "evaluating")
    return evaluate_words(WordsRuntime(opened), lines, cache=cache)


def _words_writer(opened: Model) -> Callable[[Report, Format], None]:
    """Return what writes the report of a language model."""

    def write(report: Report, format: Format) -> None:
        flat = {key: value for key, value in report.items() if key != "suggestions"}
        score = listed(score_rows(flat, is_open=opened.tokenizer.is_open))
        blocks = [score, suggestions_text(report.get("suggestions"))]
        Writer(format, list(flat)).write(report, "\n\n".join(filter(None, blocks)))

    return write


def _labels_report(
    opened: Model, data: str, reading: LabelledInput, breakdown: Breakdown, costs: Costs | None
) -> Report:
    """Return the evaluation report of a classifier; see `foretell.runtime.labels.evaluation`."""
    from foretell.data.examples import read_with_column
    from foretell.data.split import seen_notes
    from foretell.runtime.labels import evaluation
    from foretell.runtime.labels.classifier import LabelsRuntime

    settings = cast(LabelsSettings, opened.settings)
    separator, by, notes = settings.multi_label, None, list[str]()
    if breakdown.by is None:
        examples = reading.read(data, part="test", multi_label=separator)
    else:
        how: Reading = {**reading.how(), "multi_label": separator}
        examples, by = read_with_column(data, breakdown.by, **how)
    show_notes(examples.notes)
    if separator:
        evaluation.check_no_costs(costs, breakdown.folds)
    if breakdown.folds is not None:
        from foretell.cross_validation import cross_validate

        report = cross_validate(
            examples, settings, breakdown.folds, preset=opened.preset, by=by, costs=costs,
            positive=breakdown.positive, progress=lambda done, of: note(f"{done} of {of} folds"), notes=notes,
        )  # fmt: skip
        show_notes(notes)
        return report
    show_notes(seen_notes(examples.texts, opened.path))
    runtime = LabelsRuntime(opened)
    if separator:
        return evaluation.multi_label_report(runtime, examples, predict(runtime, examples.texts), by=by)
    evaluation.check_any_known(examples.labels, runtime.labels, examples.name)
    return evaluation.evaluation_report(
        examples.labels, predict(runtime, examples.texts), runtime.labels, by=by, costs=costs,
        positive=breakdown.positive,
    )  # fmt: skip


def predict(runtime: LabelsRuntime, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the probability of each label for each text, [text, label], and count the texts on stderr."""
    import numpy as np

    verdicts = counted(runtime.classify(texts), "evaluating", len(texts))
    rows = [list(verdict.probabilities.values()) for verdict in verdicts]
    return np.array(rows, np.float32).reshape(len(rows), len(runtime.labels))
