"""Values as JSON and as cells of CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import SupportsFloat

# The beginnings that a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def json_line(value: object) -> str:
    """Return a value as JSON on one line: NumPy's and decimal numbers as numbers, NaN and infinity
    as null, dates as text."""

    def plain(each: object) -> float | str:
        return float(each) if isinstance(each, SupportsFloat) else str(each)

    try:
        return json.dumps(value, ensure_ascii=False, default=plain, allow_nan=False)
    except ValueError:
        # JSON has neither NaN nor infinity.
        line = json.dumps(value, ensure_ascii=False, default=plain)
        return json.dumps(json.loads(line, parse_constant=lambda _: None), ensure_ascii=False)


def csv_cell(value: object, as_json: Callable[[object], str] = json_line) -> object:
    """Return a value as one cell of CSV, where a text is no formula. Numbers stay what they are."""
    if isinstance(value, list | tuple):
        value = "; ".join(each if isinstance(each, str) else as_json(each) for each in value)
    if isinstance(value, dict):
        value = as_json(value)
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def from_csv_cell(cell: str) -> str:
    """Return the text that `csv_cell` made this cell of."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may run it: not a number, nor a sign alone."""
    return text.startswith(_FORMULA) and not re.fullmatch(r"[-+](\d+(\.\d+)?)?", text)
