"""The formats, how they are recognised, and JSON, fastText lines, plain lines and folders."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foretell.data import formats
from foretell.data.examples import iter_records, read_examples
from foretell.data.formats import FORMATS, Format, format_named, format_of
from foretell.data.record_source import RecordSource
from foretell.data.records import ReadOptions, Record
from foretell.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        ("__label__pos a film", "fasttext"),
        ('{"text": "a"}', "jsonl"),
        ('[{"text": "a"}]', "jsonl"),
        ('["a", "b"]', "jsonl"),
        ("[laughs] no", "text"),
        ("id,text", "csv"),
        ('"id";"Text"', "csv"),
        ("sentiment", "csv"),
        ("text", "text"),
    ],
)
def test_text_is_recognised_by_its_first_line(tmp_path: Path, first_line: str, name: str) -> None:
    (tmp_path / "unnamed").write_text(f"{first_line}\n")
    with RecordSource(tmp_path / "unnamed", ReadOptions(), []) as source:
        assert format_of(source).name == name


def test_the_format_is_named_or_shown_by_an_ending_or_a_column(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("note,kind\na,x\nb,y\n")
    assert read_examples(tmp_path / "a.txt", format="csv", text="note").labels == ["x", "y"]
    assert next(iter_records(tmp_path / "a.txt", format="text")).text == "note,kind"
    with pytest.raises(DataError, match="one JSON value on the line"):
        list(iter_records(tmp_path / "a.txt", format="jsonl"))
    (tmp_path / "a.CSV").write_text('{"text"\nx\n')
    (tmp_path / "unnamed").write_text("note;kind\n")
    for name, options in (("a.CSV", ReadOptions()), ("unnamed", ReadOptions(text="note"))):
        with RecordSource(tmp_path / name, options, []) as source:
            assert format_of(source).name == "csv"


def ini_records(source: RecordSource) -> Iterator[Record]:
    """Read lines such as `label = a text`."""
    for line in source.plain_lines():
        label, _, text = line.partition(" = ")
        yield Record(text, label, {"text": text, "label": label})


def test_a_new_format_is_one_function_and_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What CONTRIBUTING promises: nothing else has to know of it.
    new = Format("ini", ini_records, lambda source: " = " in source.first_line, (".ini",))
    monkeypatch.setattr(formats, "FORMATS", {new.name: new, **FORMATS})
    for name in ("a.ini", "a.ini.gz", "unnamed"):
        (tmp_path / name).write_text("pos = a good film\nneg = a dull one\n")
        assert read_examples(tmp_path / name).labels == ["pos", "neg"]
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
    assert list(zip(train.texts, train.labels, strict=True)) == [
        ("train neg", "neg"),
        ("train pos", "pos"),
    ]
    assert train.dropped == {"an empty text": 1}
    assert train.notes[:2] == [
        f"{reviews.name}: read its folder 'train'",
        f"{reviews.name}: left out the folder 'unsup', which has no labels",
    ]
    assert read_examples(reviews, part="test").texts == ["test neg", "test pos"]
    assert [record.text for record in iter_records(reviews)] == [
        "test neg",
        "test pos",
        "test unsup",
    ]
    # Files without a folder have no label.
    assert pairs(iter_records(reviews / "train" / "neg")) == [("train neg", None)]
    (reviews / "empty").mkdir()
    with pytest.raises(DataError, match="expected files of text, found nothing"):
        list(iter_records(reviews / "empty"))


ROWS = [("a fine\nfilm, “truly”", "pos"), ("dull", "neg"), ("é中😀", "pos")]
OBJECTS = [{"id": i, "body": text, "label": label} for i, (text, label) in enumerate(ROWS)]


def records(folder: Path, data: str | bytes, name: str = "a.json", **options: Any) -> list[Record]:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(iter_records(folder / name, **options))


def pairs(found: Iterator[Record] | list[Record]) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in found]


def test_fasttext_lines_and_plain_lines(tmp_path: Path) -> None:
    labelled = "__label__pos , a film\n__label__neg\tdull one\n\nno label here\n"
    assert pairs(records(tmp_path, labelled, "a.txt")) == [
        (", a film", "pos"),
        ("dull one", "neg"),
        ("no label here", None),
    ]
    with pytest.raises(DataError, match=r"b\.ft, line 1: expected one label, found 2: a, b"):
        records(tmp_path, "__label__a __label__b text\n", "b.ft", need_label=True)
    assert [record.text for record in iter_records(tmp_path / "b.ft")] == ["text"]
    # Each line is a record, the empty ones too; one in brackets is no array.
    for lines in (
        ["one, two", "", "{three}"],
        ["[laughs] no", "x"],
        ['["quoted"] text'],
        ["é" * 70_000],
    ):
        assert pairs(records(tmp_path, "\r\n".join(lines), "c.txt")) == [
            (line, None) for line in lines
        ]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "unnamed", "a.json.gz"])
def test_json_is_lines_or_an_array(tmp_path: Path, name: str) -> None:
    lines = "\r\n".join(json.dumps(row) for row in OBJECTS)
    for text in (lines, json.dumps(OBJECTS), json.dumps(OBJECTS, indent=2)):
        data = text.encode("utf-16" if name == "unnamed" else "utf-8")
        found = records(
            tmp_path, gzip.compress(data) if ".gz" in name else data, name, need_label=True
        )
        assert (pairs(found), found[0].fields["id"]) == (ROWS, 0)
    assert pairs(records(tmp_path, '["a", "b\\n", ""]')) == [("a", None), ("b\n", None), ("", None)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            '{"text": "a"}\n{"text": ',
            r"a\.json, line 2, column \d+: expected one JSON value on the line",
        ),
        ('{\n"text": "a"}', r"line 1, column \d+: expected one JSON .*; write one object a line"),
        ('{"text": ["a"]}', r"line 1: expected one value in 'text', found a list; join its items"),
        ('{"data": [{"text": "a"}]}', r"found a list; take the records out .*: jq '\.data' OLD"),
        ("{'text': 'a'}", "this is Python: write each object by json.dumps"),
        ('{"id": 1, "words": 2}', "clearly the text, found the columns id, words"),
        ('{"text": "a"}\n[1]', r"line 2: expected an object or a string, found a list"),
        ("[]", "expected records, found none"),
        ("[", r"a.json: expected one JSON array, found .*line 1 column 2"),
        ('[{"text": "a"}\n\n{"text": "b"}]', r"found Expecting ',' delimiter: line 3 column 1 "),
        ('[{"text": "a"}] {"text": "b"}', r"found Extra data: line 1 column 17"),
        ("[" * 100_000, "too many levels"),
    ],
)
def test_what_is_not_json_is_an_error_with_its_place(
    tmp_path: Path, data: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        records(tmp_path, data)


@pytest.mark.parametrize("form", ["{}\n", "[\n{}]"])
def test_values_of_json(tmp_path: Path, form: str) -> None:
    for value, label in (
        ("1", "1"),
        ("2.0", "2"),
        ("true", "True"),
        ("null", None),
        ("NaN", None),
        ('" a "', "a"),
    ):
        (found,) = records(tmp_path, form.format(f'{{"text": "a \\ud83d b", "label": {value}}}'))
        # Half a surrogate pair becomes the replacement character.
        assert (found.text, found.label) == ("a � b", label)
    # They would be read as the label "inf".
    for number in ("-1e400", "Infinity", "1" + "0" * 400 + ".5"):
        with pytest.raises(DataError, match=r"JSON"):
            records(tmp_path, form.format(f'{{"text": "a", "label": {number}}}'), need_label=True)


def test_the_rows_of_the_tables_of_a_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.csv").write_text(f"text,label\ngood {name},pos\nbad {name},neg\n")
    (folder / "c.jsonl").write_text('{"text": "fine", "label": "pos"}\n')
    (folder / "notes.txt").write_text("about the data")
    examples = read_examples(folder)
    assert examples.texts == ["good a", "bad a", "good b", "bad b", "fine"]
    assert "parts: read 3 tables: a.csv, b.csv, c.jsonl" in examples.notes
    assert "parts: left out: notes.txt" in examples.notes
    texts = [record.text for record in iter_records(folder)]
    assert texts == [*examples.texts, "about the data"]
