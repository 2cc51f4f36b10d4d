"""Files divided into shards, and the records of a shard."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from foretell.artifacts.replacement import typed
from foretell.cluster.csv_shards import DELIMITERS, csv_shard_rows, csv_shards
from foretell.cluster.shard import Row, Shard, decoded, opened, opened_shard, tried
from foretell.cluster.storage import (
    StoredFile,
    find,
    is_bucket,
    name_of,
    open_file,
    read_range,
)
from foretell.data.columns import Columns, columns_of_rows
from foretell.data.decode import PARQUET
from foretell.data.formats import FORMATS, format_named, format_of, json_row
from foretell.data.frames import tried_parquet
from foretell.data.records import ReadOptions, Record
from foretell.data.trial import parquet_length
from foretell.errors import DataError

MAX_BYTES = 8 << 20
MIN_BYTES = 1 << 18
"""Bytes of a shard where the input is of ordinary size, which a worker has in memory, and of a
small one.
"""
_SHARDS = 64
"""Shards of a small input, at most."""
_BEGINNING = 1 << 20
_SAMPLE = 100
# gzip, bzip2, and UTF-16 and UTF-32, in which the bytes of a newline are no place to cut.
_WHOLE = (b"\x1f\x8b", b"BZh", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LINES = ("text", "fasttext")


def plan(
    files: Sequence[StoredFile], options: ReadOptions, format: str | None, shard_bytes: int | None
) -> tuple[list[Shard], list[str]]:
    """Divide files into shards, which begin and end between two records.

    For that CSV is read once, and of lines a few bytes at each cut. Without a format each file has
    that of its name or its content; without `shard_bytes` a shard has 8 MiB, or less of a small
    input.

    Returns:
        The shards in the order of the input, and the names of the columns of all files.
    """
    size = shard_bytes or max(
        MIN_BYTES, min(MAX_BYTES, sum(each.size for each in files) // _SHARDS)
    )
    shards: list[Shard] = []
    columns: dict[str, None] = {}
    for file in files:
        with typed(DataError, "a file that can be read", file.file):
            divided, names = _divided(file, options, format, size)
        shards += divided
        columns |= dict.fromkeys(names)
    return [replace(shard, ordinal=k) for k, shard in enumerate(shards)], list(columns)


def _divided(
    file: StoredFile, options: ReadOptions, named: str | None, size: int
) -> tuple[list[Shard], Sequence[str]]:
    """Return the shards of a file, and the names of its columns; none of both without a record."""
    start = read_range(file.file, 0, _BEGINNING)
    content = start if _may_be_cut(start) else None
    with opened(file.file, content, options) as source:
        format = (format_of(source) if named is None else format_named(named)).name
    whole = Shard(ordinal=0, file=file, start=0, stop=file.size, format=format, is_whole=True)
    if format in DELIMITERS and content is not None:
        return csv_shards(whole, options, size)
    is_lines = format in _LINES or (format == "jsonl" and _begins_with_line(start))
    content = content if is_lines else None
    sample = _sample(file, options, format, content)
    names = list(dict.fromkeys(key for record in sample for key in record.fields))
    if not sample:
        return [], names
    if format not in _LINES:
        rows = [record.fields for record in sample]
        whole = replace(whole, columns=columns_of_rows(rows, options, name_of(file.file)))
    if content is not None:
        return replace(whole, is_whole=False).divided(_line_cuts(file, size)), names
    if start.startswith(PARQUET) and not is_bucket(file.file):
        return _parquet_shards(whole, size), names
    return [whole], names


def _may_be_cut(start: bytes) -> bool:
    return not start.startswith(_WHOLE) and b"\0" not in start[:_SAMPLE]


def _begins_with_line(start: bytes) -> bool:
    """Return whether JSON has a value a line, not one array."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b'"'))


def _sample(
    file: StoredFile, options: ReadOptions, format: str, content: bytes | None
) -> list[Record]:
    """Return the first records of a file, or of its beginning."""
    sample: list[Record] = []
    with opened(file.file, content, options) as source:
        try:
            sample.extend(itertools.islice(FORMATS[format].read(source), _SAMPLE))
        except DataError:
            # The end of the first MiB may cut a record.
            if not sample:
                raise
    return sample


def _line_cuts(file: StoredFile, size: int) -> Iterator[int]:
    """Yield the places after the line end that follows each multiple of `size`."""
    with open_file(file.file) as lines:
        at = size
        while at < file.size:
            lines.seek(at - 1)
            lines.readline()
            at = lines.tell()
            yield at
            at += size


def _parquet_shards(whole: Shard, size: int) -> list[Shard]:
    count = parquet_length(Path(whole.file.file))
    cuts = range(0, count, max(1, size * count // whole.file.size))
    return replace(whole, stop=count, is_whole=False).divided(cuts)


def open_shard(shard: Shard) -> Iterator[Row]:
    """Return the records of a shard, in order."""
    address = shard.file.file
    content = None
    with typed(DataError, "a file that can be read", address):
        if (stored := find(address)) != shard.file:
            raise DataError(
                "the file as it was when the run began, on every node",
                "nothing" if stored is None else "a later change",
                where=address,
                fix="use a shared file system or a bucket; give another --out for new data",
            )
        if not shard.is_whole and shard.format != "parquet":
            content = read_range(address, shard.start, shard.stop)
    if shard.format in DELIMITERS:
        return csv_shard_rows(shard, content)
    if shard.format == "parquet" and not shard.is_whole:
        return _parquet_rows(shard)
    if shard.format == "jsonl" and content is not None:
        return _json_rows(shard, content)
    return _rows(shard, content)


def _rows(shard: Shard, content: bytes | None) -> Iterator[Row]:
    """Read a whole file, or a range of lines, by the format's own reader."""
    with opened_shard(shard, content) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines."""
    for number, line in enumerate(io.BytesIO(content), start=1):
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            yield tried(_json_record, shard.columns, line, f"{shard.name}, line {number}")


def _json_record(columns: Columns, line: bytes, where: str) -> Record:
    where, row = json_row(decoded(line.rstrip(), "utf-8-sig", where), where)
    return columns.record(row, where)


def _parquet_rows(shard: Shard) -> Iterator[Row]:
    """Read rows of a Parquet file, which the plan has tried."""
    count = shard.stop - shard.start
    frame = tried_parquet(Path(shard.file.file), shard.name, shard.start, count)
    for number, cells in enumerate(frame.rows, start=1):
        row = dict(zip(frame.columns, cells, strict=True))
        yield tried(shard.columns.record, row, f"{shard.name}, record {number}")
