"""CSV and TSV as people have it."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.examples import Record, iter_records, read_examples
from foretell.errors import DataError

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


@given(st.lists(st.tuples(NASTY, st.sampled_from(["pos", "neg, mixed", 'a "b"'])), min_size=1, max_size=20))
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
    found = records(tmp_path, out.getvalue().encode(encoding), need_label=True)
    assert [(record.text, record.label) for record in found] == rows


def test_quotes_in_tab_separated_text_may_be_plain(tmp_path: Path) -> None:
    notes: list[str] = []
    data = 'text\tlabel\n"Great" film\tpos\nHe said "no\tneg\n'
    found = records(tmp_path, data, "a.tsv", notes=notes)
    assert [record.text for record in found] == ['"Great" film', 'He said "no']
    assert "a.tsv: quotes are plain characters" in notes


def test_quotes_may_be_escaped_by_a_backslash(tmp_path: Path) -> None:
    found = records(tmp_path, 'id\ttext\n1\t"a \\"fine\\" film"\n2\t"x"\n', "a.tsv")
    assert [record.text for record in found] == ['a "fine" film', "x"]


def test_a_file_without_a_header_loses_no_record(tmp_path: Path) -> None:
    data = "pos,a really lovely film\nneg,it was far too long\npos,again and again\n"
    notes: list[str] = []
    found = records(tmp_path, data, need_label=True, notes=notes)
    assert [(record.label, record.text[:5]) for record in found] == [
        ("pos", "a rea"),
        ("neg", "it wa"),
        ("pos", "again"),
    ]
    assert "a.csv: no header; the columns are called 1, 2, …" in notes


def test_unusual_names_of_two_columns_are_told_apart_by_their_content(tmp_path: Path) -> None:
    data = "clase,comentario\nbueno,una película preciosa\nmalo,demasiado larga\nbueno,la vería otra vez\n"
    notes: list[str] = []
    found = records(tmp_path, data, need_label=True, notes=notes)
    assert [record.label for record in found] == ["bueno", "malo", "bueno"]
    assert notes == ["a.csv: texts from the column 'comentario', labels from 'clase'"]


def test_columns_can_be_named_in_any_case(tmp_path: Path) -> None:
    found = records(tmp_path, "Id,Note,Kind\n1,hello,x\n", text="note", label="kind")
    assert found == [Record("hello", "x", {"Id": "1", "Note": "hello", "Kind": "x"})]


def test_columns_without_names_can_be_asked_for_by_number(tmp_path: Path) -> None:
    found = records(tmp_path, "good film,pos,1\nbad film,neg,2\n", text="1", label="2")
    assert [(record.text, record.label) for record in found] == [("good film", "pos"), ("bad film", "neg")]


def test_white_space_around_names_and_labels_is_left_out(tmp_path: Path) -> None:
    found = records(tmp_path, "text , label\na, x\n", need_label=True)
    assert found == [Record("a", "x", {"text": "a", "label": " x"})]


def test_one_column_is_the_text(tmp_path: Path) -> None:
    assert [record.text for record in records(tmp_path, 'text\n"a, b"\n\nc\n')] == ["a, b", "c"]


def test_large_fields_are_whole(tmp_path: Path) -> None:
    text = "long " * 100_000
    assert records(tmp_path, f'text,label\n"{text}",x\n')[0].text == text


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("id,body,stars\n1,a,5\n", {"text": "texts"}, "named 'texts', found the columns id, body, stars"),
        ("id,title,summary\n1,a,b\n", {}, "clearly the text, found the columns id, title, summary"),
        ("id,text,day\n1,a,b\n", {"need_label": True}, "clearly the label, found the columns id, text, day"),
        ("text,label\na,b\nc,d,e\n", {}, r"a\.csv, line 3: expected 2 columns as in the first row, found 3"),
        ('text,label\na,b\n"c,d\n\n', {}, "record beginning on line 3.*a quote that is never closed"),
        ('text,label\n"a, b" c,d\n', {}, "text after a closing quote"),
        ("\n\n", {}, "nothing but empty lines"),
    ],
)
def test_bad_files_are_told(tmp_path: Path, data: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        records(tmp_path, data, **options)


def test_records_without_text_or_label_are_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,x\n  ,x\nb,NaN\nc,\nd,y\n")
    examples = read_examples(tmp_path / "a.csv")
    assert (examples.texts, examples.labels) == (["a", "d"], ["x", "y"])
    assert examples.notes[1:] == [
        "a.csv: dropped 1 record with an empty text",
        "a.csv: dropped 2 records with no label (empty or NaN)",
    ]


def test_a_quote_in_a_ragged_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="clearly the text, found the columns t, c"):
        records(tmp_path, 't\tc\nn "\nn')
    with pytest.raises(DataError, match=r"line 2: expected 2 columns as in the first row, found 1"):
        records(tmp_path, 't\tc\nn "\nn', text="t")


@given(st.text(st.sampled_from("a,;\t|\"\\'\n\r é"), max_size=40), st.booleans())
def test_any_text_is_records_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, data: str, need_label: bool
) -> None:
    with contextlib.suppress(DataError):
        for record in records(tmp_path_factory.getbasetemp(), data, need_label=need_label):
            assert record.text in record.fields.values()


def test_a_quote_that_is_never_closed_in_the_first_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"line 1: expected fields quoted as in CSV, found a quote that is never"
    ):
        records(tmp_path, '"text,label\na,b\n', text="text")
