"""How answers are written to stdout: aligned text for people, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

Format = Literal["text", "jsonl", "csv", "csv-raw"]

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_AS_TEXT = "'"

_ROW_END = "\r\n"


def as_json(value: Any) -> str:
    """Return `value` as JSON on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False, default=float)


class _Rows:
    """Takes rows of CSV from Python's writer, which quotes a lone \\r only where a row ends with one."""

    def write(self, row: str) -> None:
        sys.stdout.write(row.removesuffix(_ROW_END) + "\n")


class Writer:
    """Writes one record after another to stdout, each at once, so that a pipe sees it.

    Args:
        format: text writes the line it is given, jsonl the whole record, csv and csv-raw the record's
            `columns`. In csv a text that a spreadsheet would run as a formula gets an apostrophe in front, as
            spreadsheets mark a text; csv-raw leaves every text as it is.
        columns: the keys of a record that are columns of CSV.
    """

    def __init__(self, format: Format, columns: Sequence[str]) -> None:
        self._format, self._columns = format, columns
        self._csv = csv.writer(_Rows(), lineterminator=_ROW_END)
        if format in ("csv", "csv-raw"):
            self._csv.writerow(columns)

    def write(self, record: dict[str, Any], text: str) -> None:
        """Write `record`; `text` is what a person reads instead."""
        if self._format == "jsonl":
            print(as_json(record))
        elif self._format in ("csv", "csv-raw"):
            self._csv.writerow([self._field(record[column]) for column in self._columns])
        else:
            print(text)

    def _field(self, value: Any) -> Any:
        """Return a value as one cell of a table."""
        cell = "; ".join(value) if isinstance(value, list) else value
        # Numbers stay what they are: -1.5 is no formula.
        dangerous = self._format == "csv" and isinstance(cell, str) and cell.startswith(_FORMULA)
        return _AS_TEXT + cell if dangerous else cell


def aligned(rows: Iterable[Sequence[object]], *, indent: int = 0) -> str:
    """Return rows as columns of equal width: text to the left, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return ""
    widths = [max(len(row[i]) if i < len(row) else 0 for row in cells) for i in range(max(map(len, cells)))]
    lines = (
        "  ".join(f"{c:>{w}}" if _is_number(c) else f"{c:<{w}}" for c, w in zip(row, widths, strict=False))
        for row in cells
    )
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def excerpt(text: str, width: int = 70) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width and len(text) <= 4 * width else f"{line[: width - 1].rstrip()}…"


def percent(part: float) -> str:
    """Return 0.8505 as "85.05 %"."""
    return f"{100 * part:.2f} %"


def duration(seconds: float) -> str:
    """Return seconds as "7 s", "3 min 05 s" or "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:2].lstrip("-")[:1].isdigit()
