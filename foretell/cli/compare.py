"""The command `compare`: two classifiers on the same test data."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.evaluate import predict
from foretell.cli.inputs import local_model, open_labels, show_notes
from foretell.cli.options import ANY_RECORDS, AS_TEXT, LabelledInput, Output, Whole
from foretell.cli.output import Format, Writer, aligned, excerpt, note
from foretell.cli.reports import interval_text
from foretell.errors import UsageError
from foretell.readable import percent

if TYPE_CHECKING:
    from foretell.comparison import Comparison

_COLUMNS = ("text", "label", "a", "b", "probability_a", "probability_b", "right")
# The usual level of significance.
_SIGNIFICANT = 0.05


def compare(
    a: Annotated[str, Parameter(name="A")],
    b: Annotated[str, Parameter(name="B")],
    data: Annotated[str, Parameter(name="DATA")],
    /,
    *,
    show: Annotated[Whole, Parameter(metavar="N")] = 10,
    reading: LabelledInput = ANY_RECORDS,
    output: Output = AS_TEXT,
) -> None:
    """Compare two classifiers.

    Args:
        a: Model directory for labels.
        b: Model directory for labels, with the same labels.
        data: Texts with labels; - is standard input.
        show: Show up to N texts with different labels; jsonl and csv have all of them.
    """
    from foretell.comparison import answering, comparison, same_labels

    if show < 0:
        raise UsageError(expected="0 or more", found=str(show), where="--show")
    format = output.chosen()
    first, second = (answering(open_labels(path), path) for path in (a, b))
    names = same_labels(first, second)
    if (local := [Path(local_model(each)).resolve() for each in (a, b)])[0] == local[1]:
        note("A and B are the same model")
    examples = reading.read(data, part="test")
    show_notes(examples.notes)
    rows = [predict(each.classifier, examples.texts)[:, each.order(names)] for each in (first, second)]
    write(comparison(examples, rows[0], rows[1], names), (a, b), format, show)


def write(found: Comparison, models: tuple[str, str], format: Format, show: int) -> None:
    """Write a comparison: text and jsonl all metrics, csv one row for each text with different labels."""
    if format in ("text", "jsonl"):
        record = {"models": list(models), **found.to_dict()}
        Writer(format, ()).write(record, comparison_text(found, models, show))
        return
    writer = Writer(format, _COLUMNS)
    for each in found.differ:
        writer.write(dataclasses.asdict(each), "")


def comparison_text(found: Comparison, models: tuple[str, str], show: int) -> str:
    """Return a comparison for people, with up to `show` texts."""
    names = {"accuracy": "accuracy", "macro_f1": "macro F1"}
    rows = [
        (
            name,
            _metric(key, found.a[key]),
            _metric(key, found.b[key]),
            _metric(key, found.differences[key]["difference"]),
            interval_text(found.differences[key]["interval"], partial(_metric, key)),
        )
        for key, name in names.items()
    ]
    head = [("", "A", "B", "B - A", "95 % interval"), ("model", *models)]
    how = found.interval_method
    blocks = [
        aligned([*head, *rows]),
        _test(found),
        f"Intervals: paired bootstrap over texts ({how['resamples']:,} resamples, seed {how['seed']}).",
    ]
    if found.differ and show:
        blocks.append(_differ(found, show))
    return "\n\n".join(blocks)


def _metric(key: str, value: float) -> str:
    return percent(value) if key == "accuracy" else f"{value:.4f}"


def _test(found: Comparison) -> str:
    test = found.mcnemar
    is_significant = test["p_value"] < _SIGNIFICANT
    return (
        f"{found.texts:,} texts. A alone is right on {test['only_a_right']:,}, B alone on "
        f"{test['only_b_right']:,}. McNemar's exact test: p = {test['p_value']:.4f}, the accuracies "
        f"{'differ by more than chance' if is_significant else 'do not differ by more than chance'} "
        f"at the level {_SIGNIFICANT}."
    )


def _differ(found: Comparison, show: int) -> str:
    rows = [
        (
            each.label,
            f"{each.a} {each.probability_a:.2f}",
            f"{each.b} {each.probability_b:.2f}",
            excerpt(each.text),
        )
        for each in found.differ[:show]
    ]
    shown = f"{len(found.differ):,} texts with different labels"
    more = f", the first {show}" if len(found.differ) > show else ""
    return f"{shown}{more}:\n{aligned([('true', 'A', 'B', 'text'), *rows])}"
