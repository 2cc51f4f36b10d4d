"""CSV and TSV as people have it: any usual delimiter, quoted newlines, with a header or without."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from foretell.data.columns import by_length, choose_columns, is_known
from foretell.data.decode import TextSource, note
from foretell.data.records import Record, label_of, text_of
from foretell.errors import DataError

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SAMPLE_CHARACTERS = 1 << 17
# Larger fields are almost always an unclosed quote that swallows the rest of the file.
_FIELD_LIMIT = 1 << 26


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file writes its fields.

    Attributes:
        delimiter: between two fields.
        quotes: "double" (a quote inside is doubled), "backslash" (or it is escaped) or "none".
    """

    delimiter: str
    quotes: str

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Return the rows of `lines`; bad quoting raises csv.Error."""
        options: dict[str, Any] = {"delimiter": self.delimiter, "strict": True}
        if self.quotes == "backslash":
            options["escapechar"] = "\\"
        elif self.quotes == "none":
            options |= {"quoting": csv.QUOTE_NONE}
        return csv.reader(lines, **options)


def sniff(lines: list[str], *, whole: bool, prefer: str | None = None) -> tuple[Dialect, list[list[str]]]:
    """Find the dialect under which `lines` make the most regular table.

    Args:
        lines: the first lines of the file, with their line ends.
        whole: whether they are the whole file; if not, they may end inside a quoted field.
        prefer: the delimiter to try first ("\\t" for .tsv).

    Returns:
        The dialect and the rows that it finds in `lines`.
    """
    order = sorted(DELIMITERS, key=lambda delimiter: delimiter != prefer)
    fallback = Dialect(prefer or ",", "double")
    best, best_score = (fallback, _parse(fallback, lines, whole)[0]), 0.0
    ways = [("double", order)]
    if any('\\"' in line for line in lines):
        ways.append(("backslash", order))
    # Only tab-separated text is commonly written without any quoting.
    ways.append(("none", ["\t"]))
    for quotes, delimiters in ways:
        for delimiter in delimiters:
            dialect = Dialect(delimiter, quotes)
            rows, clean = _parse(dialect, lines, whole)
            score = _regularity(rows) if clean else 0.0
            if quotes == "none" and any(_is_quoted(cell) for row in rows for cell in row):
                score = 0.0
            if score > best_score:
                best, best_score = (dialect, rows), score
        # Another way of quoting is taken only where this one does not give a table.
        if best_score == 1.0:
            break
    return best


def _parse(dialect: Dialect, lines: list[str], whole: bool) -> tuple[list[list[str]], bool]:
    rows: list[list[str]] = []
    try:
        for row in dialect.reader(iter(lines)):
            if row:
                rows.append(row)
    except csv.Error as error:
        # Where the sample was cut, its last row may end inside quotes.
        return rows, not whole and "unexpected end" in str(error)
    return rows, True


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _regularity(rows: list[list[str]]) -> float:
    """Score a table: the part of its rows as wide as the first; 0 for fewer than two columns."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    width = len(rows[0])
    return sum(len(row) == width for row in rows) / len(rows)


@dataclass(frozen=True, slots=True)
class _Header:
    names: list[str]
    rows_to_skip: int


def _header(rows: list[list[str]], asked: list[str]) -> _Header:
    """Tell a header from a first record: by its names, else by whether its label is seen again."""
    first = [cell.strip() for cell in rows[0]]
    numbered = [str(i + 1) for i in range(len(first))]
    there = {cell.casefold() for cell in first}
    all_there = all(name.casefold() in there for name in asked)
    if asked and not all_there and all(name in numbered for name in asked):
        return _Header(numbered, 0)
    if any(name.casefold() in there for name in asked) or any(is_known(cell) for cell in first):
        return _Header(first, 1)
    if len(first) == 1:
        return _Header(numbered, 0)
    if len(first) == 2 and len(rows) > 2 and (place := by_length(rows[1:])) is not None:
        labels = [row[1 - place] for row in rows[1:] if len(row) == 2]
        if first[1 - place] in labels:
            return _Header(numbered, 0)
    return _Header(first, 1)


