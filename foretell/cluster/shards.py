"""Shards: parts of files that one worker reads at a time. Ray carries these descriptions, never
rows.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foretell.artifacts.replacement import typed
from foretell.cluster.storage import StoredFile, find, local_copy, name_of, open_file, read_range
from foretell.data.columns import Columns, columns_of_rows
from foretell.data.formats import FORMATS, format_named, format_of, json_row
from foretell.data.records import ReadOptions, Record
from foretell.data.source import Source
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
# gzip, and UTF-16 and UTF-32, in which the bytes of a newline are no place to cut.
_WHOLE = (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LINES = ("text", "fasttext")
_TABLES = ("csv", "tsv")

Row = tuple[Record, str]
"""A record, and why it could not be read: "" where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file: as it was when the run was planned.
        start, stop: the bytes of the shard, the second not included.
        format: name of the format (`foretell.data.formats.FORMATS`).
        is_whole: whether the file is read as one, since it cannot be divided.
        text: the names of the text columns; empty: the format has none.
        label: the name of the label column; None: the format has none.
    """

    ordinal: int
    file: StoredFile
    start: int
    stop: int
    format: str
    is_whole: bool
    text: tuple[str, ...] = ()
    label: str | None = None

    @property
    def name(self) -> str:
        """The file and the bytes, for messages."""
        short = name_of(self.file.file)
        return short if self.is_whole else f"{short}, bytes {self.start:,} to {self.stop:,}"


def plan(
    files: Sequence[StoredFile], options: ReadOptions, format: str | None, shard_bytes: int | None
) -> tuple[list[Shard], list[str]]:
    """Divide files into shards: files of lines at line ends, for which a few bytes are read at each
    cut.

    Without a format each file has that of its name or its content; without `shard_bytes` a shard
    has 8 MiB, or less of a small input.

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
            whole, names = _whole(file, options, format)
            # A header without rows is no shard.
            cuts = _line_cuts(file, size) if names and not whole.is_whole else ()
            for start, stop in itertools.pairwise([0, *cuts, file.size]) if names else ():
                shards.append(replace(whole, ordinal=len(shards), start=start, stop=stop))
        columns |= dict.fromkeys(names)
    return shards, list(columns)


def _whole(
    file: StoredFile, options: ReadOptions, named: str | None
) -> tuple[Shard, Sequence[str]]:
    """Return a file as one shard, and the names of its columns, of which there are none without a
    record.
    """
    start = read_range(file.file, 0, _BEGINNING)
    content = None if start.startswith(_WHOLE) or b"\0" in start[:_SAMPLE] else start
    with _opened(file.file, content, options) as source:
        format = (format_of(source) if named is None else format_named(named)).name
    is_lines = format in _LINES or (format == "jsonl" and _begins_with_line(start))
    is_whole = content is None or not is_lines
    sample = _sample(file, options, format, content if is_lines or format in _TABLES else None)
    names = list(dict.fromkeys(key for record in sample for key in record.fields))
    whole = Shard(ordinal=0, file=file, start=0, stop=file.size, format=format, is_whole=is_whole)
    if sample and format not in _LINES:
        rows = [record.fields for record in sample]
        columns = columns_of_rows(rows, options, name_of(file.file))
        whole = replace(whole, text=columns.text, label=columns.label)
    return whole, names


def _begins_with_line(start: bytes) -> bool:
    """Return whether JSON has a value a line, not one array."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b'"'))


def _sample(
    file: StoredFile, options: ReadOptions, format: str, content: bytes | None
) -> list[Record]:
    """Return the first records of a file, or of its beginning."""
    sample: list[Record] = []
    with _opened(file.file, content, options) as source:
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
            if at < file.size:
                yield at
            at += size


@contextlib.contextmanager
def _opened(
    file: str, content: bytes | None, options: ReadOptions, name: str = ""
) -> Iterator[Source]:
    """Yield a part of a file as a source of this name; None: the whole file."""
    with contextlib.ExitStack() as stack:
        if content is None:
            path = stack.enter_context(local_copy(file))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="foretell-"))
            path = Path(folder) / f"part{''.join(Path(name_of(file)).suffixes[-2:])}"
            path.write_bytes(content)
        source = stack.enter_context(Source(path, options, []))
        source.name = source.short = name or name_of(file)
        yield source


def open_shard(shard: Shard) -> Iterator[Row]:
    """Return the records of a shard, in order."""
    address = shard.file.file
    with typed(DataError, "a file that can be read", address):
        if (stored := find(address)) != shard.file:
            raise DataError(
                expected="the file as it was when the run began, on every node",
                found="nothing" if stored is None else "a later change",
                where=address,
                fix="use a shared file system or a bucket; give another --out for new data",
            )
        content = None if shard.is_whole else read_range(address, shard.start, shard.stop)
    if content is not None and shard.format == "jsonl":
        return _json_rows(shard, content)
    return _rows(shard, content)


def _rows(shard: Shard, content: bytes | None) -> Iterator[Row]:
    """Read a whole file, or a range of lines, by the format's own reader."""
    options = ReadOptions(text=shard.text, label=shard.label)
    with _opened(shard.file.file, content, options, shard.name) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines. A line that is no JSON is a row with a problem: the others still
    count.
    """
    columns = Columns(shard.text, shard.label)
    for number, line in enumerate(io.BytesIO(content), start=1):
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            try:
                where, row = json_row(
                    line.rstrip().decode("utf-8-sig"), f"{shard.name}, line {number}"
                )
                yield columns.record(row, where), ""
            except ValueError as error:
                yield Record(""), str(error)
