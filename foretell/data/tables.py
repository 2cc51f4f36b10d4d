"""Tables: CSV and TSV with any usual delimiter, spreadsheets, and rows of cells with a header or
without.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from foretell.data.columns import Columns, by_length, choose_columns, is_known
from foretell.data.decode import no_text
from foretell.data.formulas import formulas_without_value
from foretell.data.record_source import RecordSource
from foretell.data.records import (
    MAX_RECORD,
    ReadOptions,
    Record,
    check_size,
    first_rows,
    spelled,
    text_of,
)
from foretell.data.trial import tried, visible_sheets
from foretell.errors import DataError
from foretell.readable import listed, number_of

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_QUOTES = {"none": "plain characters", "backslash": "escaped by \\"}
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?[\r\n]*', re.IGNORECASE)  # a first line for Excel
_RULE = re.compile(r"\s*((-{3,}|:-+):?\s*)?")
_HTML = re.compile(rb"\s*<(!doctype|html|table|meta)\b", re.IGNORECASE)
_SAMPLE_CHARACTERS = 1 << 17
_SAMPLE_ROWS = 100
_MAX_TITLE_ROWS = 10
_MAX_COLUMNS = 1 << 14
_NEVER_CLOSED = "a quote that is never closed"

Row = tuple[int, list[str]]
"""The number of a row, from 1, and its cells."""


@dataclass(frozen=True)
class Dialect:
    """How the fields of a file are delimited and quoted.

    Attributes:
        delimiter: between two fields.
        quotes: "double" (a quote inside a field is doubled), "backslash" (doubled or escaped) or
            "none".
    """

    delimiter: str
    quotes: str

    def reader(self, lines: Iterable[str]) -> Any:
        """Return the rows of `lines`; bad quoting raises csv.Error."""
        # A larger field is almost always the rest of the file after a quote that is never closed.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            strict=True,
            escapechar="\\" if self.quotes == "backslash" else None,
            quoting=csv.QUOTE_NONE if self.quotes == "none" else csv.QUOTE_MINIMAL,
        )

    def notes(self) -> Iterator[str]:
        """Yield what is unusual."""
        if self.delimiter not in ",\t":
            yield f"fields are separated by a {DELIMITERS[self.delimiter]}"
        if self.quotes != "double":
            yield f"quotes are {_QUOTES[self.quotes]}"


def sniff(lines: list[str], *, whole: bool, prefer: str) -> tuple[Dialect, list[list[str]]]:
    """Find the dialect in which `lines` make the most regular table.

    Args:
        lines: the first lines of the file, with their line ends.
        whole: whether they are the whole file; if not, they may end inside a quoted field.
        prefer: the delimiter to try first.

    Returns:
        The dialect, and the rows of `lines` in it.
    """
    order = sorted(DELIMITERS, key=lambda delimiter: delimiter != prefer)
    best = (Dialect(prefer, "double"), _parse(Dialect(prefer, "double"), lines, whole)[0])
    best_score = 0.0
    # Of these delimiters only the tab is commonly used without any quoting.
    ways = {"double": order, "backslash": order, "none": ["\t"]}
    if not any('\\"' in line for line in lines):
        del ways["backslash"]
    for quotes, delimiters in ways.items():
        for dialect in (Dialect(delimiter, quotes) for delimiter in delimiters):
            rows, score = _parse(dialect, lines, whole)
            if quotes == "none" and any(
                len(c) > 1 and c[0] == c[-1] == '"' for row in rows for c in row
            ):
                score = 0.0
            if score > best_score:
                best = (dialect, rows)
                best_score = score
        # The next way of quoting is tried only where this one gives no regular table.
        if best_score == 1.0:
            break
    return best


def _parse(dialect: Dialect, lines: list[str], whole: bool) -> tuple[list[list[str]], float]:
    """Return the rows of lines without broken ones, and the part that is as wide as the first (0:
    one column, or a broken first row).
    """
    rows: list[list[str]] = []
    broken = 0
    for row in csv_rows(dialect, lines):
        # Where the sample was cut, its last row may end inside quotes.
        if row.problem == _NEVER_CLOSED and not whole:
            break
        broken += bool(row.problem)
        if broken and not rows:
            return rows, 0.0
        rows += [row.cells] if row.cells else []
    if not rows or len(rows[0]) < 2:
        return rows, 0.0
    return rows, sum(len(row) == len(rows[0]) for row in rows) / (len(rows) + broken)


class CsvRow(NamedTuple):
    """A row of CSV.

    Attributes:
        line: the line that it begins on, from 1.
        size: how many characters it has, with its line ends.
        cells: none of an empty row, or a broken one.
        problem: why its quotes are broken; "": they are not.
    """

    line: int
    size: int
    cells: list[str]
    problem: str = ""

    @property
    def is_filled(self) -> bool:
        return bool(self.cells or self.problem)


def csv_rows(dialect: Dialect, lines: Iterable[str], line: int = 1) -> Iterator[CsvRow]:
    """Read every row of lines, the first of which has the number `line`.

    Where quotes are broken one line is lost: the next row begins on the line after it. So a quote
    that is never closed does not take the rest of the file with it.
    """
    following = iter(lines)
    while True:
        taken = list[str]()
        reader = dialect.reader(_noted(following, taken))
        first = line
        try:
            for cells in reader:
                yield CsvRow(line, sum(map(len, taken)), cells)
                line = first + int(reader.line_num)
                taken.clear()
            return
        except csv.Error as error:
            again = io.StringIO("".join(taken), newline="")
            row = CsvRow(line, len(again.readline()), [], _problem(error))
        last: list[str] = []
        for text in again:
            yield row
            line += 1
            # A quote that is open at the end of such a line is not closed before the last one.
            row = _one_line(dialect, text, line)
            last = [text]
        if not last:
            yield row
            line += 1
        following = itertools.chain(last, following)


def _noted(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Return the lines of rows; `taken`, which is emptied after each row, gets them too."""
    size = 0
    for line in lines:
        if not taken:
            size = 0
        taken.append(line)
        size += len(line)
        if size > MAX_RECORD:
            raise csv.Error(f"more than {MAX_RECORD >> 20} Mi characters")
        yield line


