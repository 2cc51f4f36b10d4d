"""Which files the arguments name."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.cluster.storage import absolute, input_files, is_bucket, join, name_of
from foretell.errors import DataError, UsageError


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a text\n")


def named(folder: Path, *sources: str | Path) -> list[str]:
    return [str(Path(each.file).relative_to(folder)) for each in input_files(sources)]


def test_a_folder_is_every_file_with_records_below_it_sorted(tmp_path: Path) -> None:
    fill(
        tmp_path, "b.jsonl", "a/c.csv.gz", "a/d.txt", "notes.md", ".x.txt", "_foretell/run.json", "a/.y/z.txt"
    )
    assert named(tmp_path, tmp_path) == ["a/c.csv.gz", "a/d.txt", "b.jsonl"]


def test_globs_are_sorted_and_sources_keep_their_order(tmp_path: Path) -> None:
    fill(tmp_path, "2.jsonl", "1.jsonl", "x/3.jsonl")
    assert named(tmp_path, tmp_path / "*.jsonl") == ["1.jsonl", "2.jsonl"]
    assert named(tmp_path, f"{tmp_path}/**/*.jsonl") == ["1.jsonl", "2.jsonl", "x/3.jsonl"]
    assert named(tmp_path, tmp_path / "2.jsonl", tmp_path / "1.jsonl") == ["2.jsonl", "1.jsonl"]


def test_an_empty_file_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "1.txt")
    (tmp_path / "0.txt").touch()
    assert named(tmp_path, tmp_path) == ["1.txt"]
    with pytest.raises(DataError, match="expected files with records, found only empty ones"):
        input_files([tmp_path / "0.txt"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing.jsonl", "expected a file or folder that exists, found nothing"),
        ("*.csv", "expected a file that matches, found none"),
        ("empty", "expected files with records"),
    ],
)
def test_a_source_that_gives_nothing_is_an_error(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        input_files([tmp_path / source])


def test_standard_input_and_a_file_named_twice_are_errors(tmp_path: Path) -> None:
    fill(tmp_path, "1.txt")
    with pytest.raises(UsageError, match="found standard input"):
        input_files(["-"])
    with pytest.raises(UsageError, match="found none"):
        input_files([])
    with pytest.raises(DataError, match="named twice"):
        input_files([tmp_path, tmp_path / "1.txt"])


def test_addresses() -> None:
    bucket = "s3://bucket/folder/?endpoint_override=127.0.0.1:9000"
    assert join(bucket, "a", "b.txt") == "s3://bucket/folder/a/b.txt?endpoint_override=127.0.0.1:9000"
    assert name_of(join(bucket, "b.txt")) == "b.txt"
    assert is_bucket(bucket)
    assert not is_bucket("folder/file.txt")
    assert absolute("x.txt") == str(Path("x.txt").absolute())
    assert absolute("file:///x.txt") == "/x.txt"


def test_a_key_in_a_bucket_path_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="a key before @") as caught:
        absolute("s3://id:verysecret@bucket/folder")
    assert "verysecret" not in str(caught.value)
