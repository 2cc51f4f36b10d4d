"""Where a CSV file can be cut: between two records, never at a line end inside quotes."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from typing import IO

from foretell.cluster import storage
from foretell.cluster.storage import StoredFile

_FIELD_LIMIT = 1 << 26
_READ = 1 << 20


def csv_cuts(file: StoredFile, delimiter: str, size: int) -> Iterator[int]:
    """Yield the end of the first record that ends `size` bytes or more after the cut before.

    Args:
        file: a file in UTF-8 or another encoding in which bytes below 128 are ASCII.
        delimiter: between two fields.
        size: bytes between two cuts, at least.

    The rules are those of Python's csv module with doubled quotes, so that a quote in the middle of a field
    without quotes opens nothing. Most lines have no quote: these are only counted.
    """
    cut = 0
    for end in _record_ends(file, delimiter):
        if end - cut >= size and end < file.size:
            cut = end
            yield cut


def header_end(file: StoredFile, delimiter: str) -> int:
    """Return the end of the first record that is not an empty line."""
    start = 0
    for end in _record_ends(file, delimiter):
        if storage.read_range(file.address, start, end).strip():
            return end
        start = end
    return file.size


def _record_ends(file: StoredFile, delimiter: str) -> Iterator[int]:
    """Yield where each record ends."""
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    at = 0
    with storage.open_file(file.address) as stream:
        lines = _lines(stream)
        first: list[str] = []

        def decoded() -> Iterator[str]:
            nonlocal at
            while first:
                yield first.pop()
            for line in lines:
                at += len(line)
                # One character a byte: no multi-byte character has a byte below 128.
                yield line.decode("latin-1")

        for line in lines:
            at += len(line)
            if b'"' in line:
                first.append(line.decode("latin-1"))
                _read_one(decoded(), delimiter)
            yield at


def _read_one(lines: Iterator[str], delimiter: str) -> None:
    """Take the lines of one record; where its quoting is broken, the reader of its shard reports it."""
    with contextlib.suppress(csv.Error):
        next(csv.reader(lines, delimiter=delimiter, strict=True), None)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines with their line ends; Arrow's files have no iterator of whole lines."""
    rest = b""
    while chunk := stream.read(_READ):
        # At newlines only: a lone carriage return is no place to cut.
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
