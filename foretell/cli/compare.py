"""The command `compare`: two classifiers on the same test data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.evaluate import predict
from foretell.cli.inputs import local_model, open_labels, show_notes
from foretell.cli.options import ANY_RECORDS, AS_TEXT, LabelledInput, Output, Whole
from foretell.cli.output import aligned, excerpt, note, write_report
from foretell.cli.reports import Shown, interval_text
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
    if Path(local_model(a)).resolve() == Path(local_model(b)).resolve():
        note("A and B are the same model")
    examples = reading.read(data, part="test")
    show_notes(examples.notes)
    rows = [predict(each.classifier, examples.texts)[:, each.order(names)] for each in (first, second)]
    found = comparison(examples, rows[0], rows[1], names)
    record, rows_of_csv = {"models": [a, b], **found.to_dict()}, map(dataclasses.asdict, found.differ)
    write_report(format, record, comparison_text(found, (a, b), show), _COLUMNS, rows_of_csv)


def comparison_text(found: Comparison, models: tuple[str, str], show: int) -> str:
    """Return a comparison for people, with up to `show` texts."""
    rows: list[tuple[object, ...]] = [("", "A", "B", "B - A", "95 % interval"), ("model", *models)]
    shown: tuple[tuple[str, str, Shown], ...] = (
        ("accuracy", "accuracy", percent), ("macro_f1", "macro F1", "{:.4f}".format)
    )  # fmt: skip
    for key, name, as_text in shown:
        change = found.differences[key]
        values = (found.a[key], found.b[key], change["difference"])
        rows.append((name, *map(as_text, values), interval_text(change["interval"], as_text)))
    test, how = found.mcnemar, found.interval_method
    differ = "differ" if test["p_value"] < _SIGNIFICANT else "do not differ"
    blocks = [
        aligned(rows),
        f"{found.texts:,} texts. A alone is right on {test['only_a_right']:,}, B alone on "
        f"{test['only_b_right']:,}. McNemar's exact test: p = {test['p_value']:.4f}, the accuracies {differ} "
        f"by more than chance at the level {_SIGNIFICANT}.",
        f"Intervals: paired bootstrap over texts ({how['resamples']:,} resamples, seed {how['seed']}).",
    ]
    if found.differ and show:
        blocks.append(_differ(found, show))
    return "\n\n".join(blocks)


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
