"""Word vectors in word2vec's binary format (.bin), also compressed with gzip.

The first line states the number of words and the dimension. Each word follows with a space and its numbers as
little-endian float32. The original program writes a line end after each row, others do not.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foretell.data.decode import open_bytes
from foretell.data.word_vectors.selection import Selection
from foretell.data.word_vectors.text_rows import HEADER, check_dimension, wrong_count
from foretell.errors import DataError

FASTTEXT_MODEL = (793_712_314).to_bytes(4, "little")
"""The first bytes of a model of fastText, which is another format with the same ending."""

_MAX_HEADER = 64
_MAX_WORD = 4096
_CHUNK = 1 << 20
_NOT_IN_TEXT = frozenset(range(9))


def is_binary(start: bytes) -> bool:
    """Return whether a file that begins with these bytes has word2vec's binary format."""
    header = HEADER.match(start)
    if header is None:
        return False
    rows = start[header.end() :]
    try:
        # The last character may be cut.
        rows[: len(rows) - 4].decode("utf-8")
    except UnicodeDecodeError:
        return True
    return not _NOT_IN_TEXT.isdisjoint(rows)


def read_binary_rows(path: Path, selection: Selection) -> int:
    """Read the rows of a binary file and return their dimension.

    Raises:
        DataError: a damaged or truncated file.
    """
    with open_bytes(path) as stream:
        header = HEADER.fullmatch(stream.readline(_MAX_HEADER))
        assert header is not None, "checked by is_binary"
        stated, dimension = int(header[1]), check_dimension(int(header[2]), path)
        count = 0
        for count, (name, data) in enumerate(_rows(stream, 4 * dimension, path), start=1):
            word = name.decode("utf-8", "replace")
            if selection.takes(word):
                selection.add(word, np.frombuffer(data, "<f4"), (path, "word", count))
    if count != stated:
        raise wrong_count(stated, count, path)
    return dimension


def _rows(stream: io.BufferedReader, width: int, path: Path) -> Iterator[tuple[bytes, bytes]]:
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
            raise DataError(
                expected="a word, a space and its numbers until the end of the file",
                found=f"{len(buffer):,} bytes" if more else f"only {len(buffer):,} bytes at the end",
                where=str(path),
                fix="the file is damaged or was cut: download or copy it again",
            )
        if not more:
            return
