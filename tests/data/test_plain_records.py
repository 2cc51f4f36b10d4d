"""fastText lines and plain lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.data.examples import iter_records, read_examples
from foretell.data.options import Arguments
from foretell.errors import DataError


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


def test_plain_lines_have_no_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    with pytest.raises(DataError, match=r"found plain lines of text; .*, or name it with format='FORMAT'$"):
        read_examples(tmp_path / "a.txt")
    with pytest.raises(
        DataError, match=r"found plain lines of text; give the file the ending of its format$"
    ):
        read_examples(tmp_path / "a.txt", arguments=Arguments(format=None))
