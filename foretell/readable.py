"""Numbers and texts for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import SupportsFloat

# Control characters but tab and newline, the embeddings and isolates that reverse the text around
# them, and lone surrogates, which no terminal can show.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# The beginnings that a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


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


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return "did you mean best?" where a name is like `word`, else ""."""
    import difflib

    near = difflib.get_close_matches(word, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return names with commas between them: the first ones where they are many.

    >>> listed("abcd", 2)
    'a, b and 2 more'
    """
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def pairs(rows: Iterable[tuple[str, str]], indent: int = 2) -> str:
    """Return names and values, one pair a line, the values in one column."""
    every = list(rows)
    width = max((len(name) for name, _ in every), default=0)
    return "\n".join(f"{' ' * indent}{name:<{width}}  {value}".rstrip() for name, value in every)


def visible(text: str) -> str:
    """Return `text` with each control character replaced by one that can be seen; newline and tab
    stay.

    Texts, labels and file names may hold control sequences of terminals.
    """
    return UNSAFE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    # U+2400 and following are pictures of the C0 controls: ␛ for escape.
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
