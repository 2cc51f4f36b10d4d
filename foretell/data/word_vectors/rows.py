"""Word vectors in one file: text of GloVe, word2vec and fastText, or word2vec's binary format."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foretell.data.decode import open_bytes
from foretell.data.word_vectors.vectors import Selection
from foretell.errors import DataError

MAX_DIMENSION = 16_384
"""Longest vector that is read: it bounds the memory for one row."""
_HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,12})[ \t]*\r?\n")
"""The first line of word2vec and fastText: the number of words and the dimension."""

_FORMATS = "GloVe .txt, word2vec .bin or .txt, fastText .vec, .npy or .safetensors"
_AGAIN = "the file is damaged or was cut: download or write it again"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_LINE = 1 << 20
_MAX_WORD = 4096
_CHUNK = 1 << 20
_SHOWN = 60
_NOT_IN_TEXT = frozenset(range(9))


def check_dimension(dimension: int, path: Path) -> int:
    """Return the dimension that a file states.

    Raises:
        DataError: none, or one that no word vectors have.
    """
    if not 1 <= dimension <= MAX_DIMENSION:
        expected, fix = f"a dimension of 1 to {MAX_DIMENSION:,}", "check that it is a file of word vectors"
        raise DataError(expected=expected, found=f"{dimension:,}", where=str(path), fix=fix)
    return dimension


def not_vectors(path: Path, what: str, fix: str = "") -> DataError:
    """Return the error for a file that contains no word vectors."""
    return DataError(expected=f"word vectors ({_FORMATS})", found=what, where=str(path), fix=fix)


def is_binary(start: bytes) -> bool:
    """Return whether a file that begins with these bytes has word2vec's binary format."""
    header = _HEADER.match(start)
    if header is None:
        return False
    rows = start[header.end() :]
    try:
        # The last character may be cut.
        rows[: len(rows) - 4].decode("utf-8")
    except UnicodeDecodeError:
        return True
    return not _NOT_IN_TEXT.isdisjoint(rows)


def text_dimension(line: bytes, path: Path) -> int:
    """Return the dimension of the vectors of a text file, by its first line.

    Raises:
        DataError: it is no line of word vectors.
    """
    if header := _HEADER.fullmatch(line):
        return check_dimension(int(header[2]), path)
    fields = line.removeprefix(_BYTE_ORDER_MARK).split()
    dimension = 0
    while dimension < len(fields) - 1 and _is_number(fields[-1 - dimension]):
        dimension += 1
    # One number after a word is a list of counts.
    if dimension < 2:
        raise not_vectors(path, f"the first line '{_shown(line.strip())}'")
    return check_dimension(dimension, path)


def read_text_rows(path: Path, selection: Selection) -> int:
    """Read the rows of a text file, where a word may contain spaces, and return their dimension.

    Raises:
        DataError: no word vectors, a row of another width, a damaged or truncated file.
    """
    with open_bytes(path) as stream:
        first = stream.readline(_MAX_LINE).removeprefix(_BYTE_ORDER_MARK)
        header, dimension = _HEADER.fullmatch(first), text_dimension(first, path)
        if header is None:
            _read_row(first, dimension, selection, f"{path}, line 1")
        count, number = 0, 1
        while line := stream.readline(_MAX_LINE):
            number += 1
            if len(line) == _MAX_LINE:
                raise not_vectors(path, f"a line of more than {_MAX_LINE:,} bytes")
            count += _read_row(line, dimension, selection, f"{path}, line {number}")
    if header is not None:
        _check_count(int(header[1]), count, path)
    return dimension


def read_binary_rows(path: Path, selection: Selection) -> int:
    """Read the rows of a file in word2vec's binary format and return their dimension.

    Each word is followed by a space and its numbers as little-endian float32. The original program writes a
    line end after each row, others do not.

    Raises:
        DataError: a damaged or truncated file.
    """
    with open_bytes(path) as stream:
        header = _HEADER.fullmatch(stream.readline(_MAX_WORD))
        assert header is not None, "checked by is_binary"
        dimension, count = check_dimension(int(header[2]), path), 0
        for count, (name, data) in enumerate(_binary_rows(stream, 4 * dimension, path), start=1):
            word = name.decode("utf-8", "replace")
            if selection.takes(word):
                selection.add(word, np.frombuffer(data, "<f4"), f"{path}, word {count}")
    _check_count(int(header[1]), count, path)
    return dimension


def _binary_rows(stream: io.BufferedReader, width: int, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield each word and the `width` bytes of its numbers."""
    buffer, at = b"", 0
    while True:
        space = buffer.find(b" ", at, at + _MAX_WORD)
        if space >= 0 and space + 1 + width <= len(buffer):
            yield buffer[at:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + width]
            at = space + 1 + width
            continue
        more = stream.read(_CHUNK)
        buffer, at = buffer[at:] + more, 0
        if (space < 0 and len(buffer) - len(more) >= _MAX_WORD) or (not more and buffer.strip()):
            expected = "a word, a space and its numbers until the end of the file"
            raise DataError(expected=expected, found=f"{len(buffer):,} bytes", where=str(path), fix=_AGAIN)
        if not more:
            return


def _check_count(stated: int, count: int, path: Path) -> None:
    if count != stated:
        expected = f"{stated:,} words, as the first line states"
        raise DataError(expected=expected, found=f"{count:,}", where=str(path), fix=_AGAIN)


def _read_row(line: bytes, dimension: int, selection: Selection, where: str) -> bool:
    """Read one line; return whether it has a word."""
    line = line.rstrip(b" \r\n")
    if line.count(b" ") == dimension and b"\t" not in line:
        name, _, values = line.partition(b" ")
    else:
        fields = line.split()
        if not fields:
            return False
        if len(fields) <= dimension or (len(fields) > dimension + 1 and _is_number(fields[-dimension - 1])):
            expected = f"{dimension} numbers after the word '{_shown(fields[0])}'"
            raise DataError(expected=expected, found=f"{len(fields) - 1}", where=where, fix=_AGAIN)
        name, values = b" ".join(fields[:-dimension]), b" ".join(fields[-dimension:])
    word = name.decode("utf-8", "replace")
    if selection.takes(word):
        try:
            numbers = np.array([*map(float, values.split())], np.float64)
        except ValueError:
            bad = next(field for field in values.split() if not _is_number(field))
            found = f"'{_shown(bad)}'"
            raise DataError(expected="numbers after the word", found=found, where=where, fix=_AGAIN) from None
        selection.add(word, numbers, where)
    return True


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shown(text: bytes) -> str:
    shown = text[: 4 * _SHOWN].decode("utf-8", "replace")
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
