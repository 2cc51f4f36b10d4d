"""The output row of an input row: its columns, the parts of the answer under free names, and its
file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TextIO

from foretell.data.cells import csv_cell, json_line
from foretell.data.records import Record, is_missing
from foretell.errors import DataError
from foretell.runtime.labels.verdict import Verdict

OutFormat = Literal["jsonl", "csv"]

ANSWER = ("label", "probability", "probabilities", "reason", "flags")
"""The parts of the answer of a model for labels, in the order in which they are written."""
LABELS = "labels"
"""A further part of the answer, where texts may have several labels: a list of them."""
SCORE = (
    "tokens",
    "words",
    "characters",
    "bytes",
    "unknown",
    "log_probability",
    "perplexity",
    "bits_per_character",
    "bits_per_byte",
    "reason",
)
"""The parts of the answer of `score`: `foretell.runtime.words.scoring.Score`, and why there is
none.
"""


def free_names(columns: Iterable[str], parts: Sequence[str]) -> dict[str, str]:
    """Return a name for each part of the answer: where a column has it, `foretell_` is put in
    front.
    """
    names = {}
    taken = set(columns)
    for part in parts:
        name = part
        while name in taken:
            name = f"foretell_{name}"
        names[part] = name
    return names


def kept(record: Record) -> dict[str, object]:
    """Return the columns of a record with None for every kind of missing value, as JSON has it."""
    return {name: None if is_missing(value) else value for name, value in record.fields.items()}


def verdict_parts(verdict: Verdict) -> dict[str, object]:
    """Return the parts of the answer of a model for labels."""
    verdict = verdict.plain()
    return {
        "label": verdict.label,
        "probability": round(float(verdict.probability), 6),
        "probabilities": {name: round(float(p), 6) for name, p in verdict.probabilities.items()},
        "reason": verdict.reason,
        "flags": list(verdict.flags),
    }


def no_answer(parts: Sequence[str], reason: str) -> dict[str, object]:
    """Return the answer of a row that has none."""
    empty: dict[str, object] = {"label": "", "flags": []} if "flags" in parts else {}
    return {**dict.fromkeys(parts), **empty, "reason": reason}


def row_writer(
    file: TextIO, columns: Sequence[str], names: Mapping[str, str], out_format: OutFormat
) -> Callable[[Mapping[str, object], Mapping[str, object]], None]:
    """Return what writes the columns of a row and its answer: an object a line, or CSV with a
    header.
    """
    header = [*columns, *names.values()]
    table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    if out_format == "csv":
        table.writerow(header)

    def write(fields: Mapping[str, object], answer: Mapping[str, object]) -> None:
        named = {names[part]: value for part, value in answer.items() if part in names}
        if taken := fields.keys() & named.keys():
            raise DataError(
                "the columns of the file's first rows (or --no-keep-columns)",
                f"'{min(taken)}', a part of the answer, in a later one",
            )
        row = {**fields, **named}
        if out_format == "csv":
            table.writerow([csv_cell(row.get(name, "")) for name in header])
        else:
            file.write(json_line(row) + "\n")

    return write
