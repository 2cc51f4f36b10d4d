"""The command `compare`: two classifiers on the same test data."""

from __future__ import annotations

from foretell.cli.inputs import open_model
from foretell.cli.options import (
    ANY_RECORDS,
    AS_TEXT,
    Count,
    LabelledInput,
    Name,
    OutputOptions,
)
from foretell.cli.output import aligned, show_notes, warnings_as_notes, write_report
from foretell.cli.reports import Report
from foretell.metrics.shown import ends_text, name_of, shown_value
from foretell.readable import excerpt, isolated

_DIFFER = ("text", "label", "a", "b", "probability_a", "probability_b", "right")
# The usual level of significance.
_SIGNIFICANT = 0.05


def compare(
    a: Name,
    b: Name,
    data: Name,
    /,
    *,
    show: Count = 10,
    reading: LabelledInput = ANY_RECORDS,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Compare two classifiers.

    Args:
        a: Model directory for labels.
        b: Model directory for labels, with the same labels or more.
        data: Texts with labels; - is standard input.
        show: Show up to N texts with different labels; jsonl and csv have all of them.
    """
    from foretell.classifier import Classifier
    from foretell.comparison import columns_of_both
    from foretell.comparison import compare as compare_models
    from foretell.runtime.labels.classifier import LabelsRuntime

    format = output.chosen()
    first, second = (LabelsRuntime(open_model(name)) for name in (a, b))
    columns = columns_of_both([first.model, second.model], reading.text)
    examples = reading.read(data, part="test", columns=columns)
    show_notes(examples.notes)
    with warnings_as_notes():
        metrics = compare_models(
            Classifier.from_runtime(first),
            Classifier.from_runtime(second),
            examples,
            text=reading.text,
        )
    report = {"models": [a, b], **metrics}
    write_report(format, report, _comparison(report, show), _DIFFER, report["differ"])


def _comparison(report: Report, show: int) -> str:
    """Return a comparison for people, with up to `show` texts."""
    rows: list[tuple[object, ...]] = [
        ("", "A", "B", "B - A", "95 % interval"),
        ("model", *report["models"]),
    ]
    for key, change in report["differences"].items():
        values = (
            shown_value(key, each)
            for each in (report["a"][key], report["b"][key], change["difference"])
        )
        rows.append((name_of(key, {}), *values, ends_text(key, change["interval"])))
    test = report["mcnemar"]
    how = report["interval_method"]
    texts = report["differ"]
    differ = "do not differ"
    if test["p_value"] < _SIGNIFICANT:
        differ = "differ"
    blocks = [
        aligned(rows),
        f"{report['texts']:,} texts. A alone is right on {test['only_a_right']:,}, B alone on "
        f"{test['only_b_right']:,}. McNemar's exact test: p = {test['p_value']:.4f}, the "
        f"accuracies {differ} by more than chance at the level {_SIGNIFICANT}.",
        f"Intervals: paired bootstrap over texts ({how['resamples']:,} resamples, seed "
        f"{how['seed']}).",
    ]
    if texts and show:
        lines = [("true", "A", "B", "text")]
        for each in texts[:show]:
            a, b = (f"{isolated(each[model])} {each[f'probability_{model}']:.2f}" for model in "ab")
            lines.append((each["label"], a, b, excerpt(each["text"])))
        title = f"{len(texts):,} texts with different labels"
        if len(texts) > show:
            title += f", the first {show}"
        blocks.append(f"{title}:\n{aligned(lines)}")
    return "\n\n".join(blocks)
