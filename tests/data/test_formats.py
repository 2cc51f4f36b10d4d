"""The table of formats, and how the format of a source is recognised."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.data import formats
from foretell.data.examples import iter_records, read_examples
from foretell.data.formats import FORMATS, Format, format_named, format_of
from foretell.data.options import ReadOptions
from foretell.data.records import Record
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


def test_every_ending_has_one_format() -> None:
    endings = [ending for each in FORMATS.values() for ending in each.endings]
    assert len(endings) == len(set(endings))
    assert all(ending == ending.lower() and ending.startswith(".") for ending in endings)


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


def test_an_unknown_format_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"expected a format: csv, excel, .*, tsv, found 'xml'"):
        format_named("xml")


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
