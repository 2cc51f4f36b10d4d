"""Shards: parts of files that one worker reads at a time. Ray carries these descriptions, never rows."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from foretell.artifacts.replacement import typed
from foretell.cluster.storage import StoredFile, find, local_copy, name_of, open_file, read_range
from foretell.data.columns import Columns, choose_columns
from foretell.data.formats import FORMATS, finite_number, format_named, format_of
from foretell.data.records import ReadOptions, Record, text_of
from foretell.data.source import Source
from foretell.data.tables import sniff
from foretell.errors import DataError

MAX_BYTES, MIN_BYTES = 8 << 20, 1 << 18
"""Bytes of a shard where the input is of ordinary size, which a worker has in memory, and of a small one."""
_SHARDS = 64
"""Shards of a small input, at most."""
_BEGINNING, _READ = 1 << 20, 1 << 18
_SAMPLE = 100
_FIELD_LIMIT = 1 << 26
_GZIP = b"\x1f\x8b"
# UTF-16 and UTF-32, in which the bytes of a newline are no place to cut.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LINES = ("text", "fasttext")

Row = tuple[Record, str]
"""A record, and why it could not be read: "" where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file, size, stamp: the file as it was when the run was planned (`storage.StoredFile`).
        start, stop: the bytes of the shard, the second not included.
        format: name of the format (`foretell.data.formats.FORMATS`).
        head: bytes at the beginning of the file that hold the names of the columns and are read before the
            range; 0: none.
        why_whole: why the file is read as one, such as "compressed"; "": it is divided.
        text, label: the names of the columns; None: the format has none.
    """

    ordinal: int
    file: str
    size: int
    stamp: str
    start: int
    stop: int
    format: str
    head: int = 0
    why_whole: str = ""
    text: str | None = None
    label: str | None = None

    @property
    def name(self) -> str:
        """The file and the bytes, for messages."""
        short = name_of(self.file)
        return short if self.why_whole else f"{short}, bytes {self.start:,} to {self.stop:,}"


# ---- The plan


def plan(
    files: Sequence[StoredFile], options: ReadOptions, format: str | None, shard_bytes: int | None
) -> tuple[list[Shard], list[str]]:
    """Divide files into shards, which begin and end between two records.

    Of CSV every byte is read for that, of other formats a few at each cut. Without a format each file has
    that of its name or its content; without `shard_bytes` a shard has 8 MiB, or less of a small input.

    Returns:
        The shards in the order of the input, and the names of the columns of all files.
    """
    size = shard_bytes or max(MIN_BYTES, min(MAX_BYTES, sum(each.size for each in files) // _SHARDS))
    shards: list[Shard] = []
    columns: dict[str, None] = {}
    for file in files:
        with typed(DataError, "a file that can be read", file.file):
            found, names = _divided(file, options, format, size)
        shards += [replace(each, ordinal=len(shards) + n) for n, each in enumerate(found)]
        columns |= dict.fromkeys(names)
    return shards, list(columns)


def _divided(
    file: StoredFile, options: ReadOptions, named: str | None, size: int
) -> tuple[list[Shard], Sequence[str]]:
    """Return the shards of a file, and the names of its columns, by its first MiB where it can be divided."""
    start = read_range(file.file, 0, _BEGINNING)
    with _opened(file.file, None if start.startswith(_GZIP) else start, options, []) as source:
        format = (format_of(source) if named is None else format_named(named)).name
    why, delimiter = _undivided(start, file.size, format)
    sample: list[Record] = []
    with _opened(file.file, None if why else start, options, []) as source:
        try:
            sample.extend(itertools.islice(FORMATS[format].read(source), _SAMPLE))
        except DataError:
            # The end of the first MiB may cut a record.
            if not sample:
                raise
    if not sample:
        # A header without rows.
        return [], ()
    names = list(dict.fromkeys(key for record in sample for key in record.fields))
    whole = Shard(
        ordinal=0, file=file.file, size=file.size, stamp=file.stamp, start=0, stop=file.size, format=format,
        why_whole=why,
    )  # fmt: skip
    if format not in _LINES:
        cells = [[text_of(record.fields.get(name)) for name in names] for record in sample]
        columns = choose_columns(names, cells, options, name_of(file.file))
        whole = replace(whole, text=columns.text, label=columns.label)
    if why:
        return [whole], names
    if not delimiter:
        return _ranges(whole, _line_cuts(file, size)), names
    # Without a header the columns are called 1, 2, …
    has_header = names != [str(number + 1) for number in range(len(names))]
    head = next(_record_ends(file, delimiter), 0) if has_header else 0
    return _ranges(replace(whole, head=head), _csv_cuts(file, delimiter, size, head)), names


def _undivided(start: bytes, size: int, format: str) -> tuple[str, str]:
    """Return why a file cannot be divided, "" where it can, and the delimiter of CSV."""
    if start.startswith(_GZIP):
        return "compressed", ""
    if start.startswith(_WIDE) or b"\0" in start[:_SAMPLE]:
        return "not in UTF-8", ""
    if format in ("csv", "tsv"):
        lines = start.decode("utf-8", "replace").removeprefix("\ufeff").splitlines(keepends=True)
        is_all = len(start) == size
        # The last line may be cut where the first MiB ends.
        lines = lines if is_all or len(lines) < 2 else lines[:-1]
        dialect, rows = sniff(lines, whole=is_all, prefer="\t" if format == "tsv" else ",")
        if dialect.quotes == "double" and rows:
            return "", dialect.delimiter
        return f"quotes are not doubled ({dialect.quotes})", ""
    if format == "jsonl" and start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b'"'):
        return "one JSON array", ""
    return "" if format in (*_LINES, "jsonl") else f"the format {format}", ""


def _ranges(whole: Shard, cuts: Iterator[int]) -> list[Shard]:
    ends = itertools.pairwise([whole.head, *cuts, whole.size])
    return [replace(whole, start=start, stop=stop) for start, stop in ends if stop > start]


def _line_cuts(file: StoredFile, size: int) -> Iterator[int]:
    """Yield the places after the line end that follows each multiple of `size`."""
    with _buffered(file) as lines:
        at = size
        while at < file.size:
            lines.seek(at - 1)
            lines.readline()
            at = lines.tell()
            if at < file.size:
                yield at
            at += size


def _csv_cuts(file: StoredFile, delimiter: str, size: int, head: int) -> Iterator[int]:
    """Yield the end of the first record that ends `size` bytes or more after the cut before."""
    cut = 0
    for end in _record_ends(file, delimiter):
        if end - cut >= size and head < end < file.size:
            cut = end
            yield cut


def _record_ends(file: StoredFile, delimiter: str) -> Iterator[int]:
    """Yield where each record of a CSV file ends that is not an empty line.

    Where the quoting is broken nothing more is cut: the reader of the last shard reports it.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    at = 0

    def counted() -> Iterator[str]:
        nonlocal at
        for line in lines:
            at += len(line)
            # One character a byte: no multi-byte character has a byte below 128.
            yield line.decode("latin-1")

    with _buffered(file) as lines, contextlib.suppress(csv.Error):
        for row in csv.reader(counted(), delimiter=delimiter, strict=True):
            if any(map(str.strip, row)) or len(row) > 1:
                yield at


