"""The command `explain`: the effect of each word of a text on its predicted label."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, names_source, read_records
from foretell.cli.options import ANY_TEXTS, AS_TEXT, OUTPUT, Literally, Output, TextInput, Whole
from foretell.cli.output import Writer, aligned, excerpt, on_one_line, show
from foretell.data.label_types import json_value
from foretell.errors import UsageError
from foretell.readable import percent, visible

if TYPE_CHECKING:
    from foretell.runtime.labels.explanation import Explanation

_BARS = "▁▂▃▄▅▆▇█"
_MAX_BARS = 60
_COLUMNS = ("record", "word", "start", "end", "effect", "without", "running")


def explain(
    model: str,
    texts: Annotated[tuple[str, ...], Parameter(name="TEXT")] = (),
    /,
    *,
    reading: TextInput = ANY_TEXTS,
    literal: Literally = False,
    k: Annotated[Whole, Parameter(name=["-k", "--count"], group=OUTPUT)] = 10,
    html: Annotated[Path | None, Parameter(group=OUTPUT, metavar="FILE")] = None,
    label: Annotated[str | None, Parameter(group=OUTPUT, metavar="LABEL")] = None,
    output: Output = AS_TEXT,
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

    runtime, format = LabelsRuntime.open(local_model(model)), output.chosen()
    records = read_records("explaining", texts, reading, literal=literal)
    if html is not None:
        first = list(itertools.islice(records, 2))
        if len(first) > 1:
            raise UsageError(
                expected="one text with --html, which writes one page",
                found="more than one",
                fix="give one text, or use --format jsonl",
            )
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
            writer.write({**dataclasses.asdict(explanation), "label": json_value(explanation.label)})
        else:
            for row in _word_rows(explanation, number):
                writer.write(row)


def _word_rows(explanation: Explanation, number: int) -> Iterator[dict[str, object]]:
    """Yield one row for each word of the explanation of record `number`, in the order of the text."""
    running, stride = explanation.running, explanation.stride
    last = len(explanation.words) - 1
    for i, word in enumerate(explanation.words):
        row: dict[str, object] = dataclasses.asdict(word)
        # A long text has a probability after every few words only, and after the last one.
        point, between = divmod(i + 1, stride)
        at = running[-1] if i == last else None if between else running[point - 1]
        row |= {"record": number, "word": row.pop("text"), "running": at}
        yield {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


def _show(explanation: Explanation, k: int, number: int, *, has_title: bool) -> None:
    """Write an explanation for people."""
    from foretell.runtime.labels.explanation import by_strength

    if number > 1:
        show("")
    rows = [
        [word.text, f"{word.effect:+7.3f}", percent(word.without)] for word in by_strength(explanation)[:k]
    ]
    table = aligned([["word", " effect", "without it"], *rows]) if rows else "no words"
    if sys.stdout.isatty():
        _show_coloured(explanation, table)
        return
    if has_title:
        show(excerpt(explanation.text))
    show(f"{_head(explanation)}\n{table}")


def _head(explanation: Explanation) -> str:
    """Return the label, and the running probability as bars; a bar covers several words of a long text."""
    running = explanation.running
    head = f"{on_one_line(str(explanation.label))}  {explanation.probability:.4f}"
    if len(running) <= 1:
        return head
    n = min(len(running), _MAX_BARS)
    picked = (running[(i + 1) * len(running) // n - 1] for i in range(n))
    bars = "".join(_BARS[min(int(p * len(_BARS)), len(_BARS) - 1)] for p in picked)
    return f"{head}\nprobability along the text  {bars}"


def _show_coloured(explanation: Explanation, table: str) -> None:
    """Print for a terminal: the text with its words coloured by their effect, then the table."""
    from rich.console import Console
    from rich.text import Text

    from foretell.runtime.labels.explanation import LEVELS, level, strongest_effect

    coloured, at, strongest = Text(), 0, strongest_effect(explanation)
    for word in explanation.words:
        coloured.append(visible(explanation.text[at : word.start]))
        strength = level(word, strongest)
        colour = "green" if word.effect > 0 else "red"
        # Not by colour alone: words against the label are underlined.
        style = f"{colour}{' bold' if 2 * strength > LEVELS else ''}{'' if word.effect > 0 else ' underline'}"
        coloured.append(visible(word.text), style if strength else "" if word.is_read else "dim")
        at = word.end
    coloured.append(visible(explanation.text[at:]))
    console = Console(highlight=False)
    console.print(Text(_head(explanation), "bold"), end="\n\n")
    console.print(coloured, end="\n\n")
    console.print(Text("Green words raise the probability; red, underlined words lower it.", "dim"))
    console.print(Text(table))
