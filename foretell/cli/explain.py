"""The verb `explain`: what each word of a text did to its label."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foretell.cli.models import open_labels
from foretell.cli.options import Whole
from foretell.cli.output import Format, Writer, aligned, as_json, percent

if TYPE_CHECKING:
    from foretell.runtime.labels.explanation import Explanation

BARS = "▁▂▃▄▅▆▇█"
BARS_WIDE = 60


def explain(
    model: str,
    text: str,
    /,
    *,
    k: Annotated[Whole, Parameter(name=["-k", "--count"])] = 10,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "text",
) -> None:
    """Print what each word did to the label.

    Args:
        model: a model directory for labels.
        text: the text, or - for standard input, read as one text.
        k: how many words to show, those with the largest effects first; jsonl and csv have all, in order.
        html: also write a page to this file.
        json: print one JSON object instead.
        format: text, jsonl or csv: one line a word.
    """
    from foretell.runtime.labels.explanation_html import write_html

    runtime = open_labels(model)
    found = runtime.explain(_read() if text == "-" else text)
    if html is not None:
        write_html(found, html)
    if json:
        print(as_json(dataclasses.asdict(found)))
    elif format != "text":
        _write_words(found, format)
    elif sys.stdout.isatty():
        _show_coloured(found, k)
    else:
        print(_verdict(found))
        print(_table(found, k))


def _read() -> str:
    from foretell.data.decode import open_text

    with open_text("-") as source:
        text = source.stream.read().removesuffix("\n")
    for note in source.notes:
        print(note, file=sys.stderr)
    return text


def _write_words(found: Explanation, format: Format) -> None:
    columns = ["word", "start", "end", "effect", "without", "linear", "running"]
    writer = Writer(format, columns)
    for i, word in enumerate(found.words):
        point, between = divmod(i + 1, found.stride)
        is_last = i + 1 == len(found.words)
        record: dict[str, Any] = dataclasses.asdict(word)
        record["word"] = record.pop("text")
        record["running"] = found.running[-1] if is_last else None if between else found.running[point - 1]
        writer.write({key: _short(value) for key, value in record.items()}, "")


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _verdict(found: Explanation) -> str:
    from foretell.runtime.labels.explanation_html import visible

    lines = [f"{visible(str(found.label))}  {found.probability:.4f}"]
    if len(found.running) > 1:
        lines.append(f"along the text  {_bars(found.running)}")
    return "\n".join(lines)


def _bars(running: tuple[float, ...]) -> str:
    """Return the running verdict as a line of bars, a few words to each bar of a long text."""
    n = min(len(running), BARS_WIDE)
    picked = [running[(i + 1) * len(running) // n - 1] for i in range(n)]
    return "".join(BARS[min(int(p * len(BARS)), len(BARS) - 1)] for p in picked)


def _table(found: Explanation, k: int) -> str:
    """Return the words with the largest effects as aligned columns."""
    from foretell.runtime.labels.explanation_html import by_strength, visible

    linear = found.linear_bias is not None
    head = ["word", " effect", "without it", *(["linear part"] if linear else [])]
    rows = [
        [
            visible(word.text),
            f"{word.effect:+7.3f}",
            percent(word.without),
            *([f"{word.linear:+11.3f}"] if linear else []),
        ]
        for word in by_strength(found)[:k]
    ]
    return aligned([head, *rows]) if rows else "no words"


def _show_coloured(found: Explanation, k: int) -> None:
    """Print for a terminal: the text itself is coloured, then the table."""
    from rich.console import Console
    from rich.text import Text

    from foretell.runtime.labels.explanation_html import LEVELS, level, strongest_effect, visible

    shown, at, strongest = Text(), 0, strongest_effect(found)
    for word in found.words:
        shown.append(visible(found.text[at : word.start]))
        strength = level(word, strongest)
        colour = "green" if word.effect > 0 else "red"
        # Not by colour alone: what speaks against is underlined.
        style = f"{colour}{' bold' if 2 * strength > LEVELS else ''}{'' if word.effect > 0 else ' underline'}"
        shown.append(visible(word.text), style if strength else "" if word.is_read else "dim")
        at = word.end
    shown.append(visible(found.text[at:]))
    console = Console(highlight=False)
    console.print(Text(_verdict(found), "bold"))
    console.print()
    console.print(shown)
    console.print()
    console.print(Text(_table(found, k)))
