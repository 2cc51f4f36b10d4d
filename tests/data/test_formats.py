"""The formats, how they are recognised, and those that have no module of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.data import formats
from foretell.data.examples import iter_records, read_examples
from foretell.data.formats import FORMATS, Format, format_named, format_of
from foretell.data.records import ReadOptions, Record
from foretell.data.source import Source
from foretell.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        ("__label__pos a film", "fasttext"),
        ('{"text": "a"}', "jsonl"),
        ('[{"text": "a"}]', "jsonl"),
        ("[", "jsonl"),
        ('["a", "b"]', "jsonl"),
        ('[["text", "label"],', "jsonl"),
        ("[laughs] no", "text"),
        ("id,text", "csv"),
        ('"id";"Text"', "csv"),
        ("id\ttext", "tsv"),
        ("sentiment", "csv"),
        ("text", "text"),
        ("a text, and more", "text"),
    ],
)
def test_text_is_recognised_by_its_first_line(tmp_path: Path, first_line: str, name: str) -> None:
    (tmp_path / "unnamed").write_text(f"{first_line}\n")
    with Source(tmp_path / "unnamed", ReadOptions(), []) as source:
        assert format_of(source).name == name


def test_a_named_column_means_a_table(tmp_path: Path) -> None:
    (tmp_path / "unnamed").write_text("note;kind\n")
    with Source(tmp_path / "unnamed", ReadOptions(text="note"), []) as source:
        assert format_of(source).name == "csv"


def test_an_ending_decides_before_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_text('{"text"\nx\n')
    with Source(tmp_path / "a.CSV", ReadOptions(), []) as source:
        assert format_of(source).name == "csv"
    (tmp_path / "folder.csv").mkdir()
    with Source(tmp_path / "folder.csv", ReadOptions(), []) as source:
        assert format_of(source).name == "folder"


def test_the_format_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("note,kind\na,x\nb,y\n")
    assert read_examples(tmp_path / "a.txt", format="csv", text="note").labels == ["x", "y"]
    assert next(iter_records(tmp_path / "a.txt", format="text")).text == "note,kind"
    with pytest.raises(DataError, match="one JSON value on the line"):
        list(iter_records(tmp_path / "a.txt", format="jsonl"))


def ini_records(source: Source) -> Iterator[Record]:
    """Read lines such as `label = a text`."""
    for line in source.plain_lines():
        label, _, text = line.partition(" = ")
        yield Record(text, label, {"text": text, "label": label})


def test_a_new_format_is_one_function_and_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What CONTRIBUTING promises: nothing else has to know of it.
    new = Format("ini", ini_records, lambda source: " = " in source.first_line, (".ini",))
    monkeypatch.setattr(formats, "FORMATS", {new.name: new, **FORMATS})
    data = "pos = a good film\nneg = a dull one\n"
    for name in ("a.ini", "a.ini.gz", "unnamed"):
        (tmp_path / name).write_text(data)
        examples = read_examples(tmp_path / name)
        assert (examples.texts, examples.labels) == (["a good film", "a dull one"], ["pos", "neg"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data.encode())))
    assert read_examples("-", format="ini").labels == ["pos", "neg"]
    with pytest.raises(UsageError, match=r"expected a format: .*, ini, "):
        format_named("xml")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        for label in ("neg", "pos", "unsup"):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            (folder / "1.txt").write_text(f"{part} {label}\n")
    (tmp_path / "train" / "pos" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "train" / "pos" / "2.txt").touch()
    return tmp_path


def test_a_folder_for_each_label_with_parts(reviews: Path) -> None:
    train = read_examples(reviews)
    assert list(zip(train.texts, train.labels, strict=True)) == [("train neg", "neg"), ("train pos", "pos")]
    assert train.dropped == {"an empty text": 1}
    assert train.notes[:2] == [
        f"{reviews.name}: read its folder 'train'",
        f"{reviews.name}: left out the folder 'unsup', which has no labels",
    ]
    assert read_examples(reviews, part="test").texts == ["test neg", "test pos"]


def test_without_a_part_the_test_folder_is_read(reviews: Path) -> None:
    assert [record.text for record in iter_records(reviews)] == ["test neg", "test pos", "test unsup"]


def test_files_without_a_folder_have_no_label(reviews: Path) -> None:
    folder = reviews / "train" / "neg"
    assert [(record.text, record.label) for record in iter_records(folder)] == [("train neg", None)]
    with pytest.raises(DataError, match=r"expected a folder for each label, found 1\.txt"):
        read_examples(folder)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected files of text, found nothing"):
        list(iter_records(tmp_path))


def test_fasttext_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("__label__pos , a film\n__label__neg\tdull one\n\nno label here\n")
    found = [(record.text, record.label) for record in iter_records(tmp_path / "a.txt")]
    assert found == [(", a film", "pos"), ("dull one", "neg"), ("no label here", None)]


def test_two_labels_are_an_error_where_labels_are_needed(tmp_path: Path) -> None:
    (tmp_path / "b.ft").write_text("__label__a __label__b text\n")
    with pytest.raises(DataError, match=r"b\.ft, line 1: expected one label, found 2: a, b"):
        read_examples(tmp_path / "b.ft")
    assert [record.text for record in iter_records(tmp_path / "b.ft")] == ["text"]


def test_plain_lines_are_one_record_each_the_empty_ones_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one, two\r\n\r\n{three}\n")
    assert [record.text for record in iter_records(tmp_path / "a.txt")] == ["one, two", "", "{three}"]
