"""Spreadsheets: Excel of each age, OpenDocument, and what is not one."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from foretell.data.examples import Record, iter_records, read_examples
from foretell.errors import DataError, MissingExtraError
from tests.data.spreadsheets import write_ods, write_xlsx

ROWS = [["text", "label", "stars"], ["très bon\n5 < 6", "pos", 5], ["dull", "neg", 1.5]]
EXPECTED = [
    Record("très bon\n5 < 6", "pos", {"text": "très bon\n5 < 6", "label": "pos", "stars": "5"}),
    Record("dull", "neg", {"text": "dull", "label": "neg", "stars": "1.5"}),
]


@pytest.mark.parametrize("name", ["a.xlsx", "a.XLSM", "unnamed", "a.xlsx.gz"])
def test_an_excel_workbook(tmp_path: Path, name: str) -> None:
    write_xlsx(tmp_path / "made", {"Sheet1": ROWS})
    data = (tmp_path / "made").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(iter_records(tmp_path / name, need_label=True)) == EXPECTED


@pytest.mark.parametrize("name", ["a.ods", "unnamed"])
def test_an_opendocument_spreadsheet(tmp_path: Path, name: str) -> None:
    write_ods(tmp_path / name, {"Sheet1": ROWS})
    assert list(iter_records(tmp_path / name, need_label=True)) == EXPECTED


def test_an_excel_workbook_of_before_2007() -> None:
    found = list(iter_records(Path(__file__).parents[1] / "fixtures" / "reviews.xls", need_label=True))
    assert [(record.text, record.label, record.fields["stars"]) for record in found] == [
        ("très bon", "pos", "5"),
        ("dull", "neg", "1.5"),
    ]


def test_a_workbook_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": ROWS})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "a.xlsx").read_bytes())))
    assert list(iter_records("-")) == EXPECTED


def test_the_first_sheet_with_records_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"Old": ROWS[:1], "Empty": [], "Reviews": ROWS, "More": ROWS}, hidden=["Old"])
    examples = read_examples(path)
    assert examples.texts == [record.text for record in EXPECTED]
    assert examples.notes[0] == "a.xlsx: read the sheet 'Reviews', not 'Empty', 'More'"


def test_empty_rows_and_columns_around_the_table_are_left_out(tmp_path: Path) -> None:
    empty = [None, None, None]
    rows = [empty, *([None, *row] for row in ROWS[:2]), empty, [None, *ROWS[2]]]
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": rows})
    assert list(iter_records(tmp_path / "a.xlsx", need_label=True)) == EXPECTED


def test_a_table_without_a_header_loses_no_row(tmp_path: Path) -> None:
    rows = [["a really lovely film", "pos"], ["it was far too long", "neg"], ["again and again", "pos"]]
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": rows})
    examples = read_examples(tmp_path / "a.xlsx")
    assert (examples.texts, examples.labels) == ([row[0] for row in rows], ["pos", "neg", "pos"])
    assert examples.notes[0] == "a.xlsx: no header; the columns are called 1, 2, …"


def test_missing_labels_are_dropped_and_whole_numbers_have_no_fraction(tmp_path: Path) -> None:
    rows = [["text", "label"], ["a", 1], ["b", None], ["c", 2.0], [None, 1]]
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": rows})
    examples = read_examples(tmp_path / "a.xlsx")
    assert (examples.texts, examples.labels) == (["a", "c"], ["1", "2"])
    assert examples.dropped == {"no label (empty or NaN)": 1, "an empty text": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"text\tlabel\na\tb\n", "found text; rename it to .csv or .tsv if it is a table"),
        (b"%PDF-1.7 and more", "found a PDF document that cannot be read as one"),
        (b"PK\x03\x04 and nothing else", "found a zip archive that cannot be read as one"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Office document of before 2007 that cannot"),
    ],
)
def test_what_is_no_spreadsheet_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.xlsx: expected an Excel workbook or an .*{message}"):
        list(iter_records(tmp_path / "a.xlsx"))


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_workbook_that_is_cut_is_an_error(tmp_path: Path, kept: float) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": ROWS})
    data = (tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "a.xlsx").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataError, match="that cannot be read as one"):
        list(iter_records(tmp_path / "a.xlsx"))


@pytest.mark.parametrize("kept", [600, 3000, 5000])
def test_an_old_workbook_that_is_cut_is_an_error(tmp_path: Path, kept: int) -> None:
    data = (Path(__file__).parents[1] / "fixtures" / "reviews.xls").read_bytes()
    (tmp_path / "a.xls").write_bytes(data[:kept])
    with pytest.raises(DataError, match="that cannot be read as one"):
        list(iter_records(tmp_path / "a.xls"))


def test_a_workbook_without_records_is_an_error(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": [], "Sheet2": []})
    with pytest.raises(DataError, match=r"a\.xlsx: expected records, found none"):
        list(iter_records(tmp_path / "a.xlsx"))


def test_without_the_package_the_command_that_installs_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"Sheet1": ROWS})
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[excel\]'$"):
        list(iter_records(tmp_path / "a.xlsx"))
