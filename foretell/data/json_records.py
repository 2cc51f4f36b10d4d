"""JSON: one value a line (JSON Lines), read lazily, or one array of values, read whole.

A value is an object, a string or a list.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator

from foretell.data.columns import Columns, choose_columns
from foretell.data.records import Record, is_nested, text_of
from foretell.data.source import Source
from foretell.data.tables import row_records
from foretell.errors import DataError

MAX_ARRAY = 1 << 28
"""Maximum characters of an array, which is held in memory. Larger data belongs in JSON Lines."""
_FIX = "write one object a line, without brackets around them"
_SAMPLE = 100

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
    """Return the number and the value of each item of an array, which is read whole.

    Raises:
        DataError: it is not valid JSON, with the line and the column, or longer than `MAX_ARRAY`.
    """
    pieces, size = list[str](), 0
    for chunk in source.chunks():
        pieces.append(chunk)
        if (size := size + len(chunk)) > MAX_ARRAY:
            expected = f"a JSON array of at most {MAX_ARRAY >> 20} Mi characters"
            raise DataError(expected=expected, found="a longer one", where=source.name, fix=_FIX)
    text = "".join(pieces)
    try:
        return enumerate(_DECODER.decode(text), start=1)
    except json.JSONDecodeError as error:
        where = f"{source.name}, line {error.lineno}, column {error.colno}"
        near = text[error.pos : error.pos + 20]
        found = f"{error.msg.lower()} at {near!r}" if near else f"the end of the file ({error.msg.lower()})"
    except (ValueError, RecursionError) as error:
        where, found = source.name, "too many levels" if isinstance(error, RecursionError) else str(error)
    raise DataError(expected="one JSON array", found=found, where=where, fix=_FIX)