def _buffered(file: StoredFile) -> io.BufferedReader:
    """Open a file with lines, which Arrow's files lack; they end at newlines alone."""
    return io.BufferedReader(cast(io.RawIOBase, open_file(file.file)), _READ)


# ---- Reading


@contextlib.contextmanager
def _opened(
    file: str, content: bytes | None, options: ReadOptions, notes: list[str], name: str = ""
) -> Iterator[Source]:
    """Yield a part of a file as a source of this name; None: the whole file."""
    with contextlib.ExitStack() as stack:
        if content is None:
            path = stack.enter_context(local_copy(file))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="foretell-"))
            path = Path(folder) / f"part{''.join(Path(name_of(file)).suffixes[-2:])}"
            path.write_bytes(content)
        source = stack.enter_context(Source(path, options, notes))
        source.name = source.short = name or name_of(file)
        yield source


def open_shard(shard: Shard, notes: list[str]) -> Iterator[Row]:
    """Return the records of a shard, in order; what was guessed while reading is added to `notes`."""
    with typed(DataError, "a file that can be read", shard.file):
        stored = find(shard.file)
        if stored is None or (stored.size, stored.stamp) != (shard.size, shard.stamp):
            raise DataError(
                expected="the file as it was when the run began, on every node",
                found="nothing" if stored is None else "a later change", where=shard.file,
                fix="use a shared file system or a bucket; give another --out for new data",
            )  # fmt: skip
        if shard.why_whole:
            return _rows(shard, None, notes)
        content = read_range(shard.file, shard.start, shard.stop)
        if shard.format == "jsonl":
            return _json_rows(shard, content)
        head = read_range(shard.file, 0, shard.head) if shard.head else b""
        return _rows(shard, head + content, notes)


def _rows(shard: Shard, content: bytes | None, notes: list[str]) -> Iterator[Row]:
    """Read a whole file, or a range with the names of the columns in front, by the format's own reader."""
    options = ReadOptions(text=shard.text, label=shard.label)
    with _opened(shard.file, content, options, notes, shard.name) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines. A line that is no JSON is a row with a problem: the others still count."""
    columns = Columns(shard.text or "", shard.label)
    content = content if shard.start else content.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(io.BytesIO(content), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=finite_number, parse_constant=finite_number)
            row = {"text": value} if isinstance(value, str) else value
            if not isinstance(row, dict):
                raise ValueError("not an object or a string")
            yield columns.record(row, f"{shard.name}, line {number}"), ""
        except DataError as error:
            yield Record(""), f"expected {error.expected}, found {error.found}"
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            yield Record(""), f"no JSON: {reason:.80}"
