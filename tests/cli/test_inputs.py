"""The rule of what is a file and what is a text, and how each is read."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli.inputs import Notes, names_source, open_lines, read_records, read_text
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
    notes = Notes()
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


def test_notes_are_shown_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    notes.show_new()
    notes.append("read as cp1252")
    notes.show_new()
    notes.append("another")
    notes.show_new()
    notes.show_new()
    assert capsys.readouterr().err == "read as cp1252\nanother\n"


def test_the_rule_is_in_the_help_of_every_command_that_follows_it(run: Run) -> None:
    for command in ("classify", "explain", "next", "complete", "score"):
        text = " ".join(run(command, "--help").out.split())
        assert "an argument that names an existing file" in text
        assert "- is standard input" in text
        assert "--literal" in text
