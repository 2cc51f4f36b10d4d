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
# An error this close to the end of what was read may come from a value that is cut there.
_CUT = 16
_SPACE = re.compile(r"[ \t\r\n]*")

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
    first = next(values, None)
    if first is None:
        raise DataError(expected="records", found="none", where=source.name)
    values = itertools.chain([first], values)
    if isinstance(first[1], list):
        return row_records(_rows(values, source.name, unit), source, unit)
    return _object_records(values, source, unit)


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


def _object_records(values: Iterator[Numbered], source: Source, unit: str) -> Iterator[Record]:
    columns: Columns | None = None
    for number, value in values:
        where = f"{source.name}, {unit} {number}"
        row = {"text": value} if isinstance(value, str) else value
        if not isinstance(row, dict):
            raise _wrong_value(value, "an object or a string", where)
        if columns is None:
            sample = [[text_of(cell) for cell in row.values()]]
            columns = choose_columns(list(row), sample, source.options, source.name)
            if list(row) != ["text"]:
                source.note_columns(columns)
        yield columns.record(row, where)


def _rows(values: Iterator[Numbered], name: str, unit: str) -> Iterator[tuple[int, list[str]]]:
    for number, value in values:
        if not isinstance(value, list) or any(map(is_nested, value)):
            raise _wrong_value(value, "a list of single values, as the first one", f"{name}, {unit} {number}")
        yield number, [text_of(cell) for cell in value]


def _wrong_value(value: object, expected: str, where: str) -> DataError:
    for kind, name in ((list, "a list"), (dict, "an object"), (str, "a string")):
        if isinstance(value, kind):
            return DataError(expected=expected, found=name, where=where)
    return DataError(expected=expected, found=f"the value {value!r:.40}", where=where)


def _lines(source: Source) -> Iterator[Numbered]:
    """Return the number and the value of each line that is not blank."""
    for number, line in enumerate(source.plain_lines(), start=1):
        if not line.strip():
            continue
        try:
            yield number, _parse(line)
        except (ValueError, RecursionError) as error:
            start = line.strip()[:40]
            raise DataError(
                expected="one JSON value on the line",
                found=repr(start),
                where=f"{source.name}, line {number}",
                fix="write one object a line (jq -c .)" if start.startswith("{") else "",
            ) from error


def _parse(text: str) -> object:
    return json.loads(text, parse_float=finite_number, parse_constant=_constant)


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


def _array(source: Source) -> Iterator[Numbered]:
    """Return the number and the value of each item of an array."""
    reader = _ArrayReader(source)
    reader.expect("[")
    if reader.peek() == "]":
        reader.expect("]")
    else:
        for number in itertools.count(1):
            yield number, reader.value(number)
            if reader.peek() == "]":
                break
            reader.expect(",")
        reader.expect("]")
    if rest := reader.peek():
        raise DataError(
            expected="one JSON array",
            found=f"{rest!r} after its end",
            where=reader.where(),
            fix="write one object a line, without brackets around them",
        )


def _end_of_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return start if match is None else match.end()


class _ArrayReader:
    """Reads the parts of an array from a text that comes in chunks."""

    def __init__(self, source: Source) -> None:
        self._name = source.name
        self._chunks = source.chunks()
        self._decoder = json.JSONDecoder(parse_float=finite_number, parse_constant=_constant)
        self._buffer = ""
        self._at = 0
        self._lines = 1

    def where(self) -> str:
        """Return the name of the source and the number of the line that is being read."""
        line = self._lines + self._buffer.count("\n", 0, self._at)
        return f"{self._name}, line {line}"

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end."""
        while True:
            self._at = _end_of_space(self._buffer, self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Read one character.

        Raises:
            DataError: it is another one.
        """
        if (actual := self.peek()) != character:
            raise DataError(
                expected=f"'{character}' in the JSON array",
                found=repr(actual) if actual else "the end of the file",
                where=self.where(),
            )
        self._at += 1

    def value(self, number: int) -> object:
        """Read the value of an item.

        Raises:
            DataError: it is not valid JSON, or longer than `MAX_VALUE`.
        """
        self.peek()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                if self._may_be_cut(error) and self._more():
                    continue
                raise self._invalid(error, number) from error
            return value

    def _may_be_cut(self, error: Exception) -> bool:
        if not isinstance(error, json.JSONDecodeError) or len(self._buffer) - self._at > MAX_VALUE:
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _CUT

    def _more(self) -> bool:
        """Read on; each time as much as is there already, so that a long value is not parsed too often."""
        self._lines += self._buffer.count("\n", 0, self._at)
        pieces = [self._buffer[self._at :]]
        wanted = max(1, len(pieces[0]))
        self._at = 0
        while wanted > 0 and (chunk := next(self._chunks, "")):
            pieces.append(chunk)
            wanted -= len(chunk)
        self._buffer = "".join(pieces)
        return len(pieces) > 1

    def _invalid(self, error: Exception, number: int) -> DataError:
        problem = "too many levels" if isinstance(error, RecursionError) else str(error)
        problem = f"{error.msg.lower()}" if isinstance(error, json.JSONDecodeError) else problem
        if isinstance(error, json.JSONDecodeError):
            self._at = min(error.pos, len(self._buffer))
        near = self._buffer[self._at : self._at + 20]
        return DataError(
            expected=f"valid JSON in item {number}",
            found=f"an error ({problem}) at {near!r}" if near else f"the end of the file ({problem})",
            where=self.where(),
        )
