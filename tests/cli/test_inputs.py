"""What arguments name: texts, files, models; and how much data there is."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_workplace import Run

from foretell.cli.inputs import (
    bytes_of,
    names_source,
    open_lines,
    open_records,
    read_records,
    read_text,
    size_of_records,
)
from foretell.cli.options import TextInput
from foretell.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").write_text("one\ntwo\n")
    (tmp_path / "notes.txt").write_text("a\nb\n")
    (tmp_path / "with space.txt").write_text("c\n")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "x.txt").write_text("d")
    return tmp_path


@pytest.mark.parametrize("argument", ["-", "good", "notes.txt", "with space.txt", "./notes.txt"])
@pytest.mark.usefixtures("folder")
def test_an_existing_file_and_standard_input_are_read(argument: str) -> None:
    assert names_source(argument)
    assert names_source(argument, folders=False)
    assert not names_source(argument, literal=True)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        " ",
        "bad",
        "a text",
        "two\nlines",
        "the end.",
        "read notes.csv today",
        "x" * 5000,
        "x" * 300,
        "a\0b",
        "~",
    ],
)
@pytest.mark.usefixtures("folder")
def test_everything_else_is_a_text(argument: str) -> None:
    assert not names_source(argument)


@pytest.mark.usefixtures("folder")
def test_a_folder_is_read_only_where_one_can_be() -> None:
    assert names_source("many")
    assert not names_source("many", folders=False)


@pytest.mark.parametrize("argument", ["missing.csv", "note.txt", "nowhere/x.jsonl", "a.GZ", "b.xlsx"])
@pytest.mark.usefixtures("folder")
def test_what_can_only_be_a_file_must_exist(argument: str) -> None:
    with pytest.raises(DataError, match="--literal takes it as a text") as error:
        names_source(argument)
    assert error.value.where == argument
    assert not names_source(argument, literal=True)


@pytest.mark.usefixtures("folder")
def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(DataError, match=r"did you mean notes\.txt\?"):
        names_source("note.txt")
    with pytest.raises(DataError, match="check the path"):
        names_source("nowhere/x.jsonl")


@pytest.mark.usefixtures("folder")
def test_one_record_for_each_text_in_order() -> None:
    notes: list[str] = []
    records = read_records(["first", "good", "", "many"], TextInput(), notes=notes)
    assert [record.text for record in records] == ["first", "one", "two", "", "d"]
    literal = read_records(["good", "-"], TextInput(), literal=True, notes=notes)
    assert [record.text for record in literal] == ["good", "-"]


@pytest.mark.usefixtures("folder")
def test_one_text_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_text("good") == "one\ntwo"
    assert read_text("good", literal=True) == "good"
    assert read_text("bad") == "bad"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from\nstdin\n"), encoding="utf-8"))
    assert read_text("-") == "from\nstdin"


def test_lines_are_read_one_by_one(folder: Path) -> None:
    (folder / "notes.gz").write_bytes(gzip.compress(b"x\n\ny\n"))
    with open_lines("notes.gz") as lines:
        assert list(lines) == ["x", "y"]
    with open_lines("a text") as lines:
        assert list(lines) == ["a text"]


def test_notes_are_shown_once_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes("text\ncafé\nthé\n".encode("cp1252"))
    sources = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    with open_records("reading", sources, TextInput()) as records:
        assert [record.text for record in records] == ["café", "thé"] * 2
    noted = capsys.readouterr().err.splitlines()
    assert len(set(noted)) == len(noted) == 4
    assert noted.index("a.csv: read as cp1252") < noted.index("b.csv: read as cp1252")


def test_the_rule_is_in_the_help_of_every_command_that_follows_it(run: Run) -> None:
    for command in ("classify", "explain", "next", "complete", "score"):
        text = " ".join(run(command, "--help").out.split())
        assert "an argument that names an existing file" in text
        assert "- is standard input" in text
        assert "--literal" in text


def counted(*arguments: str) -> tuple[int | None, int]:
    """Return the size of the data and the sum of the sizes of its records."""
    total, size_of = size_of_records(arguments)
    records = read_records(arguments, TextInput(), notes=[])
    return total, sum(map(size_of, records))


def test_texts_are_counted() -> None:
    assert counted("good", "bad", "") == (3, 3)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_records_of_a_file_add_up_to_about_its_bytes(tmp_path: Path, ending: str) -> None:
    texts = [f"good thing, number {number}, é and 漢" for number in range(200)]
    file = tmp_path / f"data.{ending}"
    if ending == "csv":
        file.write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))
    elif ending == "jsonl":
        lines = (json.dumps({"id": str(i), "text": text}, ensure_ascii=False) for i, text in enumerate(texts))
        file.write_text("\n".join(lines) + "\n")
    else:
        file.write_text("\n".join(texts) + "\n")
    total, seen = counted(str(file))
    assert total == file.stat().st_size
    assert seen == pytest.approx(total, rel=0.1)


def test_rows_of_parquet_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), file)
    assert counted(str(file)) == (3, 3)


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    (tmp_path / "b.txt").write_text("123")
    assert bytes_of([str(tmp_path)]) == 8


def test_the_size_of_what_is_compressed_or_piped_is_not_known(tmp_path: Path) -> None:
    packed = tmp_path / "data.txt.gz"
    packed.write_bytes(gzip.compress(b"text\n" * 1000))
    assert bytes_of([str(packed)]) is None
    assert bytes_of(["-"]) is None
    assert bytes_of([str(tmp_path / "missing.txt")]) is None
    assert size_of_records(["-"])[0] is None
