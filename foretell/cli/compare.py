"""The command `compare`: two classifiers on the same test data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.evaluate import predict
from foretell.cli.inputs import local_model
from foretell.cli.options import ANY_RECORDS, AS_TEXT, Count, LabelledInput, Output
from foretell.cli.output import aligned, excerpt, note, show_notes, write_report
from foretell.cli.reports import ends_text
from foretell.metrics.shown import name_of, shown_value

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
    show: Count = 10,
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

    format = output.chosen()
    paths = [local_model(each) for each in (a, b)]
    first, second = (answering(path, name) for path, name in zip(paths, (a, b), strict=True))
    names = same_labels(first, second)
    if Path(paths[0]).resolve() == Path(paths[1]).resolve():
        note("A and B are the same model")
    examples = reading.read(data, part="test")
    show_notes(examples.notes)
    rows = [predict(each.classifier, examples.texts)[:, each.order(names)] for each in (first, second)]
    found = comparison(examples, rows[0], rows[1], names)
    record, differ = {"models": [a, b], **found.to_dict()}, map(dataclasses.asdict, found.differ)
    write_report(format, record, _text(found, (a, b), show), _COLUMNS, differ)


def _text(found: Comparison, models: tuple[str, str], show: int) -> str:
    """Return a comparison for people, with up to `show` texts."""
    rows: list[tuple[object, ...]] = [("", "A", "B", "B - A", "95 % interval"), ("model", *models)]
    for key, change in found.differences.items():
        values = (found.a[key], found.b[key], change["difference"])
        shown = (shown_value(key, value) for value in values)
        rows.append((name_of(key, {}), *shown, ends_text(key, change["interval"])))
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
        texts = [
            (each.label, f"{each.a} {each.probability_a:.2f}", f"{each.b} {each.probability_b:.2f}",
             excerpt(each.text))
            for each in found.differ[:show]
        ]  # fmt: skip
        more = f", the first {show}" if len(found.differ) > show else ""
        head = f"{len(found.differ):,} texts with different labels{more}"
        blocks.append(f"{head}:\n{aligned([('true', 'A', 'B', 'text'), *texts])}")
    return "\n\n".join(blocks)
