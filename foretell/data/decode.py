"""Bytes into text: gzip, byte order marks, UTF-8, UTF-16 and older encodings, standard input.

Everything streams: a file of any size is read in constant memory. A guess is added to a list of notes for the
user. What cannot be decoded is an error with its byte position.
"""

from __future__ import annotations

import codecs
import contextlib
import difflib
import gzip
import io
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal, cast

from foretell.data.signatures import kind_of
from foretell.errors import DataError

STDIN = "-"
_CHUNK = 1 << 16
_SAMPLE = 1 << 18
# Fewer bytes outside ASCII fit many encodings; the byte position is then worth more than a guess.
_MIN_BYTES_TO_GUESS = 8

# The longer marks first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def note(notes: list[str], text: str) -> None:
    """Add `text` to `notes` unless it is there already (a corpus is read more than once)."""
    if text not in notes:
        notes.append(text)


def existing(path: str | Path, known: Iterable[str] = ()) -> Path:
    """Return `path` as a `Path` that exists.

    Args:
        path: the path, which may begin with ~.
        known: names to suggest, besides those of the files nearby, where nothing is there.

    Raises:
        DataError: nothing is there; suggests the most similar name.
    """
    resolved = Path(path).expanduser()
    try:
        if resolved.exists():
            return resolved
    except OSError as error:
        raise _unreadable(f"{path!s:.100}", error) from error
    fix = "check the path"
    siblings = list(known)
    with contextlib.suppress(OSError):
        siblings += [entry.name for entry in resolved.parent.iterdir()]
    if near := difflib.get_close_matches(resolved.name, siblings, n=1):
        fix = f"did you mean {near[0] if near[0] in known else resolved.parent / near[0]}?"
    raise DataError(expected="a file or folder that exists", found="nothing", where=str(path), fix=fix)


def open_bytes(path: str | Path) -> io.BufferedReader:
    """Open a file, or standard input for "-", as bytes with `.peek`; gzip is decompressed whatever the name.

    Raises:
        DataError: the file is missing, is a folder, may not be read, or is empty.
    """
    if str(path) == STDIN:
        raw = _standard_input()
    else:
        file = existing(path)
        if file.is_dir():
            raise DataError(expected="a file", found="a folder", where=str(path))
        try:
            raw = io.BufferedReader(file.open("rb", buffering=0), _CHUNK)
        except OSError as error:
            raise _unreadable(str(path), error) from error
    try:
        start = raw.peek(2)
    except OSError as error:
        raw.close()
        raise _unreadable(str(path), error) from error
    if not start:
        if str(path) != STDIN:
            raw.close()
        raise DataError(expected="text", found="nothing: it is empty", where=place(path))
    if start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(_GzipRaw(raw, place(path)), _CHUNK)
    return raw


def read_bytes(source: str | Path) -> bytes:
    """Read all of a file, or of standard input for "-"; gzip is decompressed.

    Raises:
        DataError: as `open_bytes`, or a damaged gzip file.
    """
    stream = open_bytes(source)
    try:
        return stream.read()
    finally:
        if str(source) != STDIN:
            stream.close()


class TextSource:
    """One open source of text.

    Attributes:
        name: for messages.
        notes: grows while the text is read: the first character outside ASCII decides the encoding.
        stream: the text, as a file. Reading it raises DataError for bytes that cannot be decoded.
    """

    def __init__(
        self,
        raw: io.BufferedReader,
        name: str,
        notes: list[str],
        newline: Literal["", "\n"] | None = None,
        *,
        keep_open: bool = False,
    ) -> None:
        self.name = name
        self.notes = notes
        self._keep_open = keep_open
        self._raw = raw
        reader = cast(IO[bytes], _Utf8Reader(raw, name, notes))
        # Lone surrogates cannot come out of the reader, so every error is raised there, with its position.
        self.stream = io.TextIOWrapper(reader, encoding="utf-8", newline=newline)

    def __enter__(self) -> TextSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self.stream.close()
        if not self._keep_open:
            self._raw.close()


def open_text(
    path: str | Path, *, notes: list[str] | None = None, newline: Literal["", "\n"] | None = None
) -> TextSource:
    """Open a file, or standard input for "-", as text.

    Args:
        path: the file.
        notes: a list to add the notes to; a new one by default.
        newline: as Python's `open`: None turns every line end into "\\n", "" leaves them (for CSV).

    Raises:
        DataError: as `open_bytes`; while reading, also bytes that cannot be decoded, with their position.
    """
    notes = [] if notes is None else notes
    return TextSource(open_bytes(path), place(path), notes, newline, keep_open=str(path) == STDIN)


class _GzipRaw(io.RawIOBase):
    """The content of a gzip file; damage raises DataError."""

    def __init__(self, packed: io.BufferedReader, name: str) -> None:
        self._packed, self._name = packed, name
        self._content = gzip.GzipFile(fileobj=packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._content.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                expected="a whole gzip file",
                found="one that ends too early" if isinstance(error, EOFError) else "damaged data",
                where=self._name,
                fix="copy or download it again",
            ) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._content.close()
            if self._name != place(STDIN):
                self._packed.close()
        super().close()


