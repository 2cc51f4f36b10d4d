"""Rows of cells into records."""

from __future__ import annotations

import pytest

from foretell.data.options import ReadOptions
from foretell.data.records import Record
from foretell.data.source import Source
from foretell.data.tables import Header, find_header, row_records
from foretell.errors import DataError

LABELS_AGAIN = [["pos", "a really lovely film"], ["neg", "it was far too long"], ["pos", "again and again"]]


def source(options: ReadOptions | None = None) -> Source:
    return Source("folder/a.xlsx", options or ReadOptions(), [])


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([["id", "text"], ["1", "a"]], ReadOptions(), Header(["id", "text"], 1)),
        ([[" note ", "kind"], ["a", "b"]], ReadOptions(text="NOTE"), Header(["note", "kind"], 1)),
        ([["good film", "pos"], ["bad", "neg"]], ReadOptions(text="1", label="2"), Header(["1", "2"], 0)),
        ([["1", "2"], ["bad", "neg"]], ReadOptions(text="1"), Header(["1", "2"], 1)),
        ([["one text"], ["another"]], ReadOptions(), Header(["1"], 0)),
        (LABELS_AGAIN, ReadOptions(), Header(["1", "2"], 0)),
        ([["clase", "comentario"], *LABELS_AGAIN], ReadOptions(), Header(["clase", "comentario"], 1)),
        ([["a", "b"]], ReadOptions(), Header(["a", "b"], 1)),
    ],
)
def test_the_header(rows: list[list[str]], options: ReadOptions, expected: Header) -> None:
    assert find_header(rows, options) == expected


def test_rows_become_records_with_all_their_cells() -> None:
    rows = [["stars", "text"], ["5", "good"], ["", "bad"]]
    here = source(ReadOptions(label="stars"))
    assert list(row_records(iter(enumerate(rows, start=1)), here, "row")) == [
        Record("good", "5", {"stars": "5", "text": "good"}),
        Record("bad", None, {"stars": "", "text": "bad"}),
    ]
    assert here.notes == ["a.xlsx: texts from the column 'text', labels from 'stars'"]


def test_no_column_is_lost_where_several_have_the_same_name() -> None:
    rows = [["text", "n", "n", "", "n (2)", ""], list("abcdef")]
    [record] = row_records(iter(enumerate(rows, start=1)), source(), "row")
    assert record.fields == {"text": "a", "n": "b", "n (2)": "c", "": "d", "n (2) (2)": "e", " (2)": "f"}


def test_a_row_of_another_width_is_an_error_with_its_number() -> None:
    rows = [(1, ["id", "text"]), (4, ["1", "a"]), (7, ["2"])]
    found = row_records(iter(rows), source(), "row")
    assert next(found).text == "a"
    with pytest.raises(DataError, match=r"a\.xlsx, row 7: expected 2 columns as in the first row, found 1$"):
        next(found)


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="expected records, found none"):
        row_records(iter([]), source(), "row")
