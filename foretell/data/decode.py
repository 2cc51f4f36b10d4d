"""Files as bytes and as text: gzip, byte order marks, UTF-8, UTF-16 and older encodings, standard
input.

Everything streams: a file of any size is read in constant memory. A guess is added to a list of
notes for the user. What cannot be decoded is an error with its byte position; usual kinds of files
without text are named.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import errno
import gzip
import hashlib
import io
import itertools
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal, cast

from foretell.errors import DataError
from foretell.readable import nearest

STDIN = "-"
_CHUNK = 1 << 16
_SAMPLE = 1 << 18
# Fewer bytes outside ASCII fit many encodings; the byte position is then worth more than a guess.
_MIN_BYTES_TO_GUESS = 8
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WESTERN = frozenset(
    "àâäáãåæçèéêëìíîïñòóôöõøœùúûüßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜ€£§°«»–—‘’“”…•¿¡ºª·´ ®©™½"
)

PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
_OFFICE = "an Office document", "save it as CSV or plain text"
_STARTS = {
    b"ARROW1": ("an Arrow (Feather) file", "save it as Parquet, or as CSV"),
    PARQUET: ("a Parquet file", "give its name the ending .parquet, or convert it to text"),
    ZIP: ("an Office document or a zip archive", "save it as CSV or plain text, or unpack it"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _OFFICE,
    b"{\\rtf": _OFFICE,
    b"%PDF-": ("a PDF document", "save its text as a .txt file"),
    b"\x93NUMPY": ("a NumPy array", "save it as CSV, JSON Lines or Parquet"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"\x28\xb5\x2f\xfd": ("a file packed by zstd", "unpack it: zstd -d FILE"),
    b"\xfd7zXZ\0": ("a file packed by xz", "unpack it: xz -d FILE"),
    codecs.BOM_UTF32_LE: ("text in UTF-32", "save it as UTF-8"),
}


_GZIP = b"\x1f\x8b"
_BZIP2 = b"BZh"
_MAGIC = 3


def no_text(start: bytes) -> tuple[str, str] | None:
    """Return what a file is that begins with these bytes, and what to do with it; None: it may be
    text.
    """
    return next((kind for magic, kind in _STARTS.items() if start.startswith(magic)), None)


def note(notes: list[str], text: str) -> None:
    """Add `text` to `notes` unless it is there already (a corpus is read more than once)."""
    if text not in notes:
        notes.append(text)


def place(path: str | Path) -> str:
    return "standard input" if str(path) == STDIN else str(path)


def existing(path: str | Path, known: Iterable[str] = ()) -> Path:
    """Return a path, which may begin with ~, as a `Path` that exists.

    Raises:
        DataError: nothing is there; suggests the most similar name of `known` and of the files
            in its folder, or of a folder that is missing.
    """
    resolved = Path(path).expanduser()
    found = "nothing"
    try:
        if resolved.exists():
            return resolved
        found = "a link to nothing" if resolved.is_symlink() else found
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise _unreadable(str(path), error) from error
    fix = "check the path"
    if (near := _similar(resolved, known)) is not None:
        fix = f"did you mean {near}?"
    elif "://" in str(path):
        fix = f"download it first: curl -LO {path!s:.200}"
    elif " " in resolved.name:
        fix = "check the path (a text itself goes into a list in Python, or into a file)"
    raise DataError("a file or folder that exists", found, where=f"{path!s:.200}", fix=fix)


def _similar(path: Path, known: Iterable[str]) -> str | None:
    """Return what is called like a path that is not there: a name of `known`, or a path whose
    missing file or folder is spelled differently; None: nothing is.
    """
    missing = path
    beside = dict[str, Path]()
    with contextlib.suppress(OSError):
        while not missing.parent.exists():
            missing = missing.parent
        beside = {entry.name: entry for entry in missing.parent.iterdir() if entry.exists()}
    named = known if len(path.parts) == 1 else ()
    near = nearest(missing.name, [*named, *beside])
    if near not in beside:
        return near
    whole = beside[near] / path.relative_to(missing)
    return str(whole if whole.exists() else beside[near])


def _unreadable(where: str, error: OSError) -> DataError:
    return DataError(
        "a file that can be read",
        (error.strerror or str(error)).lower(),
        where=where,
        fix="check the path and its permissions",
    )


def open_bytes(path: str | Path) -> io.BufferedReader:
    """Open a file, or standard input for "-", as bytes with `.peek`; what is compressed is
    unpacked.
    """
    file = None if str(path) == STDIN else existing(path)
    if file is not None and file.is_dir():
        raise DataError("a file", "a folder", where=path)
    with contextlib.ExitStack() as opened:
        try:
            if file is None:
                raw = _standard_input()
            else:
                raw = opened.enter_context(io.BufferedReader(file.open("rb", 0), _CHUNK))
            start = raw.peek(_MAGIC)[:_MAGIC]
        except OSError as error:
            raise _unreadable(str(path), error) from error
        if not start:
            raise DataError("text", "nothing: it is empty", where=place(path))
        opened.pop_all()
    below = None if file is None else raw
    if start.startswith((_GZIP, _BZIP2)):
        return io.BufferedReader(_Chunks(_unpacked(raw, place(path)), below), _CHUNK)
    return raw


def _standard_input() -> io.BufferedReader:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise DataError("bytes on standard input", "none", where=place(STDIN))
    return cast(io.BufferedReader, stream) if hasattr(stream, "peek") else io.BufferedReader(stream)


@contextlib.contextmanager
def open_text(
    path: str | Path, *, notes: list[str] | None = None, name: str | None = None
) -> Iterator[io.TextIOWrapper]:
    """Open a file, or standard input for "-", as text; close it at the end, unless it is standard
    input.

    Args:
        path: the file.
        notes: grows while the text is read: the first character outside ASCII decides the encoding.
        name: for messages; None: the path.

    Raises:
        DataError: as `open_bytes`; while reading, also bytes that cannot be decoded, with their
            position.
    """
    raw = open_bytes(path)
    try:
        yield text_stream(raw, name or place(path), [] if notes is None else notes)
    finally:
        if str(path) != STDIN:
            raw.close()


def text_stream(
    raw: io.BufferedReader, name: str, notes: list[str], newline: Literal[""] | None = None
) -> io.TextIOWrapper:
    """Return bytes as text, with arguments and errors as for `open_text`; "" keeps line ends (for
    CSV).
    """
    utf8 = cast(IO[bytes], _Chunks(_utf8(raw, name, notes)))
    # Lone surrogates cannot come out of `_utf8`, so every error is raised there, with its position.
    return io.TextIOWrapper(utf8, encoding="utf-8", newline=newline)


class _Chunks(io.RawIOBase):
    """The bytes of an iterator as a file, with which the file `below` is closed."""

    def __init__(self, chunks: Iterator[bytes], below: io.BufferedReader | None = None) -> None:
        self._chunks = chunks
        self._below = below
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._chunks, b"")
        size = min(len(buffer), len(data))
        buffer[:size], self._rest = data[:size], data[size:]
        return size

    def read1(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - the text layer takes any size
        data = self._rest or next(self._chunks, b"")
        self._rest = b""
        return data

    def close(self) -> None:
        if self._below is not None and not self.closed:
            self._below.close()
        super().close()


def _unpacked(packed: io.BufferedReader, name: str) -> Iterator[bytes]:
    is_gzip = packed.peek(_MAGIC).startswith(_GZIP)
    try:
        content = gzip.open(packed) if is_gzip else bz2.open(packed)  # noqa: SIM115
        while chunk := content.read1(_CHUNK):
            yield chunk
    except (EOFError, zlib.error, OSError) as error:
        # An error of the system has a number, bad data none.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        found = "one that ends too early" if isinstance(error, EOFError) else "damaged data"
        raise DataError(
            f"a whole {'gzip' if is_gzip else 'bzip2'} file",
            found,
            where=name,
            fix="copy or download it again",
        ) from error


def encoding_of(raw: io.BufferedReader, name: str) -> tuple[str, int]:
    """Return the encoding in which `text_stream` reads bytes, and the length of their mark; UTF-8
    where it cannot be told. The bytes are read up to the first ones outside ASCII.
    """
    chunks = iter(lambda: raw.read1(_CHUNK), b"")
    first = next(chunks, b"")
    encoding, mark = _encoding_of_start(first, name, [])
    if encoding is None:
        coded = next((each for each in itertools.chain([first], chunks) if not each.isascii()), b"")
        with contextlib.suppress(DataError):
            encoding, _ = _encoding_of(coded, chunks, 0, name)
    return encoding or "utf-8", mark


def _utf8(raw: io.BufferedReader, name: str, notes: list[str]) -> Iterator[bytes]:
    """Yield bytes of any encoding as checked UTF-8.

    The first chunk that is not ASCII decides the encoding. So an old encoding is recognised even
    where its first accent comes after a gigabyte.
    """
    chunks = iter(lambda: raw.read1(_CHUNK), b"")
    first = next(chunks, b"")
    encoding, skip = _encoding_of_start(first, name, notes)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")("strict")
    position = skip
    mixed = _Mixed()
    for chunk in itertools.chain([first[skip:]], chunks, [b""]):
        piece = chunk
        if encoding is None and piece.isascii():
            position += len(piece)
            yield from [piece] if piece else ()
            continue
        if encoding is None:
            encoding, more = _encoding_of(piece, chunks, position, name)
            piece += more
            if encoding != "utf-8":
                note(notes, f"{Path(name).name}: read as {encoding}")
            decoder = codecs.getincrementaldecoder(encoding)("strict")
        position += len(piece)
        try:
            text = decoder.decode(piece, final=not chunk and position > skip)
        except UnicodeDecodeError as error:
            # The decoder's object is what it had kept from before, then this piece.
            at = position - len(error.object) + error.start
            raise _undecodable(encoding or "utf-8", error.object[error.start], at, name) from error
        # Of encodings with several bytes a character, a line may be UTF-8 by chance.
        if encoding != "utf-8" and len(text) == len(piece):
            mixed.add(piece)
        if piece:
            yield piece if encoding == "utf-8" else text.encode("utf-8")
    if mixed.lines:
        what = f"{mixed.lines:,} lines are UTF-8: save the whole file as UTF-8"
        note(notes, f"{Path(name).name}: read as {encoding}, but {what}")


class _Mixed:
    """Counts the lines of another encoding that are UTF-8 with characters outside ASCII."""

    def __init__(self) -> None:
        self.lines = 0
        self._rest = b""

    def add(self, piece: bytes) -> None:
        *lines, rest = (self._rest + piece).split(b"\n")
        # An endless line is not kept.
        self._rest = rest[:_CHUNK]
        lines += [] if piece else [rest]
        self.lines += sum(map(_is_utf8, lines))


def _is_utf8(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoding_of_start(first: bytes, name: str, notes: list[str]) -> tuple[str | None, int]:
    """Return the encoding that the first chunk shows (None: not yet known), and the length of its
    mark.
    """
    if kind := no_text(first):
        raise DataError("text", kind[0], where=name, fix=kind[1])
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            if encoding != "utf-8":
                note(notes, f"{Path(name).name}: read as {encoding.upper()[:6]}")
            return encoding, len(mark)
    if first.count(b"\0") > len(first) / 100:
        raise DataError(
            "text",
            f"binary data (byte {first.find(0)} is zero)",
            where=name,
            fix="save it as text in UTF-8, or unpack it",
        )
    return None, 0


def _encoding_of(
    chunk: bytes, chunks: Iterator[bytes], position: int, name: str
) -> tuple[str, bytes]:
    """Return the encoding by the first chunk that is not ASCII, and the bytes that were read on for
    it.
    """
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(chunk)
        return "utf-8", b""
    except UnicodeDecodeError as error:
        sample = chunk
        while len(sample) < _SAMPLE and (more := next(chunks, b"")):
            sample += more
        if (encoding := guess_encoding(sample)) is None:
            raise _undecodable("utf-8", chunk[error.start], position + error.start, name) from error
        return encoding, sample[len(chunk) :]


def _undecodable(encoding: str, byte: int, position: int, name: str) -> DataError:
    return DataError(
        f"text in {encoding.upper() if encoding.startswith('utf') else encoding}",
        f"the byte 0x{byte:02x}, which cannot be decoded",
        where=f"{name}, byte {position}",
        fix="save the file as UTF-8",
    )


def guess_encoding(sample: bytes) -> str | None:
    """Guess the encoding of bytes that are not UTF-8, some of them outside ASCII, as the name of a
    codec.

    It is "cp1252" where the letters are those of Western European words: for short texts
    charset-normalizer often finds another. None: they look like damaged UTF-8 or like no text.
    """
    from charset_normalizer import from_bytes

    decoded = sample.decode("utf-8", "replace")
    damaged = decoded.count("�")
    # Valid multi-byte sequences rarely arise by chance: with more of them than bad bytes it is
    # UTF-8.
    if sum(character > "\x7f" for character in decoded) > 2 * damaged or b"\0" in sample:
        return None
    western = sample.decode("cp1252", "replace")
    outside = [character for character in western if character > "\x7f"]
    typical = sum(character in _WESTERN for character in outside)
    if "�" not in outside and len(western) >= 3 * len(outside) and typical >= 0.9 * len(outside):
        return "cp1252"
    best = from_bytes(sample).best() if len(outside) >= _MIN_BYTES_TO_GUESS else None
    return None if best is None else best.encoding


def sha256_of(*files: Path) -> str:
    """Return the SHA-256 of the contents of files, one after another, in hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
