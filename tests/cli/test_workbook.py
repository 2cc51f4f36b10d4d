"""A workbook that is written comes back as it was, in another program's reading."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from foretell.cli.workbook import MAX_CHARACTERS, Workbook
from foretell.errors import DataError

CELLS = st.one_of(
    st.text(
        st.sampled_from("=+@-'\"<>&;\t\n é中😀_x0A") | st.characters(min_codepoint=32), max_size=20
    ),
    st.integers(-(10**14), 10**14),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.none(),
)


def read(path: Path) -> list[list[Any]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)


@settings(max_examples=60)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5))
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.xlsx"
    with Workbook(path) as workbook:
        for row in rows:
            workbook.add([*row, "end"])
    for row, found in zip(rows, read(path), strict=True):
        for value, cell in zip(row, found, strict=False):
            assert cell == ("" if value is None else value)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ET.fromstring(archive.read(name))


def test_what_xml_cannot_hold_is_escaped(tmp_path: Path) -> None:
    values = ["\x00\x1b[0m", "_x000D_", "half \ud83d", float("nan"), 10**20, "\uffff"]
    with Workbook(tmp_path / "a.xlsx") as workbook:
        workbook.add(values)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    texts = [each.text for each in sheet.iter() if each.tag.endswith("}t")]
    assert texts == [
        "_x0000__x001B_[0m",
        "_x005F_x000D_",
        "half \ufffd",
        "nan",
        "100000000000000000000",
        "_xFFFF_",
    ]


@pytest.mark.parametrize("text", ["a" * (MAX_CHARACTERS + 1), "😀" * (MAX_CHARACTERS // 2 + 1)])
def test_a_text_that_no_cell_holds_is_an_error(tmp_path: Path, text: str) -> None:
    with Workbook(tmp_path / "a.xlsx") as workbook:
        workbook.add([text[: MAX_CHARACTERS // 2]])
        with pytest.raises(
            DataError, match="at most 32,767 characters in a cell, the limit of Excel"
        ):
            workbook.add([text])
