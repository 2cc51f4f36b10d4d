"""CSV, TSV and spreadsheets as people have them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data.checks import check_any
from foretell.data.examples import iter_records, read_examples
from foretell.data.records import Record
from foretell.errors import DataError
from tests.data.spreadsheets import write_xlsx

FIXTURES = Path(__file__).parents[1] / "fixtures"
NASTY = st.text(
    st.one_of(
        st.sampled_from("\",;\t|\n\r\\' é中😀"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=30,
)


def records(path: Path, data: str | bytes, name: str = "a.csv", **options: object) -> list[Record]:
    file = path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(iter_records(file, **options))  # type: ignore[arg-type]


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(NASTY, st.sampled_from(["pos", "neg, mixed", 'a "b"'])), min_size=1, max_size=20
    )
)
def test_what_csv_wrote_comes_back_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("text", "label"), *rows])
    found = records(tmp_path_factory.getbasetemp(), out.getvalue())
    assert [(record.text, record.label) for record in found] == rows


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_delimiter_in_any_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    out = io.StringIO()
    rows = [("très, bon; oui\nvraiment", "pos"), ("décevant | nul", "neg"), ("été", "pos")]
    csv.writer(out, delimiter=delimiter).writerows([("review", "sentiment"), *rows])
    for first in ("", f"sep={delimiter}\r\n"):
        found = records(tmp_path, (first + out.getvalue()).encode(encoding), need_label=True)
        assert [(record.text, record.label) for record in found] == rows


def test_quotes_in_tab_separated_text_may_be_plain(tmp_path: Path) -> None:
    notes: list[str] = []
    data = 'text\tlabel\n"Great" film\tpos\nHe said "no\tneg\n'
    found = records(tmp_path, data, "a.tsv", notes=notes)
    assert [record.text for record in found] == ['"Great" film', 'He said "no']
    assert "a.tsv: quotes are plain characters" in notes
    # They may also be escaped by a backslash.
    found = records(tmp_path, 'id\ttext\n1\t"a \\"fine\\" film"\n2\t"x"\n', "a.tsv")
    assert [record.text for record in found] == ['a "fine" film', "x"]


def test_a_file_without_a_header_loses_no_record(tmp_path: Path) -> None:
    data = "pos,a really lovely film\nneg,it was far too long\npos,again and again\n"
    notes: list[str] = []
    found = records(tmp_path, data, need_label=True, notes=notes)
    assert [record.label for record in found] == ["pos", "neg", "pos"]
    assert "a.csv: no header; the columns are called 1, 2, …" in notes
    # Columns without names can be asked for by number.
    found = records(tmp_path, "good film,pos,1\nbad film,neg,2\n", text="1", label="2")
    assert [(record.text, record.label) for record in found] == [
        ("good film", "pos"),
        ("bad film", "neg"),
    ]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "id,title,summary\n1,a,b\n",
            {},
            "clearly the text, found several that could be: title, summary",
        ),
        (
            "text,label\na,b\nc,d,e\n",
            {},
            r"a\.csv, line 3: expected 2 columns as in the first row, found 3; put fields that contain a comma",
        ),
        ("text,label\na,b\nc\n", {}, "found 1; write the delimiter of an empty cell too"),
        (
            'text,label\na,b\n"c,d\n\n',
            {},
            "record beginning on line 3.*a quote that is never closed",
        ),
        ('text,label\n"a, b" c,d\n', {}, "text after a closing quote"),
        ("\n\n", {}, "expected records, found none"),
    ],
)
def test_bad_files_are_told(
    tmp_path: Path, data: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        records(tmp_path, data, **options)


def test_the_rule_of_a_markdown_table_is_no_record(tmp_path: Path) -> None:
    lines = ("| text | label |", "|---|:-:|", "| a - film | pos |", "| --- | --- b |")
    found = records(tmp_path, "\n".join(lines))
    assert [(each.text.strip(), each.label) for each in found] == [
        ("a - film", "pos"),
        ("---", "--- b"),
    ]


ROWS = [["text", "label", "stars"], ["très bon\n5 < 6", "pos", 5], ["dull", "neg", 1.5]]
EXPECTED = [
    Record("très bon\n5 < 6", "pos", {"text": "très bon\n5 < 6", "label": "pos", "stars": "5"}),
    Record("dull", "neg", {"text": "dull", "label": "neg", "stars": "1.5"}),
]


@pytest.mark.parametrize(
    "name", ["a.xlsx", "a.XLSM", "unnamed", "a.xlsx.gz", "a.ods", "unnamed ods"]
)
def test_a_spreadsheet(tmp_path: Path, name: str) -> None:
    write_xlsx(tmp_path / "made", {"Sheet1": ROWS})
    data = (FIXTURES / "reviews.ods" if name.endswith("ods") else tmp_path / "made").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(iter_records(tmp_path / name, need_label=True)) == EXPECTED


def test_an_excel_workbook_of_before_2007() -> None:
    found = list(iter_records(FIXTURES / "reviews.xls", need_label=True))
    assert [(record.text, record.label, record.fields["stars"]) for record in found] == [
        ("très bon", "pos", "5"),
        ("dull", "neg", "1.5"),
    ]


def test_the_first_sheet_with_records_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"Old": ROWS[:1], "Empty": [], "Reviews": ROWS, "More": ROWS}, hidden=["Old"])
    examples = read_examples(path)
    assert examples.texts == [record.text for record in EXPECTED]
    assert examples.notes[0].startswith(
        "a.xlsx: read the sheet 'Reviews', not 'Empty', 'More': choose with"
    )


def test_empty_rows_and_columns_and_a_title_around_the_table_are_left_out(tmp_path: Path) -> None:
    empty = [None, None, None]
    path = tmp_path / "a.xlsx"
    notes = list[str]()
    rows = [empty, *([None, *row] for row in ROWS[:2]), empty, [None, *ROWS[2]]]
    for above in ([], [[None, "Reviews of May"], empty]):
        write_xlsx(path, {"Sheet1": [*above, *rows]})
        assert list(iter_records(path, need_label=True, notes=notes)) == EXPECTED
    assert any("the header is in row 4, below a title" in note for note in notes)
    assert list(iter_records(path, header_row=4, sheet="sheet1")) == EXPECTED


def test_merged_cells_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    rows: list[list[str | float | None]] = [["text", "label"]]
    for i in range(12):
        rows.append([f"text {i}", None if i % 4 else f"label {i}"])
    write_xlsx(path, {"Sheet1": rows}, merged=["B2:B5", "B6:B9", "B10:B13", "D1:F1"])
    examples = read_examples(path)
    assert len(examples) == 3
    assert any(
        note.startswith("a.xlsx: 3 merged cells") and note.endswith("unmerge them and fill down")
        for note in examples.notes
    )


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["", "=A1", "=B2&B3", "text", 3.0]), min_size=1, max_size=12))
def test_formulas_without_a_value_are_counted_and_named(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str | float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.xlsx"
    rows = [["text", "label", "note"], *(["a text", "x", cell] for cell in cells)]
    # Those of another sheet are not counted.
    write_xlsx(path, {"Sheet1": rows, "Other": [["=A1"]] * 3})
    notes = [note for note in read_examples(path).notes if "without a stored value" in note]
    places = [f"C{row}" for row, cell in enumerate(cells, 2) if str(cell).startswith("=")]
    assert bool(notes) == bool(places)
    for note in notes:
        assert f": {len(places)} formula{'s' * (len(places) > 1)} without" in note
        assert f"({', '.join(places[:3])}" in note


def test_where_nothing_is_left_the_notes_say_why(tmp_path: Path) -> None:
    path = tmp_path / "cells.xlsx"
    write_xlsx(path, {"Sheet1": [["text", "label"], *([["=A1", "x"]] * 9)]})
    with pytest.raises(DataError, match=r"9 dropped with .* 9 formulas .* spreadsheet program"):
        check_any(read_examples(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"text\tlabel\na\tb\n", "found text; rename it to .csv or .tsv if it is a table"),
        (b"\r\n<HTML><table>", "found an HTML page; open it in a spreadsheet program"),
        (
            b"PK\x03\x04 and nothing else",
            "an Office document or a zip archive that cannot be read as one",
        ),
    ],
)
def test_what_is_no_spreadsheet_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.xlsx: expected an Excel workbook or an .*{message}"):
        records(tmp_path, data, "a.xlsx")


def test_no_column_is_lost_where_several_have_the_same_name(tmp_path: Path) -> None:
    (record,) = records(tmp_path, "text,n,n,,\na,b,c,d,e\n")
    assert record.fields == {"text": "a", "n": "b", "n (3)": "c", "": "d", " (5)": "e"}


def test_a_workbook_with_a_name_that_is_no_text_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"s": [("text", "label"), ("a film", "pos")]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("é", "")
    content = path.read_bytes()
    path.write_bytes(content.replace("é".encode(), b"\xd4a"))
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(path)
    with contextlib.suppress(DataError):
        assert [record.text for record in iter_records(path)] == ["a film"]
