"""The verb of a text classifier: `classify`."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from foretell.cli.models import open_labels
from foretell.cli.output import Format, Writer, excerpt
from foretell.errors import DataError, UsageError

if TYPE_CHECKING:
    from foretell.data.examples import Record

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
) -> None:
    """Print the label of each text.

    Args:
        model: a model directory for labels.
        texts: texts, files, or - for standard input (also where none is given).
        text: the column that holds the texts, where that is not clear.
        input: the format of the files, where that is not clear.
        format: text (label, probability, the text's beginning), jsonl or csv.
    """
    if not texts and sys.stdin.isatty():
        raise UsageError(expected="a text, a file or -", found="nothing", where="TEXT")
    runtime = open_labels(model)
    waiting: deque[str] = deque()

    def seen() -> Iterator[str]:
        for value in _texts(texts or ("-",), text, input):
            waiting.append(value)
            yield value

    writer = Writer(format, ["label", "probability", "text"])
    width = max(len(label) for label in runtime.labels)
    for verdict in runtime.classify(seen()):
        value = waiting.popleft()
        probability = round(float(verdict.probability), 6)
        record = {
            "label": verdict.label,
            "probability": probability,
            "probabilities": {name: round(float(p), 6) for name, p in verdict.probabilities.items()},
            "text": value,
        }
        writer.write(record, f"{verdict.label:<{width}}  {probability:.4f}  {excerpt(value)}")


def _texts(arguments: Iterable[str], column: str | None, format: InputFormat | None) -> Iterator[str]:
    for argument in arguments:
        if argument == "-" or _is_source(argument):
            for record in _records(argument, column, format):
                yield record.text
        else:
            yield argument


def _records(source: str, column: str | None, format: InputFormat | None) -> Iterator[Record]:
    from foretell.data.examples import iter_records

    return iter_records(source, text=column, format=format)


def _is_source(argument: str) -> bool:
    """Whether an argument names data: it exists, or could only be meant as a file that does not exist."""
    if len(argument) > 4096 or "\n" in argument:
        return False
    path = Path(argument)
    if path.exists():
        return True
    if " " not in argument and path.suffix.lower() in _DATA_SUFFIXES:
        raise DataError(expected="a file", found="nothing by this name", where=argument)
    return False
