"""Rows of cells into records, with a header or without: what CSV, spreadsheets and JSON lists share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foretell.data.columns import by_length, choose_columns, is_known
from foretell.data.options import ReadOptions
from foretell.data.records import Record, label_of, text_of
from foretell.data.source import Source
from foretell.errors import DataError

_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns, and how many rows they take (0: the columns are called 1, 2, …)."""

    names: list[str]
    rows: int


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a table become records.

    Attributes:
        header: the names of the columns.
        text: the place of the text column.
        label: the place of the label column, or None.
    """

    header: Header
    text: int
    label: int | None

    def records(self, rows: Iterator[list[str]]) -> Iterator[Record]:
        """Return the record of each row, which has a cell for each column.

        Of columns with the same name all but the first have a number in `fields`: "n", "n (2)".
        """
        names, text, label = _unique(self.header.names), self.text, self.label
        for row in rows:
            yield Record(
                text_of(row[text]),
                None if label is None else label_of(row[label]),
                dict(zip(names, row, strict=True)),
            )


def find_table(sample: Sequence[list[str]], source: Source) -> Table:
    """Find the header and the columns of a table, and add the notes on them to the source.

    Args:
        sample: the first rows, at least one.
        source: whose options to follow, and to whose notes to add.

    Raises:
        DataError: no clear columns.
    """
    header = find_header(sample, source.options)
    columns = choose_columns(header.names, sample[header.rows :], source.options, source.name)
    if header.rows == 0:
        source.add_note("no header; the columns are called 1, 2, …")
    source.note_columns(columns)
    label = None if columns.label is None else header.names.index(columns.label)
    return Table(header, header.names.index(columns.text), label)


def find_header(rows: Sequence[list[str]], options: ReadOptions) -> Header:
    """Decide whether the first row is a header: by its names, or else by whether its label occurs again."""
    asked = [name for name in (options.text, options.label) if name is not None]
    first = [cell.strip() for cell in rows[0]]
    numbered = [str(i + 1) for i in range(len(first))]
    folded = {cell.casefold() for cell in first}
    if asked and all(name in numbered for name in asked) and not {n.casefold() for n in asked} <= folded:
        return Header(numbered, 0)
    if any(name.casefold() in folded for name in asked) or any(is_known(cell) for cell in first):
        return Header(first, 1)
    if len(first) == 1:
        return Header(numbered, 0)
    if len(first) == 2 and len(rows) > 2 and (place := by_length(rows[1:])) is not None:
        labels = [row[1 - place] for row in rows[1:] if len(row) == 2]
        if first[1 - place] in labels:
            return Header(numbered, 0)
    return Header(first, 1)


def _unique(names: Sequence[str]) -> list[str]:
    unique: list[str] = []
    for name in names:
        numbered = (f"{name} ({number})" for number in itertools.count(2))
        unique.append(next(each for each in itertools.chain([name], numbered) if each not in unique))
    return unique


def row_records(rows: Iterator[tuple[int, list[str]]], source: Source, unit: str) -> Iterator[Record]:
    """Read the records of rows that are already divided into cells.

    Args:
        rows: the number of each row and its cells.
        source: whose options to follow, and to whose notes to add.
        unit: what the numbers count ("row"), for errors.

    Raises:
        DataError: no rows, no clear columns, or rows of different widths.
    """
    sample = list(itertools.islice(rows, _SAMPLE_ROWS))
    if not sample:
        raise DataError(expected="records", found="none", where=source.name)
    table = find_table([cells for _, cells in sample], source)
    width = len(table.header.names)

    def cells() -> Iterator[list[str]]:
        for number, row in itertools.islice(itertools.chain(sample, rows), table.header.rows, None):
            if len(row) != width:
                raise width_error(width, len(row), f"{source.name}, {unit} {number}")
            yield row

    return table.records(cells())


def width_error(expected: int, width: int, where: str, fix: str = "") -> DataError:
    """Return the error of a row that has too many cells, or too few."""
    columns = f"{expected} column{'' if expected == 1 else 's'} as in the first row"
    return DataError(expected=columns, found=str(width), where=where, fix=fix)
