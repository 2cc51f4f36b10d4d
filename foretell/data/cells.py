"""Values as JSON and as cells of CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import SupportsFloat

# What a spreadsheet takes for a formula (OWASP, "CSV Injection"): at the beginning of a text, and
# after anything by which a program may separate cells that is not the comma. A quote before it
# begins a cell that is empty, and the marks there are others than that of this place.
_FORMULA = re.compile(
    r"""
    \A (?= [ ']* [=+\-@\t\r\n＝＋－＠] )
    | (?<= [;|\t\r\n] ) (?= [ ']* "? [ ']* [=+\-@＝＋－＠] )
    """,
    re.VERBOSE,
)
_MARKED = re.compile(_FORMULA.pattern.replace("(?= ", "'(?= "), re.VERBOSE)
_NUMBER_OR_SIGN = re.compile(r"[-+](\d+(\.\d+)?)?")


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
    """Return a value as one cell of CSV, in which no text is a formula, whatever separates cells.

    An apostrophe stands before a formula. Numbers stay what they are.
    """
    value = flat(value, as_json)
    if not isinstance(value, str) or _NUMBER_OR_SIGN.fullmatch(value):
        return value
    return _FORMULA.sub("'", value)


def flat(value: object, as_json: Callable[[object], str] = json_line) -> object:
    """Return a value as one cell of a table: lists as text with semicolons, objects as JSON."""
    if isinstance(value, list | tuple):
        return "; ".join(each if isinstance(each, str) else as_json(each) for each in value)
    return as_json(value) if isinstance(value, dict) else value


def from_csv_cell(cell: str) -> str:
    """Return the text that `csv_cell` made this cell of."""
    return _MARKED.sub("", cell)