def delimited_records(
    source: TextSource,
    *,
    text: str | None,
    label: str | None,
    need_label: bool,
    prefer: str | None,
    lines: Iterator[str] | None = None,
) -> Iterator[Record]:
    """Read the records of a CSV or TSV file one by one.

    Args:
        source: the open file, with newline="".
        text, label, need_label: as `choose_columns`. Without a header the columns are called "1", "2", ….
        prefer: the delimiter to try first.
        lines: the lines to read in place of the source's stream (where some were read already).

    Raises:
        DataError: no clear columns, a row of another width, or broken quoting (with the line).
    """
    stream = iter(source.stream) if lines is None else lines
    sample = _take(stream)
    head = next(stream, None)
    dialect, rows = sniff(sample, whole=head is None, prefer=prefer)
    where = source.name
    if not rows:
        _refuse(dialect, sample, where)
    header = _header(rows, [name for name in (text, label) if name is not None])
    columns = choose_columns(
        header.names, rows[header.rows_to_skip :], text=text, label=label, need_label=need_label, where=where
    )
    _tell(source, dialect, header, columns.said(_short(where)), told=text is not None)
    place = header.names.index(columns.text)
    label_place = None if columns.label is None else header.names.index(columns.label)
    unread = [] if head is None else [head]
    for row in _rows(dialect, itertools.chain(sample, unread, stream), header, where):
        yield Record(
            text_of(row[place]),
            None if label_place is None else label_of(row[label_place]),
            dict(zip(header.names, row, strict=True)),
        )


def _take(stream: Iterator[str]) -> list[str]:
    sample: list[str] = []
    size = 0
    while size < _SAMPLE_CHARACTERS and (line := next(stream, None)) is not None:
        sample.append(line)
        size += len(line)
    return sample


def _tell(source: TextSource, dialect: Dialect, header: _Header, columns: str, *, told: bool) -> None:
    name = _short(source.name)
    if dialect.delimiter not in ",\t":
        note(source.notes, f"{name}: fields are separated by a {DELIMITERS[dialect.delimiter]}")
    if dialect.quotes != "double":
        how = "quotes are plain characters" if dialect.quotes == "none" else "quotes are escaped by \\"
        note(source.notes, f"{name}: {how}")
    if header.rows_to_skip == 0:
        note(source.notes, f"{name}: no header; the columns are called 1, 2, …")
    if not told:
        note(source.notes, columns)


def _rows(dialect: Dialect, lines: Iterator[str], header: _Header, where: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    width = len(header.names)
    reader = dialect.reader(lines)
    start, skip = 1, header.rows_to_skip
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _broken(error, where, start) from error
        if row is None:
            return
        here, start = start, _line_number(reader) + 1
        if not row:
            continue
        if skip:
            skip -= 1
        elif len(row) == width:
            yield row
        else:
            raise DataError(
                expected=f"{width} column{'s' if width > 1 else ''} as in the first row",
                found=str(len(row)),
                where=f"{where}, line {here}",
                fix=f"quote fields that hold a {DELIMITERS[dialect.delimiter]}",
            )


def _refuse(dialect: Dialect, lines: list[str], where: str) -> NoReturn:
    """Raise the error of lines that hold no record: of the first one's quoting, or that they are empty."""
    for _ in _rows(dialect, iter(lines), _Header([], 0), where):
        pass
    raise DataError(expected="records", found="nothing but empty lines", where=where)


def _line_number(reader: Any) -> int:
    number: int = reader.line_num
    return number


def _broken(error: csv.Error, where: str, line: int) -> DataError:
    message = str(error)
    if "unexpected end" in message or "field larger" in message:
        found = "a quote that is never closed"
    elif "expected after" in message:
        found = "text after a closing quote"
    else:
        found = message
    return DataError(
        expected="fields quoted as in CSV",
        found=found,
        where=f"{where}, record beginning on line {line}",
        fix='double each quote inside a field ("")',
    )


def _short(where: str) -> str:
    return where.replace("\\", "/").rsplit("/", 1)[-1]
