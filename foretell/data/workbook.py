"""Spreadsheets: Excel (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument (.ods), through python-calamine."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from foretell.data.records import Record, text_of
from foretell.data.signatures import kind_of
from foretell.data.source import Source
from foretell.data.tables import row_records
from foretell.errors import DataError
from foretell.machine import TO_READ_EXCEL, require


def workbook_records(source: Source) -> Iterator[Record]:
    """Read the records of the first sheet that has any; a note names the other sheets.

    Hidden sheets, charts and empty rows are left out. The sheet is held in memory: its text, and about 32
    bytes for each cell of the smallest rectangle around the data.

    Raises:
        MissingExtraError: python-calamine is not installed.
        DataError: not a spreadsheet, a damaged or encrypted one, or one without records; no clear columns.
    """
    require(("python_calamine",), "a spreadsheet", TO_READ_EXCEL)
    calamine: Any = importlib.import_module("python_calamine")
    start = source.start
    try:
        workbook = calamine.CalamineWorkbook.from_path(source.file())
        names = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.typ == calamine.SheetTypeEnum.WorkSheet
            and sheet.visible == calamine.SheetVisibleEnum.Visible
        ]
        chosen, rows = _first_with_rows(workbook, names)
    except BaseException as error:
        # A panic of its Rust code, for some damaged .xls files, is no Exception.
        if type(error).__module__ not in ("python_calamine", "pyo3_runtime"):
            raise
        raise _unreadable(error, start, source.name) from error
    if len(names) > 1:
        others = ", ".join(f"'{name}'" for name in names if name != chosen)
        source.add_note(f"read the sheet '{chosen}', not {others}")
    return row_records(rows, source, "row")


def _first_with_rows(workbook: Any, names: list[str]) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """Return the name and the rows of the first sheet with cells; without any, of the first sheet."""
    chosen = ""
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        chosen = chosen or name
        if sheet.end is not None:
            return name, _rows(sheet)
    return chosen, iter(())


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Return the number and the cells of each row that is not empty."""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [cell if type(cell) is str else _cell(cell) for cell in row]
        if any(cells):
            yield number, cells


def _cell(value: object) -> str:
    """Return a cell as the spreadsheet shows it in its plainest format: a whole number without a fraction."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else text_of(value)


def _unreadable(error: BaseException, start: bytes, where: str) -> DataError:
    if type(error).__name__ == "PasswordError":
        return DataError(
            expected="a spreadsheet that can be read",
            found="one that is protected by a password",
            where=where,
            fix="save it without the password",
        )
    kind = kind_of(start)
    return DataError(
        expected="an Excel workbook or an OpenDocument spreadsheet",
        found="text" if kind is None else f"{kind.name} that cannot be read as one ({error!s:.60})",
        where=where,
        fix="rename it to .csv or .tsv if it is a table" if kind is None else "save it again, or as CSV",
    )
