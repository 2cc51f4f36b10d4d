"""CSV and TSV: any usual delimiter, quoted newlines, with a header or without."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from foretell.data.records import Record
from foretell.data.source import Source
from foretell.data.tables import Header, find_table, width_error
from foretell.errors import DataError

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SAMPLE_CHARACTERS = 1 << 17
# A larger field is almost always the rest of the file after a quote that is never closed.
_FIELD_LIMIT = 1 << 26


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the fields of a file are delimited and quoted.

    Attributes:
        delimiter: between two fields.
        quotes: "double" (a quote inside a field is doubled), "backslash" (doubled or escaped) or "none".
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
    """Find the dialect in which `lines` make the most regular table.

    Args:
        lines: the first lines of the file, with their line ends.
        whole: whether they are the whole file; if not, they may end inside a quoted field.
        prefer: the delimiter to try first ("\\t" for .tsv).

    Returns:
        The dialect, and the rows of `lines` in it.
    """
    order = sorted(DELIMITERS, key=lambda delimiter: delimiter != prefer)
    fallback = Dialect(prefer or ",", "double")
    best, best_score = (fallback, _parse(fallback, lines, whole)[0]), 0.0
    ways = [("double", order)]
    if any('\\"' in line for line in lines):
        ways.append(("backslash", order))
    # Of these delimiters only the tab is commonly used without any quoting.
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
        # The next way of quoting is tried only where this one gives no regular table.
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


def tsv_records(source: Source) -> Iterator[Record]:
    """Read the records of a TSV file; as `csv_records`, with a preference for tabs."""
    return csv_records(source, prefer="\t")


def csv_records(source: Source, *, prefer: str = ",") -> Iterator[Record]:
    """Read the records of a CSV file one by one. Without a header the columns are called "1", "2", ….

    Args:
        source: the opened file.
        prefer: the delimiter to try first.

    Raises:
        DataError: no clear columns, a row of another width, or broken quoting (with the line).
    """
    lines = source.lines()
    sample = _take(lines)
    head = next(lines, None)
    dialect, rows = sniff(sample, whole=head is None, prefer=prefer)
    if not rows:
        _refuse(dialect, sample, source.name)
    _add_notes(dialect, source)
    table = find_table(rows, source)
    unread = [] if head is None else [head]
    return table.records(_rows(dialect, itertools.chain(sample, unread, lines), table.header, source.name))


def _take(stream: Iterator[str]) -> list[str]:
    sample: list[str] = []
    size = 0
    while size < _SAMPLE_CHARACTERS and (line := next(stream, None)) is not None:
        sample.append(line)
        size += len(line)
    return sample


def _add_notes(dialect: Dialect, source: Source) -> None:
    if dialect.delimiter not in ",\t":
        source.add_note(f"fields are separated by a {DELIMITERS[dialect.delimiter]}")
    if dialect.quotes != "double":
        how = "quotes are plain characters" if dialect.quotes == "none" else "quotes are escaped by \\"
        source.add_note(how)


def _rows(dialect: Dialect, lines: Iterator[str], header: Header, where: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    width = len(header.names)
    reader = dialect.reader(lines)
    start, skip = 1, header.rows
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
            fix = f"quote fields that contain a {DELIMITERS[dialect.delimiter]}"
            raise width_error(width, len(row), f"{where}, line {here}", fix)


def _refuse(dialect: Dialect, lines: list[str], where: str) -> NoReturn:
    """Raise the error of lines without a record: that of the quoting of the first, or that all are empty."""
    for _ in _rows(dialect, iter(lines), Header([], 0), where):
        pass
    raise DataError(expected="records", found="nothing but empty lines", where=where)


def _line_number(reader: Any) -> int:
    number: int = reader.line_num
    return number


def _broken(error: csv.Error, where: str, line: int) -> DataError:
    problem = str(error)
    if "unexpected end" in problem or "field larger" in problem:
        problem = "a quote that is never closed"
    elif "expected after" in problem:
        problem = "text after a closing quote"
    return DataError(
        expected="fields quoted as in CSV",
        found=problem,
        where=f"{where}, record beginning on line {line}",
        fix='double each quote inside a field ("")',
    )
