"""Texts without labels: any format, whole texts, and never a test set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretell.data import named
from foretell.data.unlabelled import read_unlabelled
from foretell.errors import DataError, ForetellError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plain.txt").write_text("one line\n\n  \nanother line\n")
    (tmp_path / "table.csv").write_text('id,text,label\n1,"two\nlines",good\n2,,bad\n3,last,\n')
    rows = [{"body": "from json", "note": "a much longer text than the body has, which is not meant"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_plain_text_is_one_text_a_line_without_the_empty_ones(folder: Path) -> None:
    assert read_unlabelled(folder / "plain.txt") == ["one line", "another line"]
    assert read_unlabelled(str(folder / "plain.txt")) == ["one line", "another line"]


def test_labels_are_not_looked_at(folder: Path) -> None:
    assert read_unlabelled(folder / "table.csv") == ["two\nlines", "last"]


def test_several_sources_in_their_order(folder: Path) -> None:
    found = read_unlabelled([folder / "table.csv", str(folder / "plain.txt")])
    assert found == ["two\nlines", "last", "one line", "another line"]


def test_the_column_is_chosen(folder: Path) -> None:
    assert read_unlabelled(folder / "rows.jsonl", text="body") == ["from json"]
    with pytest.raises(DataError, match="body, note"):
        read_unlabelled(folder / "rows.jsonl", text="nosuch")


def test_nothing_to_read_is_an_error(folder: Path) -> None:
    (folder / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"empty\.txt: expected texts without labels, found none"):
        read_unlabelled(folder / "empty.txt")
    with pytest.raises(DataError, match="unlabelled: expected texts without labels"):
        read_unlabelled([])
    with pytest.raises(ForetellError, match=r"missing\.txt"):
        read_unlabelled(folder / "missing.txt")


def test_imdb_means_its_unlabelled_and_training_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {part: named.Reviews([f"a {part} review"], ["pos"]) for part in ("test", "train", "unsup")}
    monkeypatch.setattr(named, "imdb", lambda part, **_: parts[part])
    assert read_unlabelled("imdb") == ["a unsup review", "a train review"]
