"""Word vectors as text, one word a line: GloVe, word2vec and fastText's .vec, also compressed with gzip."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foretell.arrays import Float64s
from foretell.data.decode import open_bytes
from foretell.data.word_vectors.selection import MAX_DIMENSION, Selection
from foretell.errors import DataError

FORMATS = "GloVe .txt, word2vec .bin or .txt, fastText .vec, .npy or .safetensors"
HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,12})[ \t]*\r?\n")
"""The first line of word2vec and fastText: the number of words and the dimension."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_LINE = 1 << 20
_SHOWN = 60


def read_text_rows(path: Path, selection: Selection) -> int:
    """Read the rows of a text file and return their dimension.

    A word may contain spaces, as some do in GloVe's largest file.

    Raises:
        DataError: no word vectors, a row of another width, a damaged or truncated file.
    """
    with open_bytes(path) as stream:
        first = stream.readline(_MAX_LINE).removeprefix(_BYTE_ORDER_MARK)
        header = HEADER.fullmatch(first)
        lines = _lines(stream, path)
        if header is None:
            dimension = _dimension(first, path)
            _read_row(first, dimension, selection, path, 1)
        else:
            dimension = check_dimension(int(header[2]), path)
        count = 0
        for number, line in enumerate(lines, start=2):
            count += _read_row(line, dimension, selection, path, number)
    if header is not None and count != int(header[1]):
        raise wrong_count(int(header[1]), count, path)
    return dimension


def check_dimension(dimension: int, path: Path) -> int:
    """Return the dimension that a file states.

    Raises:
        DataError: none, or one that no word vectors have.
    """
    if not 1 <= dimension <= MAX_DIMENSION:
        raise DataError(
            expected=f"a dimension of 1 to {MAX_DIMENSION:,}",
            found=f"{dimension:,}",
            where=str(path),
            fix="check that it is a file of word vectors",
        )
    return dimension


def wrong_count(stated: int, count: int, path: Path) -> DataError:
    """Return the error for a file with another number of words than it states."""
    return DataError(
        expected=f"{stated:,} words, as the first line states",
        found=f"{count:,}",
        where=str(path),
        fix="the file was cut: download or copy it again" if count < stated else "correct the first line",
    )


def not_vectors(path: Path, what: str) -> DataError:
    """Return the error for a file that contains no word vectors."""
    return DataError(expected=f"word vectors ({FORMATS})", found=what, where=str(path))


def _lines(stream: io.BufferedReader, path: Path) -> Iterator[bytes]:
    while line := stream.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise not_vectors(path, f"a line of more than {_MAX_LINE:,} bytes")
        yield line


def _read_row(line: bytes, dimension: int, selection: Selection, path: Path, number: int) -> bool:
    """Read one line; return whether it has a word."""
    line = line.rstrip(b" \r\n")
    if line.count(b" ") == dimension and b"\t" not in line:
        name, _, values = line.partition(b" ")
    else:
        fields = line.split()
        if not fields:
            return False
        if len(fields) <= dimension or (len(fields) > dimension + 1 and _is_number(fields[-dimension - 1])):
            raise _wrong_width(fields, dimension, path, number)
        name, values = b" ".join(fields[:-dimension]), b" ".join(fields[-dimension:])
    word = name.decode("utf-8", "replace")
    if selection.takes(word):
        selection.add(word, _numbers(values, path, number), (path, "line", number))
    return True


def _numbers(values: bytes, path: Path, number: int) -> Float64s:
    fields = values.split()
    try:
        return np.array([*map(float, fields)], np.float64)
    except ValueError:
        bad = next(field for field in fields if not _is_number(field))
        raise DataError(
            expected="numbers after the word",
            found=f"'{_shown(bad)}'",
            where=f"{path}, line {number}",
            fix="download or write the file again",
        ) from None


def _dimension(line: bytes, path: Path) -> int:
    """Return the dimension of the vectors of a file without a header, by its first line."""
    fields = line.split()
    dimension = 0
    while dimension < len(fields) - 1 and _is_number(fields[-1 - dimension]):
        dimension += 1
    # One number after a word is a list of counts.
    if dimension < 2:
        raise not_vectors(path, f"the first line '{_shown(line.strip())}'")
    return check_dimension(dimension, path)


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong_width(fields: list[bytes], dimension: int, path: Path, number: int) -> DataError:
    return DataError(
        expected=f"{dimension} numbers after the word '{_shown(fields[0])}'",
        found=f"{len(fields) - 1}",
        where=f"{path}, line {number}",
        fix="the file is damaged or was cut: download or write it again",
    )


def _shown(text: bytes) -> str:
    shown = text[: 4 * _SHOWN].decode("utf-8", "replace")
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
