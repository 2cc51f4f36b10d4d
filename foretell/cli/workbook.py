"""An Excel workbook of one sheet that is written row by row (Office Open XML, ECMA-376).

Texts are inline strings, which no program runs as a formula.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable
from html import escape
from pathlib import Path
from types import TracebackType

from foretell.errors import DataError

MAX_ROWS = 1 << 20
MAX_CHARACTERS = 32_767
"""Limits of Excel: rows of a sheet, and characters of a cell in UTF-16."""
_EXACT = 10**15
"""Excel keeps 15 digits of a number."""
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": f"""<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>
<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/>
</Types>""",
    "_rels/.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>
</Relationships>""",
    "xl/workbook.xml": f"""<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">
<sheets><sheet name="answers" sheetId="1" r:id="rId1"/></sheets>
</workbook>""",
    "xl/_rels/workbook.xml.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>
</Relationships>""",
}
# What XML cannot hold, a line end that it would change, and what would be read as one of these.
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Workbook:
    """Writes rows to the sheet of a new workbook; a context manager, which completes the file."""

    def __init__(self, path: Path) -> None:
        self._rows = 0
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        for name, content in _PARTS.items():
            self._archive.writestr(name, _DECLARATION + content)
        self._sheet = self._archive.open(_SHEET, "w", force_zip64=True)
        self._write(f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetData>')

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._write("</sheetData></worksheet>")
        self._sheet.close()
        self._archive.close()

    def add(self, values: Iterable[object]) -> None:
        """Add a row.

        Raises:
            DataError: a text that is too long for a cell, or more rows than a sheet has.
        """
        self._rows += 1
        if self._rows > MAX_ROWS:
            raise _too_much(f"{MAX_ROWS:,} rows", "more")
        self._write(f"<row>{''.join(map(_cell, values))}</row>")

    def _write(self, text: str) -> None:
        self._sheet.write(text.encode())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if _is_number(value):
        return f"<c><v>{value!s}</v></c>"
    text = _HALF_PAIR.sub("\ufffd", str(value))
    size = len(text.encode("utf-16-le")) // 2
    if size > MAX_CHARACTERS:
        raise _too_much(f"{MAX_CHARACTERS:,} characters in a cell", f"{size:,}")
    shown = _ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    content = escape(shown, quote=False)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{content}</t></is></c>'


def _is_number(value: object) -> bool:
    """Whether a sheet keeps a value as a number: it has 15 digits, and neither NaN nor infinity."""
    if isinstance(value, int):
        return abs(value) < _EXACT
    return isinstance(value, float) and math.isfinite(value)


def _too_much(most: str, found: str) -> DataError:
    return DataError(
        f"at most {most}, the limit of Excel",
        found,
        where="--out",
        fix="give a name that ends in .csv or .jsonl",
    )
