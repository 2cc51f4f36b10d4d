"""What arguments name: texts, files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.cli.inputs import names_source, read_records
from foretell.cli.options import TextInput
from foretell.errors import DataError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").write_text("one\ntwo\n")
    (tmp_path / "notes.txt").write_text("a\nb\n")
    (tmp_path / "with space.txt").write_text("c\n")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "x.txt").write_text("d")
    return tmp_path


@pytest.mark.parametrize("argument", ["-", "good", "notes.txt", "with space.txt", "./notes.txt"])
def test_an_existing_file_and_standard_input_are_read(argument: str) -> None:
    assert names_source(argument)
    assert names_source(argument, folders=False)
    assert not names_source(argument, literal=True)


TEXTS = [
    "",
    "bad",
    "two\nlines",
    "the end.",
    "read notes.csv today",
    "x" * 5000,
    "x" * 300,
    "a\0b",
    "~",
]


@pytest.mark.parametrize("argument", TEXTS)
def test_everything_else_is_a_text(argument: str) -> None:
    assert not names_source(argument)


@pytest.mark.parametrize(
    ("argument", "fix"),
    [
        ("missing.csv", "check the path"),
        ("note.txt", "did you mean notes.txt?"),
        ("a.GZ", "check"),
        ("nowhere/x.jsonl", "check the path"),
        ("b.xlsx", "check the path"),
    ],
)
def test_what_can_only_be_a_file_must_exist(argument: str, fix: str) -> None:
    with pytest.raises(DataError, match="--literal takes it as a text") as error:
        names_source(argument)
    assert error.value.where == argument
    assert error.value.fix.startswith(fix)
    assert not names_source(argument, literal=True)


def test_notes_are_shown_once_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv"):
        (folder / name).write_bytes("text\ncafé\nthé\n".encode("cp1252"))
    records = read_records("reading", ["a.csv", "b.csv"], TextInput())
    assert [record.text for record in records] == ["café", "thé"] * 2
    noted = capsys.readouterr().err.splitlines()
    assert len(set(noted)) == len(noted) == 4
    assert noted.index("a.csv: read as cp1252") < noted.index("b.csv: read as cp1252")