def _one_line(dialect: Dialect, text: str, line: int) -> CsvRow:
    try:
        return CsvRow(line, len(text), next(dialect.reader([text])))
    except csv.Error as error:
        return CsvRow(line, len(text), [], _problem(error))


def _problem(error: csv.Error) -> str:
    problem = str(error)
    if "unexpected end" in problem or "field larger" in problem:
        return _NEVER_CLOSED
    return "text after a closing quote" if "expected after" in problem else problem


@dataclass(frozen=True)
class Table:
    """How rows become records.

    Attributes:
        names: those of the columns; a fourth one called n as another is "n (4)".
        columns: which of them are read.
        header_rows: how many rows the names take (0: the columns are called 1, 2, …).
        fix: the advice for a row of another width.
    """

    names: list[str]
    columns: Columns
    header_rows: int
    fix: str

    def record(self, cells: Sequence[str], where: str) -> Record:
        """Return the record of a row."""
        if len(cells) != len(self.names):
            expected = f"{number_of(len(self.names), 'column')} as in the first row"
            fix = self.fix
            if len(cells) < len(self.names):
                fix = "write the delimiter of an empty cell too"
            raise DataError(expected, str(len(cells)), where=where, fix=fix)
        return self.columns.record(dict(zip(self.names, cells, strict=True)), where)


@dataclass(frozen=True)
class Csv:
    """How a CSV file is read: its dialect, the line of its first row, from 1, and its columns."""

    dialect: Dialect
    first: int
    table: Table

    def record(self, row: CsvRow, where: str) -> Record:
        """Return the record of a row."""
        if row.problem:
            raise _broken(row, where)
        return self.table.record(row.cells, f"{where}, line {row.line}")


def _broken(row: CsvRow, where: str) -> DataError:
    return DataError(
        "fields quoted as in CSV",
        row.problem,
        where=f"{where}, record beginning on line {row.line}",
        fix='double each quote inside a field ("")',
    )


def csv_records(source: RecordSource, *, prefer: str = ",") -> Iterator[Record]:
    """Read the records of a CSV file one by one. Without a header the columns are called "1", "2",
    ….
    """
    opened, rows = open_csv(source, source.lines(), prefer)
    return (opened.record(row, source.name) for row in rows)


