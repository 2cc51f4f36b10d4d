"""JSON: one value a line (JSON Lines), or one array of values; a value is an object, a string or a list.

An array is parsed value by value as it is read, so it needs little memory however long it is.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator

from foretell.data.columns import Columns, choose_columns
from foretell.data.records import Record, is_nested, text_of
from foretell.data.source import Source
from foretell.data.tables import row_records
from foretell.errors import DataError

MAX_VALUE = 1 << 26
"""Characters of one value in an array; a larger one is almost always a string that is never closed."""
_SAMPLE = 100
_SPACE = re.compile(r"[ \t\r\n]*")
# An error this close to the end of what was read may come from a value that is cut there.
_CUT = 16

Numbered = tuple[int, object]


def json_records(source: Source) -> Iterator[Record]:
    """Read the records of JSON Lines, or of a JSON array.

    Each value is an object with a member for each column, a string (a text without a label), or a list with a
    cell for each column, where the first list may be a header.

    Raises:
        DataError: a value that is not JSON, or not one of these; no clear columns.
    """
    if _is_array(source):
        values, unit = _array(source), "item"
    else:
        values, unit = _lines(source), "line"
    # Labels are judged by several records; without them each record is given as soon as it is read.
    first = list(itertools.islice(values, _SAMPLE if source.options.need_label else 1))
    if not first:
        raise DataError(expected="records", found="none", where=source.name)
    values = itertools.chain(first, values)
    if isinstance(first[0][1], list):
        return row_records(_rows(values, source.name, unit), source, unit)
    return _object_records(values, [value for _, value in first], source, unit)


def _is_array(source: Source) -> bool:
    """Whether a source is one array, and not lists on lines of their own."""
    first = source.first_line
    if not first.lstrip().startswith("["):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not source.second_line.strip()


def _object_records(
    values: Iterator[Numbered], sample: list[object], source: Source, unit: str
) -> Iterator[Record]:
    columns: Columns | None = None
    for number, value in values:
        where = f"{source.name}, {unit} {number}"
        row = {"text": value} if isinstance(value, str) else value
        if not isinstance(row, dict):
            raise _wrong_value(value, "an object or a string", where)
        if columns is None:
            objects = [each for each in sample if isinstance(each, dict)] or [row]
            names = list(dict.fromkeys(itertools.chain(row, *objects)))
            cells = [[text_of(each.get(name)) for name in names] for each in objects]
            columns = choose_columns(names, cells, source.options, source.name)
            if names != ["text"]:
                source.note_columns(columns)
        yield columns.record(row, where)


def _rows(values: Iterator[Numbered], name: str, unit: str) -> Iterator[tuple[int, list[str]]]:
    for number, value in values:
        if not isinstance(value, list) or any(map(is_nested, value)):
            raise _wrong_value(value, "a list of single values, as the first one", f"{name}, {unit} {number}")
        yield number, [text_of(cell) for cell in value]


def _wrong_value(value: object, expected: str, where: str) -> DataError:
    names: dict[type, str] = {list: "a list", dict: "an object", str: "a string"}
    found = names.get(type(value)) or f"the value {value!r:.40}"
    return DataError(expected=expected, found=found, where=where)


def _lines(source: Source) -> Iterator[Numbered]:
    """Return the number and the value of each line that is not blank."""
    for number, line in enumerate(source.plain_lines(), start=1):
        if not line.strip():
            continue
        try:
            yield number, _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            start, column = line.strip()[:40], error.colno if isinstance(error, json.JSONDecodeError) else 1
            raise DataError(
                expected="one JSON value on the line",
                found=repr(start),
                where=f"{source.name}, line {number}, column {column}",
                fix="write one object a line (jq -c .)" if start.startswith("{") else "",
            ) from error


def finite_number(text: str) -> float:
    """Return a number with a fraction or an exponent.

    Raises:
        ValueError: float64 does not have it: it would become the text "inf".
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"a number too large for float64: {text[:20]}")
    return number


def _constant(text: str) -> float:
    """Return NaN, which stands for no value; JSON has neither infinity."""
    if text != "NaN":
        raise ValueError(f"no JSON: {text}")
    return math.nan


_DECODER = json.JSONDecoder(parse_float=finite_number, parse_constant=_constant)


def _array(source: Source) -> Iterator[Numbered]:
    """Return the number and the value of each item of an array."""
    text = _Text(source)
    text.read("[")
    if text.peek() != "]":
        for number in itertools.count(1):
            yield number, text.value(number)
            if text.peek() == "]":
                break
            text.read(",")
    text.read("]")
    if rest := text.peek():
        fix, found = "write one object a line, without brackets around them", f"{rest!r} after its end"
        raise DataError(expected="one JSON array", found=found, where=text.where(), fix=fix)


class _Text:
    """The text of an array, which comes in chunks."""

    def __init__(self, source: Source) -> None:
        self._name, self._chunks = source.name, source.chunks()
        self._buffer, self._at, self._lines = "", 0, 1

    def where(self) -> str:
        """Return the name of the source with the line and the column that are being read."""
        line = self._lines + self._buffer.count("\n", 0, self._at)
        column = self._at - self._buffer.rfind("\n", 0, self._at)
        return f"{self._name}, line {line}, column {column}"

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def read(self, character: str) -> None:
        """Read one character; DataError: it is another one."""
        if (actual := self.peek()) != character:
            found = repr(actual) if actual else "the end of the file"
            raise DataError(expected=f"'{character}' in the JSON array", found=found, where=self.where())
        self._at += 1

    def value(self, number: int) -> object:
        """Read the value of an item; DataError: it is not valid JSON, or longer than `MAX_VALUE`."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
                if end < len(self._buffer) or not self._more():
                    self._at = end
                    return value
            except (ValueError, RecursionError) as error:
                is_short = len(self._buffer) - self._at <= MAX_VALUE
                if not (is_short and self._may_be_cut(error) and self._more()):
                    raise self._invalid(error, number) from error

    def _may_be_cut(self, error: Exception) -> bool:
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _CUT

    def _more(self) -> bool:
        """Read on; each time as much as is there already, so that a long value is not parsed too often."""
        self._lines += self._buffer.count("\n", 0, self._at)
        pieces = [self._buffer[self._at :]]
        wanted = max(1, len(pieces[0]))
        while wanted > 0 and (chunk := next(self._chunks, "")):
            pieces.append(chunk)
            wanted -= len(chunk)
        self._buffer, self._at = "".join(pieces), 0
        return len(pieces) > 1

    def _invalid(self, error: Exception, number: int) -> DataError:
        problem = "too many levels" if isinstance(error, RecursionError) else str(error)
        if isinstance(error, json.JSONDecodeError):
            problem, self._at = error.msg.lower(), min(error.pos, len(self._buffer))
        near = self._buffer[self._at : self._at + 20]
        found = f"an error ({problem}) at {near!r}" if near else f"the end of the file ({problem})"
        return DataError(expected=f"valid JSON in item {number}", found=found, where=self.where())
