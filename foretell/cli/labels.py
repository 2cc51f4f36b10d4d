"""The verb of a text classifier: `classify`."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from foretell.cli.models import open_labels
from foretell.cli.output import Format, Writer, excerpt
from foretell.errors import DataError, UsageError

if TYPE_CHECKING:
    from foretell.data.examples import Record
    from foretell.runtime.labels.classifier import Verdict

InputFormat = Literal["text", "csv", "tsv", "jsonl", "parquet", "fasttext"]
_DATA_SUFFIXES = {".csv", ".tsv", ".jsonl", ".parquet", ".txt", ".gz", ".json"}


def classify(
    model: str,
    texts: Annotated[tuple[str, ...], Parameter(name="TEXT", negative=())] = (),
    /,
    *,
    text: str | None = None,
    input: InputFormat | None = None,
    format: Format = "text",
    abstain_below: float | None = None,
) -> None:
    """Print the label of each text, and what is odd about it.

    Args:
        model: a model directory for labels.
        texts: texts, files, or - for standard input (also where none is given).
        text: the column that holds the texts, where that is not clear.
        input: the format of the files, where that is not clear.
        format: text (label, probability, the text's beginning, why there is no label or what is odd about
            the text), jsonl or csv.
        abstain_below: give no label where its probability is lower than this, 0 to 1; foretell evaluate shows
            what that gains and costs.
    """
    if not texts and sys.stdin.isatty():
        raise UsageError(expected="a text, a file or -", found="nothing", where="TEXT")
    runtime = open_labels(model)
    waiting: deque[str] = deque()

    def seen() -> Iterator[str]:
        for value in _texts(texts or ("-",), text, input):
            waiting.append(value)
            yield value

    verdicts = runtime.classify(seen(), abstain_below=abstain_below)
    writer = Writer(format, ["label", "probability", "text", "reason", "flags"])
    width = max(len(label) for label in runtime.labels)
    for verdict in verdicts:
        value = waiting.popleft()
        writer.write(_record(verdict, value, format), _line(verdict, excerpt(value), width))


def _record(verdict: Verdict, text: str, format: Format) -> dict[str, Any]:
    return {
        "label": verdict.label,
        "probability": round(float(verdict.probability), 6),
        "probabilities": {name: round(float(p), 6) for name, p in verdict.probabilities.items()},
        "text": text,
        "reason": verdict.reason,
        # A cell of a table holds one value.
        "flags": "; ".join(verdict.flags) if format == "csv" else list(verdict.flags),
    }


def _line(verdict: Verdict, beginning: str, width: int) -> str:
    """Return a verdict as people read it; the label's column is `width` wide."""
    notes = "; ".join(filter(None, (verdict.reason, *verdict.flags)))
    line = f"{verdict.label:<{width}}  {verdict.probability:.4f}  {beginning}"
    return f"{line.rstrip()}  [{notes}]" if notes else line


def _texts(arguments: Iterable[str], column: str | None, format: InputFormat | None) -> Iterator[str]:
    for argument in arguments:
        if argument == "-" or _is_source(argument):
            for record in _records(argument, column, format):
                yield record.text
        else:
            yield argument


def _records(source: str, column: str | None, format: InputFormat | None) -> Iterator[Record]:
    from foretell.data.examples import iter_records
    from foretell.data.options import Arguments

    arguments = Arguments(text="--text {}", label=None, format="--input {}")
    return iter_records(source, text=column, format=format, arguments=arguments)


def _is_source(argument: str) -> bool:
    """Whether an argument names data: it exists, or could only be meant as a file that does not exist."""
    # An empty text would name this folder.
    if not argument or len(argument) > 4096 or "\n" in argument:
        return False
    path = Path(argument)
    try:
        if path.exists():
            return True
    except OSError:
        # Longer than a file's name can be.
        return False
    if " " not in argument and path.suffix.lower() in _DATA_SUFFIXES:
        raise DataError(expected="a file", found="nothing by this name", where=argument)
    return False
