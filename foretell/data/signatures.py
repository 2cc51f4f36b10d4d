"""What a file that is not text is, by its first bytes, and what its owner can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of Office documents before 2007, and of encrypted ones since."""

_AS_TEXT, _AS_CSV = "save it as plain text or CSV", "save the sheet as CSV"
_AS_DATA, _NOT_TEXT = "save it as CSV, JSON Lines or Parquet", "give a file of text"
_UNPACK, _ARCHIVE = "unpack it first", "unpack it, then give the file or the folder"


class Kind(NamedTuple):
    """A kind of file that is not text, with its article ("a Word document"), and what to do with it."""

    name: str
    advice: str


_WORD = Kind("a Word document", _AS_TEXT)
_EXCEL = Kind("an Excel workbook", _AS_CSV)
_SPREADSHEET = Kind("an OpenDocument spreadsheet", _AS_CSV)

_STARTS = {
    PARQUET: Kind("a Parquet file", "give its name the ending .parquet, or convert it to text"),
    b"%PDF-": Kind("a PDF document", "save its text as a .txt file"),
    b"{\\rtf": Kind("a document in Rich Text Format", _AS_TEXT),
    b"\x93NUMPY": Kind("a NumPy array", _AS_DATA),
    b"\x89HDF\r\n": Kind("an HDF5 file", _AS_DATA),
    b"ARROW1\0\0": Kind("an Arrow file", "save it as Parquet"),
    b"SQLite format 3": Kind("an SQLite database", "export the table as CSV"),
    b"\x89PNG": Kind("a PNG image", _NOT_TEXT),
    b"\xff\xd8\xff": Kind("a JPEG image", _NOT_TEXT),
    b"GIF89a": Kind("a GIF image", _NOT_TEXT),
    b"BZh": Kind("a bzip2 file", _UNPACK),
    b"\xfd7zXZ": Kind("an xz file", _UNPACK),
    b"\x28\xb5\x2f\xfd": Kind("a Zstandard file", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": Kind("a 7-Zip archive", _ARCHIVE),
    b"Rar!\x1a\x07": Kind("a RAR archive", _ARCHIVE),
}
# By the first folder or file that only such a zip archive holds.
_IN_ZIP = {b"xl/": _EXCEL, b"word/": _WORD, b"ppt/": Kind("a PowerPoint presentation", _AS_TEXT)}
# By the type that OpenDocument and EPUB files state at their start, not compressed.
_STATED = {
    b"opendocument.spreadsheet": _SPREADSHEET,
    b"opendocument.text": Kind("an OpenDocument text", _AS_TEXT),
    b"epub+zip": Kind("an EPUB book", _AS_TEXT),
}
# By the names of streams in the container's directory, in UTF-16.
_IN_OLE = {
    "EncryptedPackage": Kind("an Office document protected by a password", "save it without the password"),
    "WordDocument": _WORD,
    "Workbook": Kind("an Excel workbook of before 2007 (.xls)", _AS_CSV),
}


def kind_of(start: bytes) -> Kind | None:
    """Return the kind of file that begins with these bytes, or None where it may be text.

    Args:
        start: the first bytes of the file, some kibibytes if it has as many.
    """
    for magic, kind in _STARTS.items():
        if start.startswith(magic):
            return kind
    if start.startswith(ZIP):
        return _zip_kind(start)
    if start.startswith(OLE):
        streams = (kind for name, kind in _IN_OLE.items() if name.encode("utf-16-le") in start)
        return next(streams, Kind("an Office document of before 2007", _AS_TEXT))
    # The protocols that Python has written since version 2.3.
    if len(start) > 2 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return Kind("a Python pickle", "save the data as CSV, JSON Lines or Parquet: a pickle can run code")
    if start[257:262] == b"ustar":
        return Kind("a tar archive", "unpack it, then give the folder")
    return None


def is_spreadsheet(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a spreadsheet that `workbook` reads."""
    return start.startswith(ZIP) and _zip_kind(start) in (_EXCEL, _SPREADSHEET)


def _zip_kind(start: bytes) -> Kind:
    for name in _zip_names(start):
        for prefix, kind in _IN_ZIP.items():
            if name.startswith(prefix):
                return kind
    for stated, kind in _STATED.items():
        if stated in start[:128]:
            return kind
    return Kind("a zip archive", _ARCHIVE)


def _zip_names(start: bytes) -> Iterator[bytes]:
    """Return the names of the entries whose local headers are in `start` (the zip format's section 4.3.7)."""
    at = 0
    while (at := start.find(ZIP, at)) >= 0:
        length = int.from_bytes(start[at + 26 : at + 28], "little")
        yield start[at + 30 : at + 30 + length]
        at += len(ZIP)
