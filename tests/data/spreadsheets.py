"""Small Excel workbooks for the tests, written by hand: no package that writes them is needed."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | float | None
Sheets = dict[str, Sequence[Sequence[Cell]]]
_XLSX = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write_xlsx(
    path: Path, sheets: Sheets, hidden: Sequence[str] = (), merged: Sequence[str] = ()
) -> None:
    """Write an Excel workbook; None is an empty cell, a text that begins with = a formula without
    its value. `merged` are ranges of every sheet, such as "B2:B5".
    """
    ranges = "".join(f'<mergeCell ref="{each}"/>' for each in merged)
    after = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    listed = relations = ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for i, (name, rows) in enumerate(sheets.items(), start=1):
            state = ' state="hidden"' if name in hidden else ""
            listed += f'<sheet name="{escape(name)}" sheetId="{i}" r:id="r{i}"{state}/>'
            kind = f"{_OFFICE}/worksheet"
            target = f"worksheets/sheet{i}.xml"
            relations += f'<Relationship Id="r{i}" Type="{kind}" Target="{target}"/>'
            data = "".join(_row(number, row) for number, row in enumerate(rows, start=1))
            sheet = f'<worksheet xmlns="{_XLSX}"><sheetData>{data}</sheetData>{after}</worksheet>'
            file.writestr(f"xl/worksheets/sheet{i}.xml", sheet)
        workbook = (
            f'<workbook xmlns="{_XLSX}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        )
        whole = f'<Relationship Id="r" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        file.writestr("[Content_Types].xml", f'<Types xmlns="{_TYPES}"/>')
        file.writestr("_rels/.rels", f'<Relationships xmlns="{_RELATIONS}">{whole}</Relationships>')
        file.writestr("xl/workbook.xml", workbook)
        related = f'<Relationships xmlns="{_RELATIONS}">{relations}</Relationships>'
        file.writestr("xl/_rels/workbook.xml.rels", related)


def _row(number: int, row: Sequence[Cell]) -> str:
    cells = ""
    for i, value in enumerate(row):
        place = f"{chr(ord('A') + i)}{number}"
        if isinstance(value, str) and value.startswith("="):
            cells += f'<c r="{place}"><f>{escape(value[1:])}</f></c>'
        elif isinstance(value, str):
            text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
            cells += f'<c r="{place}" t="inlineStr">{text}</c>'
        elif value is not None:
            cells += f'<c r="{place}"><v>{value}</v></c>'
    return f'<row r="{number}">{cells}</row>'
