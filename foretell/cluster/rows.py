"""The output row of an input row: its columns, the parts of the answer under free names, and its file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foretell.data.records import Record, is_missing
from foretell.readable import csv_cell, json_line

if TYPE_CHECKING:
    from foretell.runtime.labels.verdict import Verdict

OutFormat = Literal["jsonl", "csv"]

ANSWER = ("label", "probability", "probabilities", "reason", "flags")
"""The parts of the answer of a model for labels, in the order in which they are written."""
LABELS = "labels"
"""A further part of the answer, where texts may have several labels: a list of them."""
SCORE = (
    "tokens", "words", "characters", "bytes", "unknown", "log_probability", "perplexity",
    "bits_per_character", "bits_per_byte", "reason",
)  # fmt: skip
"""The parts of the answer of `score`: `foretell.runtime.words.scoring.Score`, and why there is none."""


def free_names(columns: Iterable[str], parts: Sequence[str]) -> dict[str, str]:
    """Return a name for each part of the answer: where a column has it, `foretell_` is put in front."""
    names, taken = {}, set(columns)
    for part in parts:
        name = part
        while name in taken:
            name = f"foretell_{name}"
        names[part] = name
    return names


def kept(record: Record) -> dict[str, object]:
    """Return the columns of a record with None for every kind of missing value, as JSON has it."""
    return {
        name: value if type(value) is str or not is_missing(value) else None
        for name, value in record.fields.items()
    }


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


class Writer:
    """Writes the rows of a shard: an object a line, or CSV, which has the columns of the first records.

    Attributes:
        left_out: columns that were left out.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], names: Mapping[str, str], out_format: OutFormat
    ) -> None:
        self.left_out: set[str] = set()
        self._names, self._is_csv = names, out_format == "csv"
        # A lone surrogate, which UTF-8 cannot encode, is written as an escape.
        self._file = path.open("x", encoding="utf-8", errors="backslashreplace", newline="")
        self._header = [*columns, *names.values()]
        if self._is_csv:
            csv.writer(self._file).writerow(self._header)

    def write(self, columns: Mapping[str, object], answer: Mapping[str, object]) -> None:
        """Write one row."""
        named = {self._names[part]: value for part, value in answer.items() if part in self._names}
        row = {**columns, **named}
        if self._is_csv:
            self.left_out |= columns.keys() - set(self._header)
            csv.writer(self._file).writerow([csv_cell(row.get(name, "")) for name in self._header])
        else:
            self.left_out |= named.keys() & columns.keys()
            self._file.write(json_line(row) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
