"""Tables: CSV and TSV with any usual delimiter, spreadsheets, and rows of cells with a header or
without.
"""

from __future__ import annotations

import csv
import itertools
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from foretell.data.columns import by_length, choose_columns, is_known
from foretell.data.decode import no_text
from foretell.data.formulas import formulas_without_value
from foretell.data.records import MAX_RECORD, ReadOptions, Record, check_size, spelled, text_of
from foretell.data.source import Source
from foretell.data.trial import tried, visible_sheets
from foretell.errors import DataError
from foretell.readable import listed, number_of

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?[\r\n]*', re.IGNORECASE)  # a first line for Excel
_SAMPLE_CHARACTERS = 1 << 17
_SAMPLE_ROWS = 100
_MAX_TITLE_ROWS = 10
_MAX_COLUMNS = 1 << 14

Row = tuple[int, list[str]]
"""The number of a row, from 1, and its cells."""


@dataclass(frozen=True, slots=True)
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
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            strict=True,
            escapechar="\\" if self.quotes == "backslash" else None,
            quoting=csv.QUOTE_NONE if self.quotes == "none" else csv.QUOTE_MINIMAL,
        )


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
    """Return the rows of lines, and the part that is as wide as the first (0: one column, bad
    quoting).
    """
    rows: list[list[str]] = []
    try:
        rows += (row for row in dialect.reader(lines) if row)
    except csv.Error as error:
        # Where the sample was cut, its last row may end inside quotes.
        if whole or "unexpected end" not in str(error):
            return rows, 0.0
    if not rows or len(rows[0]) < 2:
        return rows, 0.0
    return rows, sum(len(row) == len(rows[0]) for row in rows) / len(rows)


def csv_records(source: Source, *, prefer: str = ",") -> Iterator[Record]:
    """Read the records of a CSV file one by one. Without a header the columns are called "1", "2",
    ….
    """
    first = source.options.header_row or 1
    lines = itertools.islice(source.lines(), first - 1, None)
    sample = []
    size = 0
    while size < _SAMPLE_CHARACTERS and (line := next(lines, None)) is not None:
        sample.append(line)
        size += len(line)
    head = list(itertools.islice(lines, 1))
    if sample and (named := _SEPARATOR.fullmatch(sample[0])):
        prefer = named[1]
        first = first + 1
        sample = sample[1:]
    # A line of millions of cells is not parsed in every dialect.
    cut = [line[:_SAMPLE_CHARACTERS] for line in sample]
    is_whole = cut == sample
    dialect, rows = sniff(cut, whole=is_whole and not head, prefer=prefer)
    if dialect.delimiter not in ",\t":
        source.add_note(f"fields are separated by a {DELIMITERS[dialect.delimiter]}")
    if dialect.quotes != "double":
        source.add_note(
            "quotes are " + ("plain characters" if dialect.quotes == "none" else "escaped by \\")
        )
    if rows and len(rows[0]) == 1 and max(map(len, rows)) > 1 and not is_known(rows[0][0]):
        raise DataError(
            expected="the names of the columns in the first row",
            found=f"only '{rows[0][0]:.60}'",
            where=source.name,
            fix=f"if that is a title, name the row of the header with {spelled('header_row', 'N')}",
        )
    numbered = _csv_rows(dialect, itertools.chain(sample, head, lines), first, source.name)
    fix = f"quote fields that contain a {DELIMITERS[dialect.delimiter]}"
    return row_records(numbered, source, "line", fix, rows[:_SAMPLE_ROWS] if is_whole else ())


def _csv_rows(dialect: Dialect, lines: Iterator[str], first: int, where: str) -> Iterator[Row]:
    """Return the rows that are not empty, each with the line that it begins on."""
    # A larger field is almost always the rest of the file after a quote that is never closed.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
    size = 0

    def measured() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            check_size(size, f"{where}, record beginning on line {start}")
            yield line

    reader = dialect.reader(measured())
    start = first
    try:
        for row in reader:
            if row:
                yield start, row
            start = first + int(reader.line_num)
            size = 0
    except csv.Error as error:
        problem = str(error)
        if "unexpected end" in problem or "field larger" in problem:
            problem = "a quote that is never closed"
        elif "expected after" in problem:
            problem = "text after a closing quote"
        at = f"{where}, record beginning on line {start}"
        fix = 'double each quote inside a field ("")'
        raise DataError(
            expected="fields quoted as in CSV", found=problem, where=at, fix=fix
        ) from error


def row_records(
    rows: Iterator[Row], source: Source, unit: str, fix: str = "", sample: Sequence[list[str]] = ()
) -> Iterator[Record]:
    """Read the records of rows without empty ones; a fourth column called n as another is "n (4)".

    The numbers of the rows count `unit`, and `fix` is the advice for a row of another width.
    `sample` has the first rows, if they are known.
    """
    if not sample:
        numbered = list(itertools.islice(rows, _SAMPLE_ROWS))
        rows = itertools.chain(numbered, rows)
        sample = [cells for _, cells in numbered]
    if not sample:
        raise DataError(expected="records", found="none", where=source.name)
    if len(sample[0]) > _MAX_COLUMNS:
        expected = f"at most {_MAX_COLUMNS:,} columns"
        raise DataError(expected=expected, found=f"{len(sample[0]):,}", where=source.name)
    names, skipped = _header(sample, source.options)
    names = [name if name not in names[:i] else f"{name} ({i + 1})" for i, name in enumerate(names)]
    columns = choose_columns(names, sample[skipped:], source.options, source.name)
    if not skipped:
        source.add_note("no header; the columns are called 1, 2, …")
    columns.add_note(source.short, source.options, source.notes)

    def records() -> Iterator[Record]:
        for number, row in itertools.islice(rows, skipped, None):
            where = f"{source.name}, {unit} {number}"
            if len(row) != len(names):
                expected = f"{number_of(len(names), 'column')} as in the first row"
                raise DataError(expected=expected, found=str(len(row)), where=where, fix=fix)
            yield columns.record(dict(zip(names, row, strict=True)), where)

    return records()


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


def workbook_records(source: Source) -> Iterator[Record]:
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
    rows = _filled_rows(sheet, source.name)
    return row_records(_below_title(rows, source), source, "row")


def _asked(names: list[str], source: Source) -> list[str]:
    """Return the names of the sheets to read: all, or the one that was asked for."""
    wanted = source.options.sheet
    if wanted is None:
        return names
    found = [name for name in names if name.casefold() == wanted.casefold()]
    if not found:
        raise DataError(
            expected=f"a sheet named '{wanted}'",
            found=", ".join(names) or "none",
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


def _below_title(rows: Iterator[Row], source: Source) -> Iterator[Row]:
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


def _unreadable(source: Source, reason: str) -> DataError:
    expected = "an Excel workbook or an OpenDocument spreadsheet"
    fix = "save it again, or as CSV"
    if (kind := no_text(source.start)) is None:
        found = "text"
        fix = "rename it to .csv or .tsv if it is a table"
    else:
        found = f"{kind[0]} that cannot be read as one ({reason:.60})"
    return DataError(expected=expected, found=found, where=source.name, fix=fix)
