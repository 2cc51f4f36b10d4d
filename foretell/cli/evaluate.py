"""The command `evaluate`: the metrics of a model on test data."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.inputs import bytes_of, local_model, open_model, show_notes
from foretell.cli.options import ANY_RECORDS, AS_TEXT, Cache, LabelledInput, Output
from foretell.cli.output import Format, Writer, counted, counter, listed, note
from foretell.cli.reports import Report, write_labels_report
from foretell.cli.words import score_rows
from foretell.config import LabelsSettings
from foretell.errors import UsageError
from foretell.text.line_encoder import utf8_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from foretell.artifacts.model import Model
    from foretell.data.examples import Column, Examples
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
        from foretell.metrics.costs import Costs

        pairs = [part.partition("=") for part in self.cost.replace(" ", "").split(",")]
        try:
            given = {name: float(value) for name, _, value in pairs}
        except ValueError:
            given = {}
        if len(pairs) != 2 or set(given) != {"fp", "fn"}:
            raise UsageError(expected="costs like fp=5,fn=1", found=self.cost, where="--cost")
        return Costs(**given)


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
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Only for models for words, except those of the preset article.
    """
    costs = breakdown.costs()
    if files.check(needs_out=False):
        if breakdown != WHOLE:
            raise UsageError(
                expected="no --folds, --by or --cost with --cluster",
                found="one of them",
                where="cluster",
                fix="evaluate without --cluster, or leave it out",
            )
        return _on_cluster(model, data, reading, cache, output, files)
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
        report = words_report(opened, data, reading, cache=cache)
        write_words_report(report, format, is_open=opened.tokenizer.is_open)
        return 0
    if cache:
        raise UsageError(
            expected="no --cache with a model for labels",
            found=f"--cache {cache}",
            fix="leave it out, or give a model for words",
        )
    report = labels_report(opened, data, reading, breakdown, costs)
    write_labels_report(report, format)
    return 0


def _on_cluster(
    model: str, data: str, reading: LabelledInput, cache: int, output: Output, files: ClusterOptions
) -> int:
    from foretell.cluster.files import evaluate_files

    if files.out is not None:
        fix = "leave it out: foretell classify --cluster writes the rows"
        raise UsageError(expected="no --out with evaluate", found=files.out, fix=fix)
    sources, model = on_cluster.check_sources([data], literal=False), local_model(model)
    opened = open_model(model)

    def write(metrics: dict[str, object], format: Format) -> None:
        if opened.job == "words":
            write_words_report(metrics, format, is_open=opened.tokenizer.is_open)
        else:
            write_labels_report(metrics, format)

    return on_cluster.run(
        "evaluating",
        lambda listener: evaluate_files(
            model, sources, cluster=files.cluster or "", workers=files.workers, cache=cache,
            text=reading.text, label=reading.label, format=reading.input_format, shard_mb=files.shard_mb,
            listener=listener, arguments=reading.arguments(),
        ),
        output,
        metrics=write,
    )  # fmt: skip


def write_words_report(report: Report, format: Format, *, is_open: bool = False) -> None:
    """Write the score of a language model; `is_open`: its tokens are not words."""
    rows = listed(score_rows(report, is_open=is_open))
    Writer(format, list(report)).write(report, rows)


def words_report(opened: Model, data: str, reading: LabelledInput, *, cache: int = 0) -> dict[str, object]:
    """Return the score of a language model on plain text.

    Args:
        opened: the model.
        data: the text.
        reading: must be the default: plain text has no columns.
        cache: words in a continuous cache; 0: none.

    Raises:
        UsageError: an option for records, which plain text does not have.
    """
    if reading != ANY_RECORDS:
        raise UsageError(
            expected="plain text for a model for words",
            found="an option for records (--text, --label or --input-format)",
            fix="leave it out",
        )
    from foretell.runtime.words.predictor import WordsRuntime

    with counter("evaluating", bytes_of([data])) as advance:
        counts = counted(_corpus(data), advance, lambda line: utf8_bytes(line) + 1)
        score = WordsRuntime(opened).score(counts, cache=cache)
    return dataclasses.asdict(score)


def _corpus(data: str) -> Iterable[str]:
    if data == "imdb":
        from foretell.data.named import imdb

        return imdb("test").texts
    from foretell.data.corpus import open_corpus

    return open_corpus(data)


def labels_report(
    opened: Model, data: str, reading: LabelledInput, breakdown: Breakdown = WHOLE, costs: Costs | None = None
) -> Report:
    """Return the evaluation report of a classifier; see `foretell.runtime.labels.evaluation`."""
    from foretell.data.split import seen_notes
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.labels.evaluation import check_any_known, evaluation_report

    separator = getattr(opened.settings, "multi_label", "")
    examples, by = _examples(data, reading, breakdown.by, separator)
    show_notes(
        examples.notes if breakdown.folds else [*examples.notes, *seen_notes(examples.texts, opened.path)]
    )
    if separator:
        from foretell.runtime.labels.evaluation import check_no_costs, multi_label_report

        check_no_costs(costs, breakdown.folds)
        runtime = LabelsRuntime(opened)
        return multi_label_report(runtime, examples, predict(runtime, examples.texts), by=by)
    if breakdown.folds is not None:
        return _folds_report(opened, examples, by, breakdown, costs)
    runtime = LabelsRuntime(opened)
    check_any_known(examples.labels, runtime.labels, examples.name)
    probabilities = predict(runtime, examples.texts)
    return evaluation_report(
        examples.labels, probabilities, runtime.labels, by=by, costs=costs, positive=breakdown.positive
    )


def _folds_report(
    opened: Model, examples: Examples, by: Column | None, breakdown: Breakdown, costs: Costs | None
) -> Report:
    from foretell.cross_validation import cross_validate, folds_report

    assert breakdown.folds is not None
    assert isinstance(opened.settings, LabelsSettings)
    began = time.monotonic()

    def progress(done: int, of: int) -> None:
        seconds = f", {time.monotonic() - began:.0f} s" if done else ""
        note(f"{done} of {of} folds{seconds}")

    answers = cross_validate(
        examples, opened.settings, breakdown.folds, preset=opened.preset, by=by, progress=progress
    )
    show_notes(answers.notes)
    return folds_report(answers, costs=costs, positive=breakdown.positive)


def _examples(
    data: str, reading: LabelledInput, by: str | None, multi_label: str
) -> tuple[Examples, Column | None]:
    if by is None:
        return reading.read(data, part="test", multi_label=multi_label), None
    from foretell.data.examples import read_with_column

    return read_with_column(
        data,
        by,
        **reading.how(multi_label=multi_label),
    )


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
