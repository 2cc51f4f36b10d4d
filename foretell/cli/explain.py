"""The command `explain`: the effect of each word on a label."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, names_source, read_records
from foretell.cli.options import (
    ANY_TEXTS,
    AS_TEXT,
    OUTPUT,
    Literally,
    Name,
    OutputOptions,
    TextInput,
    Texts,
    expect,
)
from foretell.cli.output import Writer, aligned, show
from foretell.data.label_types import json_value
from foretell.readable import excerpt, on_one_line, percent

if TYPE_CHECKING:
    from foretell.runtime.labels.explanation import Explanation


_COLUMNS = ("record", "word", "start", "end", "effect", "without")


def explain(
    model: Name,
    texts: Texts = (),
    /,
    *,
    reading: TextInput = ANY_TEXTS,
    literal: Literally = False,
    k: Annotated[int, Parameter(name=["-k", "--count"], group=OUTPUT)] = 10,
    html: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    label: Annotated[str | None, Parameter(group=OUTPUT, metavar="LABEL")] = None,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Write the effect of each word on the label of a text.

    Args:
        model: Model directory for labels.
        texts: Texts, files, folders, or - for standard input; without any, standard input.
        k: List N words in the table, those with the largest effects. jsonl and csv hold every word.
        html: Also write the explanation of one text to this file, as a page.
        label: Explain this label instead of the most probable one.
    """
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.labels.explanation import write_html

    runtime = LabelsRuntime(local_model(model))
    format = output.chosen()
    columns = runtime.model.text_columns
    records = read_records("explaining", texts, reading, literal=literal, columns=columns)
    if html is not None:
        first = list(itertools.islice(records, 2))
        what = "one text with --html, which writes one page"
        expect(len(first) < 2, what, "more than one", "give one text, or use --format jsonl")
        records = iter(first)
    has_title = len(texts) != 1 or names_source(texts[0], literal=literal)
    writer = Writer(format, _COLUMNS)
    for number, record in enumerate(records, start=1):
        explanation = runtime.explain(record.text, label)
        if html is not None:
            write_html(explanation, html)
        if format == "text":
            _show(explanation, k, number, has_title=has_title)
        elif format == "jsonl":
            writer.write(
                {**dataclasses.asdict(explanation), "label": json_value(explanation.label)}
            )
        else:
            for word in explanation.words:
                row = {"record": number, "word": word.text, "start": word.start, "end": word.end}
                writer.write(
                    {**row, "effect": round(word.effect, 6), "without": round(word.without, 6)}
                )


def _show(explanation: Explanation, k: int, number: int, *, has_title: bool) -> None:
    from foretell.runtime.labels.explanation import by_strength

    rows = [
        [word.text, f"{word.effect:+7.3f}", percent(word.without)]
        for word in by_strength(explanation)[:k]
    ]
    title = "\n" if number > 1 else ""
    title += f"{excerpt(explanation.text)}\n" if has_title else ""
    table = aligned([["word", " effect", "without it"], *rows]) if rows else "no words"
    head = f"{on_one_line(str(explanation.label))}  {explanation.probability:.4f}"
    show(f"{title}{head}\n{table}")