def open_csv(
    source: RecordSource, lines: Iterator[str], prefer: str
) -> tuple[Csv, Iterator[CsvRow]]:
    """Return how the lines of a CSV file are read, and its rows below the header without empty
    ones; `prefer` is the delimiter to try first.
    """
    first = source.options.header_row or 1
    lines = itertools.islice(lines, first - 1, None)
    sample = _beginning(lines)
    head = list(itertools.islice(lines, 1))
    if sample and (named := _SEPARATOR.fullmatch(sample[0])):
        prefer = named[1]
        first = first + 1
        sample = sample[1:]
    # A line of millions of cells is not parsed in every dialect.
    cut = [line[:_SAMPLE_CHARACTERS] for line in sample]
    dialect, cells = sniff(cut, whole=cut == sample and not head, prefer=prefer)
    for each in dialect.notes():
        source.add_note(each)
    if cells and len(cells[0]) == 1 and max(map(len, cells)) > 1 and not is_known(cells[0][0]):
        raise DataError(
            "the names of the columns in the first row",
            f"only '{cells[0][0]:.60}'",
            where=source.name,
            fix=f"if that is a title, name the row of the header with {spelled('header_row', 'N')}",
        )
    every = csv_rows(dialect, itertools.chain(sample, head, lines), first)
    rows = (row for row in every if row.is_filled and not _is_rule(row, dialect))
    start = first_rows(rows, _SAMPLE_ROWS, lambda row: row.size)
    if start and start[0].problem:
        raise _broken(start[0], source.name)
    fix = f'put fields that contain a {DELIMITERS[dialect.delimiter]} into quotes (")'
    table = table_of([row.cells for row in start if row.cells], source, fix)
    below = itertools.islice(itertools.chain(start, rows), table.header_rows, None)
    return Csv(dialect, first, table), below


def _is_rule(row: CsvRow, dialect: Dialect) -> bool:
    """Whether a row is the line below the header of a Markdown table."""
    is_rule = all(map(_RULE.fullmatch, row.cells)) and "-" in "".join(row.cells)
    return dialect.delimiter == "|" and is_rule


def _beginning(lines: Iterator[str]) -> list[str]:
    """Return the first lines, so many as the dialect is found by."""
    sample = []
    size = 0
    while size < _SAMPLE_CHARACTERS and (line := next(lines, None)) is not None:
        sample.append(line)
        size += len(line)
    return sample


def table_of(sample: Sequence[list[str]], source: RecordSource, fix: str = "") -> Table:
    """Return how rows become records, by the first ones; `fix` is the advice for one of another
    width.
    """
    if not sample:
        raise DataError("records", "none", where=source.name)
    if len(sample[0]) > _MAX_COLUMNS:
        expected = f"at most {_MAX_COLUMNS:,} columns"
        raise DataError(expected, f"{len(sample[0]):,}", where=source.name)
    names, skipped = _header(sample, source.options)
    names = [name if name not in names[:i] else f"{name} ({i + 1})" for i, name in enumerate(names)]
    columns = choose_columns(names, sample[skipped:], source.options, source.name)
    if not skipped:
        source.add_note("no header; the columns are called 1, 2, …")
    columns.add_note(source.short, source.options, source.notes)
    return Table(names, columns, skipped, fix)


def _header(rows: Sequence[list[str]], options: ReadOptions) -> tuple[list[str], int]:
    """Return the names of the columns and how many rows they take (0: they are called 1, 2, …)."""
    first = [cell.strip() for cell in rows[0]]
    numbered = [str(place) for place in range(1, len(first) + 1)]
    if options.header_row is not None:
        return first, 1
    names = {cell.casefold() for cell in first}
    asked = {name.casefold() for name in options.named}
    if asked and asked <= set(numbered) and not asked <= names:
        return numbered, 0
    if asked & names or any(map(is_known, first)):
        return first, 1
    if len(first) == 1 or _is_record(first, rows[1:]):
        return numbered, 0
    return first, 1


def _is_record(first: Sequence[str], others: Sequence[list[str]]) -> bool:
    """Whether the first row of two columns is a record, not a header: its label occurs again."""
    if len(first) != 2 or len(others) < 2:
        return False
    text = by_length(others)
    if text is None:
        return False
    label = 1 - text
    return first[label] in [row[label] for row in others if len(row) == 2]


