"""What a file that is not text is, by its first bytes."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from foretell.data.decode import open_text
from foretell.data.signatures import OLE, kind_of
from foretell.errors import DataError


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, "content that can be compressed, compressed, compressed")
    return out.getvalue()


def stated(kind: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("mimetype", kind)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def saved(array: object) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


DIRECTORY = OLE + bytes(600)
KINDS = [
    (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "a Word document"),
    (zipped("docProps/app.xml", "ppt/presentation.xml"), "a PowerPoint presentation"),
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
    (zipped("excel/words.txt", "sword/x.txt"), "a zip archive"),
    (stated("application/vnd.oasis.opendocument.text"), "an OpenDocument text"),
    (stated("application/epub+zip"), "an EPUB book"),
    (DIRECTORY + "WordDocument".encode("utf-16-le"), "a Word document"),
    (DIRECTORY + "Workbook".encode("utf-16-le"), "an Excel workbook of before 2007"),
    (DIRECTORY + "EncryptedPackage".encode("utf-16-le"), "an Office document protected by a password"),
    (DIRECTORY, "an Office document of before 2007"),
    (rb"{\rtf1\ansi Dear all}", "a document in Rich Text Format"),
    (b"%PDF-1.7\n", "a PDF document"),
    *((pickle.dumps([("a", "x")], protocol), "a Python pickle") for protocol in (2, 3, 4, 5)),
    (saved(np.zeros(3)), "a NumPy array"),
    (tarred(), "a tar archive"),
    (b"PAR1abc", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"7z\xbc\xaf\x27\x1c\0", "a 7-Zip archive"),
]


@pytest.mark.parametrize(("data", "name"), KINDS)
def test_each_kind_is_named_with_what_to_do(tmp_path: Path, data: bytes, name: str) -> None:
    kind = kind_of(data)
    assert kind is not None
    assert kind.name.startswith(name)
    (tmp_path / "file").write_bytes(data)
    with (
        pytest.raises(DataError, match=rf"file: expected text, found {name}.*; [a-z].+"),
        open_text(tmp_path / "file") as source,
    ):
        source.read()


@pytest.mark.parametrize(
    "data", [b"", b"P", b"PK\n", b"%PDF", b"Rar! said", b"{\n", b"\x80\x81", b"BZ", "\u4e00".encode("gbk")]
)
def test_text_is_no_kind(data: bytes) -> None:
    assert kind_of(data) is None
