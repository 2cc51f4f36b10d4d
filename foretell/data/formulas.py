"""Formulas of an Excel workbook whose values it does not hold: programs other than spreadsheet
programs write formulas alone, and they are read as empty cells.
"""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MAX_PART = 1 << 22
"""Bytes of a part that lists the sheets, of which a longer one is not read."""
_CHUNK = 1 << 20
_LONGEST_CELL = 1 << 14
"""A formula has at most 8,192 characters."""
_CELL = re.compile(
    rb"""
    <c \b [^>]*? \b r="([A-Z]{1,3}\d{1,7})" [^>]* > \s*
    <f \b (?: [^>]* /> | [^>]* > [^<]* </f> ) \s*
    (?: <v \s* /> | <v> \s* </v> )? \s*
    </c>
    """,
    re.VERBOSE,
)


def formulas_without_value(file: Path, sheet: str) -> list[str]:
    """Return the places, such as "B2", of the formulas of a sheet without a value.

    Of other workbooks than .xlsx and .xlsm none are found.
    """
    if not zipfile.is_zipfile(file):
        return []
    # Python may read a damaged archive in another way than who read the sheet, and this is only a
    # note.
    with (
        contextlib.suppress(Exception),
        zipfile.ZipFile(file) as archive,
        archive.open(_part_of(archive, sheet)) as content,
    ):
        return list(_places(content))
    return []


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet. KeyError: the archive is another format."""
    targets = {each.get("Id"): each.get("Target", "") for each in _elements(archive, _RELATIONS)}
    sheets = {each.get("name"): each.get(_ID) for each in _elements(archive, _WORKBOOK)}
    # A target is relative to the folder of the workbook, or begins with a slash.
    return urljoin(f"/{_WORKBOOK}", targets[sheets[sheet]]).removeprefix("/")


def _elements(archive: zipfile.ZipFile, part: str) -> Iterator[ET.Element]:
    with archive.open(part) as content:
        return ET.fromstring(content.read(_MAX_PART)).iter()


def _places(content: IO[bytes]) -> Iterator[str]:
    rest = b""
    while chunk := content.read(_CHUNK):
        text = rest + chunk
        end = 0
        for cell in _CELL.finditer(text):
            yield cell[1].decode()
            end = cell.end()
        rest = text[max(end, len(text) - _LONGEST_CELL) :]
