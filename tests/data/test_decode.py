"""Files as bytes and text, and what is no text."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data import source as module
from foretell.data.decode import OLE, guess_encoding, kind_of, open_text
from foretell.data.records import ReadOptions
from foretell.data.source import Source
from foretell.errors import DataError

FRENCH = "Ce film était très décevant, malgré une idée brillante à l’origine.\nDeuxième ligne.\n"


def read(path: str | Path) -> tuple[str, list[str]]:
    notes: list[str] = []
    with open_text(path, notes=notes) as source:
        return source.read(), notes


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("utf-16", ["a.txt: read as UTF-16"]),
        ("utf-16-be", ["a.txt: read as UTF-16 (it has no byte order mark)"]),
        ("utf-32", ["a.txt: read as UTF-32"]),
        ("cp1252", ["a.txt: read as cp1252"]),
    ],
)
def test_encodings_are_found_and_said_aloud(tmp_path: Path, encoding: str, said: list[str]) -> None:
    # An accent after megabytes of ASCII still decides.
    for text in (FRENCH, "plain words here\n" * 20_000 + FRENCH):
        data = text.encode(encoding)
        for content in (data, gzip.compress(data, 1)):
            (tmp_path / "a.txt").write_bytes(content)
            assert read(tmp_path / "a.txt") == (text, said)


@pytest.mark.parametrize("before", [0, 65_530, 200_000])
def test_a_broken_byte_is_told_by_its_position(tmp_path: Path, before: int) -> None:
    path = tmp_path / "broken.txt"
    start = "naïve café ".encode() + b"x" * before
    path.write_bytes(start + b"\xff and more")
    with pytest.raises(DataError, match=rf"broken\.txt, byte {len(start)}: expected text in UTF-8.*0xff"):
        read(path)


def test_cut_missing_empty_and_folder_are_each_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(FRENCH.encode() * 50)[:-20])
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty.txt").touch()
    for name, message in (
        ("a.txt.gz", "a whole gzip file"), ("notse.txt", r"did you mean .*notes\.txt"),
        ("empty.txt", "it is empty"), (".", "a folder"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(FRENCH.encode()))))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read("-")[0] == FRENCH
    assert not stdin.closed


def test_old_encodings_are_recognised() -> None:
    for text, encoding in (
        ("café", "cp1252"), ("Schöne Grüße aus München", "cp1252"),
        ("Этот фильм был очень плохим, но музыка хорошая", "cp1251"),
        ("この映画はとても面白かったです。また見たいと思います。", "cp932"),
    ):  # fmt: skip
        found = guess_encoding(text.encode(encoding))
        assert found is not None
        assert text.encode(encoding).decode(found) == text


@pytest.mark.parametrize("data", [b"hello \xff world", bytes(range(1, 256)) * 9, "é ü ï".encode() + b"\xff"])
def test_nothing_is_guessed_where_nothing_fits(data: bytes) -> None:
    assert guess_encoding(data) is None


@settings(max_examples=30)
@given(st.text(st.sampled_from("ab\n\r,é"), min_size=1), st.integers(2, 9), st.integers(0, 2), st.booleans())
def test_the_text_is_whole_whatever_was_looked_at_before(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int, peeked: int, as_lines: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "peeked.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch, Source(path, ReadOptions(), []) as source:
        patch.setattr(module, "_PEEKED", size)
        for name in ("start", "first_line")[:peeked]:
            getattr(source, name)
        pieces = list(source.lines()) if as_lines else [source.whole(1000)]
    assert "".join(pieces) == text
    if as_lines and "\r" not in text:
        assert pieces == text.splitlines(keepends=True)


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_compressed_is_copied_to_a_file(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"content") if packed else b"content")
    with Source(tmp_path / "a", ReadOptions(), []) as source:
        assert source.start == b"content"
        file = source.file()
        assert file.read_bytes() == b"content"
        assert (file == tmp_path / "a") is not packed
    assert file.exists() is not packed


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, "content that can be compressed, compressed, compressed")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "a Word document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
        (zipped("excel/words.txt", "sword/x.txt"), "a zip archive"),
        (OLE + bytes(600) + "WordDocument".encode("utf-16-le"), "a Word document"),
        (OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "an Office document protected by a"),
        (rb"{\rtf1\ansi Dear all}", "a document in Rich Text Format"),
        (b"%PDF-1.7\n", "a PDF document"),
        (bytes(257) + b"ustar" + bytes(250), "a tar archive"),
        (b"PAR1abc", "a Parquet file"),
        (bytes(100) + b"abc", "binary data"),
    ],
)
def test_each_kind_is_named_with_what_to_do(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / "file").write_bytes(data)
    advice = "" if name == "binary data" else "; [a-z].+"
    with pytest.raises(DataError, match=rf"file: expected text, found {name}.*{advice}"):
        read(tmp_path / "file")


@pytest.mark.parametrize("data", [b"", b"P", b"PK\n", b"%PDF", b"{\n", b"\x80\x81", "\u4e00".encode("gbk")])
def test_text_is_no_kind(data: bytes) -> None:
    assert kind_of(data) is None
