"""A file or standard input as the readers of the formats see it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data import source as module
from foretell.data.columns import Columns
from foretell.data.options import ReadOptions
from foretell.data.source import Source
from foretell.errors import DataError


def opened(path: Path | str) -> Source:
    return Source(path, ReadOptions(), [])


@given(
    st.text(st.sampled_from("ab\n\r,é"), min_size=1),
    st.integers(2, 9),
    st.integers(0, 2),
    st.sampled_from([1, 0]),
)
def test_the_text_is_whole_whatever_was_looked_at_before(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int, peeked: int, as_lines: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "peeked.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch, opened(path) as source:
        patch.setattr(module, "_PEEKED", size)
        looked_at = [lambda: source.start, lambda: source.first_line, lambda: source.second_line]
        for look in looked_at[: peeked + 1]:
            look()
        pieces = list(source.lines() if as_lines else source.chunks())
    assert "".join(pieces) == text
    if as_lines and "\r" not in text:
        assert pieces == text.splitlines(keepends=True)


def test_line_ends_are_left_out_of_plain_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\ntwo")
    with opened(tmp_path / "a.txt") as source:
        assert list(source.plain_lines()) == ["one", "", "two"]


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_compressed_is_copied_to_a_file(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"content") if packed else b"content")
    with opened(tmp_path / "a") as source:
        assert source.start == b"content"
        file = source.file()
        assert file.read_bytes() == b"content"
        assert (file == tmp_path / "a") is not packed
    assert file.exists() is not packed


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"one\ntwo\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    with opened("-") as source:
        assert (source.name, source.first_line, source.second_line) == ("standard input", "one\n", "two\n")
        assert list(source.lines()) == ["one\n", "two\n"]
    assert not stdin.closed


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    with opened(tmp_path / "missing") as source:
        assert source.short == "missing"
        with pytest.raises(DataError, match="a file or folder that exists"):
            _ = source.start


def test_a_file_without_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf"))
    with (
        opened(tmp_path / "a.gz") as source,
        pytest.raises(DataError, match="expected records, found nothing"),
    ):
        _ = source.first_line


def test_a_folder_has_no_bytes(tmp_path: Path) -> None:
    with opened(tmp_path) as source:
        assert (source.is_folder, source.start) == (True, b"")


def test_notes_begin_with_the_short_name() -> None:
    notes: list[str] = []
    source = Source("folder/a.csv", ReadOptions(), notes)
    source.add_note("no header")
    source.note_columns(Columns("body", None))
    Source("folder/a.csv", ReadOptions(text="body"), notes).note_columns(Columns("body", None))
    assert notes == ["a.csv: no header", "a.csv: texts from the column 'body'"]