def workbook_records(source: RecordSource) -> Iterator[Record]:
    """Read the records of a sheet of Excel (.xlsx, .xlsm, .xlsb, .xls) or OpenDocument (.ods).

    Of several sheets the first that has records is read, and a note names the others. Hidden
    sheets, charts, empty rows and a title above the header are left out. The sheet is held in
    memory: its text, and about 32 bytes for each cell of the smallest rectangle around the data.
    """
    from python_calamine import CalamineWorkbook

    file = tried("workbook", source, partial(_unreadable, source))
    workbook = CalamineWorkbook.from_path(file)
    names = _asked(visible_sheets(workbook), source)
    # One at a time is in memory.
    sheets = ((name, workbook.get_sheet_by_name(name)) for name in names)
    chosen, sheet = next(((name, each) for name, each in sheets if each.end), ("", None))
    formulas = formulas_without_value(file, chosen)
    if len(names) > 1:
        others = ", ".join(f"'{name}'" for name in names if name != chosen)
        source.add_note(
            f"read the sheet '{chosen}', not {others}: choose with {spelled('sheet', 'NAME')}"
        )
        source.name += f", sheet '{chosen}'"
    if merged := _merged(sheet):
        source.add_note(
            f"{merged:,} merged cells, of which only the first row has the value: "
            "unmerge them and fill down"
        )
    if formulas:
        source.add_note(
            f"{number_of(len(formulas), 'formula')} without a stored value, read as empty "
            f"({listed(formulas, 3)}): open the file in a spreadsheet program and save it"
        )
    rows = _below_title(_filled_rows(sheet, source.name), source)
    first = first_rows(rows, _SAMPLE_ROWS, lambda row: sum(map(len, row[1])))
    table = table_of([cells for _, cells in first], source)
    below = itertools.islice(itertools.chain(first, rows), table.header_rows, None)
    return (table.record(cells, f"{source.name}, row {number}") for number, cells in below)


def _asked(names: list[str], source: RecordSource) -> list[str]:
    """Return the names of the sheets to read: all, or the one that was asked for."""
    wanted = source.options.sheet
    if wanted is None:
        return names
    found = [name for name in names if name.casefold() == wanted.casefold()]
    if not found:
        raise DataError(
            f"a sheet named '{wanted}'",
            ", ".join(names) or "none",
            where=source.name,
        )
    return found[:1]


def _filled_rows(sheet: CalamineSheet | None, where: str) -> Iterator[Row]:
    """Return the rows that are not empty."""
    for number, row in enumerate(sheet.iter_rows() if sheet else (), start=1):
        cells = [*map(_cell, row)]
        check_size(sum(map(len, cells)), f"{where}, row {number}")
        if any(cells):
            yield number, cells


def _merged(sheet: CalamineSheet | None) -> int:
    """Return the number of merged cells of several rows; other formats than Excel name none."""
    ranges = (sheet and sheet.merged_cell_ranges) or ()
    return sum(last[0] > first[0] for first, last in ranges)


def _below_title(rows: Iterator[Row], source: RecordSource) -> Iterator[Row]:
    """Return the rows from the header on, without the rows of a title above it, which have few
    cells.
    """
    if (header_row := source.options.header_row) is not None:
        return itertools.dropwhile(lambda row: row[0] < header_row, rows)
    first = list(itertools.islice(rows, 2 * _MAX_TITLE_ROWS))
    widths = [sum(map(bool, cells)) for _, cells in first]
    enough = max(2, statistics.median(widths) / 2) if widths else 0
    place = next((i for i, width in enumerate(widths[:_MAX_TITLE_ROWS]) if width >= enough), 0)
    if place:
        how = f"choose with {spelled('header_row', 'N')}"
        source.add_note(f"the header is in row {first[place][0]}, below a title: {how}")
    return itertools.chain(first[place:], rows)


def _cell(value: object) -> str:
    """Return a cell as the spreadsheet shows it in its plainest format: a whole number without a
    fraction.
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text_of(value)


def _unreadable(source: RecordSource, reason: str) -> DataError:
    expected = "an Excel workbook or an OpenDocument spreadsheet"
    fix = "save it again, or as CSV"
    if _HTML.match(source.start):
        found = "an HTML page"
        fix = "open it in a spreadsheet program and save it as .xlsx"
    elif (kind := no_text(source.start)) is None:
        found = "text"
        fix = "rename it to .csv or .tsv if it is a table"
    else:
        found = f"{kind[0]} that cannot be read as one ({reason:.60})"
    return DataError(expected, found, where=source.name, fix=fix)