class _Utf8Reader(io.BufferedIOBase):
    """Bytes of any encoding in, checked UTF-8 out.

    The first chunk that is not ASCII decides the encoding. So an old encoding is recognised even where its
    first accent comes after a gigabyte.
    """

    def __init__(self, raw: io.BufferedReader, name: str, notes: list[str]) -> None:
        self._raw, self._name, self._notes = raw, name, notes
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = "ascii"
        self._read_bytes = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def read1(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 (the text layer takes any size)
        while not self._ended:
            chunk = self._raw.read1(_CHUNK)
            self._ended = not chunk
            first = self._read_bytes == 0
            self._read_bytes += len(chunk)
            if first:
                chunk = self._begin(chunk)
            if result := self._convert(chunk):
                return result
        return b""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            return self.read1(size)
        return b"".join(iter(self.read1, b""))

    def _begin(self, chunk: bytes) -> bytes:
        for mark, encoding in _MARKS:
            if chunk.startswith(mark):
                if encoding != "utf-8":
                    note(self._notes, f"{Path(self._name).name}: read as {encoding.upper()[:6]}")
                self._use(encoding)
                return chunk[len(mark) :]
        self._refuse_binary(chunk)
        if guess := _utf16_without_mark(chunk):
            note(self._notes, f"{Path(self._name).name}: read as UTF-16 (it has no byte order mark)")
            self._use(guess)
        elif chunk.count(b"\0") > len(chunk) / 100:
            at = chunk.find(b"\0")
            raise DataError(expected="text", found=f"binary data (byte {at} is zero)", where=self._name)
        return chunk

    def _refuse_binary(self, chunk: bytes) -> None:
        if kind := kind_of(chunk):
            raise DataError(expected="text", found=kind.name, where=self._name, fix=kind.advice)

    def _use(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")

    def _convert(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            if chunk.isascii():
                return chunk
            chunk = self._decide(chunk)
        assert self._decoder is not None
        try:
            text = self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            # The decoder's object is what it had kept from before, then this chunk.
            position = self._read_bytes - len(error.object) + error.start
            raise self._undecodable(error.object[error.start], position) from error
        return chunk if self._encoding == "utf-8" else text.encode("utf-8")

    def _decide(self, chunk: bytes) -> bytes:
        self._use("utf-8")
        try:
            codecs.getincrementaldecoder("utf-8")("strict").decode(chunk)
        except UnicodeDecodeError as error:
            position = self._read_bytes - len(chunk) + error.start
            while len(chunk) < _SAMPLE and (more := self._raw.read1(_CHUNK)):
                chunk += more
                self._read_bytes += len(more)
            encoding = guess_encoding(chunk)
            if encoding is None:
                raise self._undecodable(chunk[error.start], position) from error
            note(self._notes, f"{Path(self._name).name}: read as {encoding}")
            self._use(encoding)
        return chunk

    def _undecodable(self, byte: int, position: int) -> DataError:
        encoding = self._encoding.upper() if self._encoding.startswith("utf") else self._encoding
        return DataError(
            expected=f"text in {encoding}",
            found=f"the byte 0x{byte:02x}, which cannot be decoded",
            where=f"{self._name}, byte {position}",
            fix="save the file as UTF-8",
        )


def guess_encoding(sample: bytes) -> str | None:
    """Guess the encoding of bytes that are not UTF-8.

    Args:
        sample: bytes from the text, some of them outside ASCII.

    Returns:
        The name of a Python codec ("cp1252" where Latin-1 fits, as browsers do), or None where the bytes look
        like damaged UTF-8 or like no text at all.
    """
    from charset_normalizer import from_bytes

    decoded = sample.decode("utf-8", "replace")
    damaged = decoded.count("�")
    whole = sum(1 for character in decoded if character > "\x7f") - damaged
    # Valid multi-byte sequences rarely arise by chance: with more of them than bad bytes it is UTF-8.
    if whole > damaged or b"\0" in sample:
        return None
    if _decodes(sample, "cp1252") and _looks_western(sample.decode("cp1252")):
        return "cp1252"
    if sum(byte > 0x7F for byte in sample) < _MIN_BYTES_TO_GUESS:
        return None
    best = from_bytes(sample).best()
    if best is None:
        return None
    is_latin = best.encoding == "latin_1" or "cp1252" in best.could_be_from_charset
    return "cp1252" if is_latin and _decodes(sample, "cp1252") else best.encoding


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _looks_western(text: str) -> bool:
    """Whether letters outside ASCII stand singly among ASCII letters, as in Western European words."""
    outside = [character for character in text if character > "\x7f"]
    ascii_letters = sum(1 for character in text if character.isascii() and character.isalpha())
    typical = sum(1 for character in outside if character in _WESTERN)
    return ascii_letters >= 2 * len(outside) and typical >= 0.9 * len(outside)


_WESTERN = frozenset("àâäáãåæçèéêëìíîïñòóôöõøœùúûüßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜ€£§°«»–—‘’“”…•¿¡ºª·´ ®©™½")


def _utf16_without_mark(chunk: bytes) -> str | None:
    even, odd = chunk[0:2000:2], chunk[1:2000:2]
    if len(chunk) < 4 or not (even and odd):
        return None
    zeros_even, zeros_odd = even.count(0) / len(even), odd.count(0) / len(odd)
    if zeros_odd > 0.4 and zeros_even < 0.05:
        return "utf-16-le"
    if zeros_even > 0.4 and zeros_odd < 0.05:
        return "utf-16-be"
    return None


def _standard_input() -> io.BufferedReader:
    stream: Any = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise DataError(expected="bytes on standard input", found="none", where=place(STDIN))
    return cast(io.BufferedReader, stream) if hasattr(stream, "peek") else io.BufferedReader(stream)


def place(path: str | Path) -> str:
    """Return the name of a source for messages."""
    return "standard input" if str(path) == STDIN else str(path)


def _unreadable(where: str, error: OSError) -> DataError:
    why = (error.strerror or str(error)).lower()
    return DataError(
        expected="a file that can be read", found=why, where=where, fix="check the path and its permissions"
    )
