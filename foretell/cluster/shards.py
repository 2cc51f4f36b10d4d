"""Shards: parts of files that one worker reads at a time. Ray carries these descriptions, never rows."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

from foretell.artifacts.replacement import typed
from foretell.cluster.storage import StoredFile, local_copy, name_of, open_file, read_range
from foretell.data.columns import choose_columns
from foretell.data.formats import FORMATS, format_named, format_of
from foretell.data.frames import damaged
from foretell.data.records import ReadOptions, Record, text_of
from foretell.data.source import Source
from foretell.data.tables import sniff
from foretell.errors import DataError

MAX_BYTES, MIN_BYTES = 8 << 20, 1 << 18
"""Bytes of a shard where the input is of ordinary size, which a worker has in memory, and of a small one."""
_SHARDS, _MAX_SHARDS = 64, 10_000
"""Shards of a small input, at most; a very large input gets larger shards instead of more than the second."""
_BEGINNING, _READ, _SEEN = 1 << 20, 1 << 20, 1 << 16
_SAMPLE = 100
_FIELD_LIMIT = 1 << 26
_GZIP = b"\x1f\x8b"
# UTF-16 and UTF-32, in which the bytes of a newline are no place to cut.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file, size, stamp: the file as it was when the run was planned (`storage.StoredFile`).
        start, stop: the bytes of the shard; of Parquet those of its row groups.
        format: name of the format (`foretell.data.formats.FORMATS`).
        head: bytes at the beginning of the file that hold the names of the columns and are read before the
            range; 0: none.
        row_groups: first row group, and the one after the last; None: not Parquet.
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
    row_groups: list[int] | None = None
    why_whole: str = ""
    text: str | None = None
    label: str | None = None

    @property
    def name(self) -> str:
        """The file and the bytes, for messages."""
        short = name_of(self.file)
        return short if self.why_whole else f"{short}, bytes {self.start:,} to {self.stop:,}"


@dataclass(slots=True)
class Plan:
    """The shards of an input in its order, the names of its columns, and the first records of each file."""

    shards: list[Shard] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    sample: list[Record] = field(default_factory=list)


def plan(
    files: Sequence[StoredFile], options: ReadOptions, format: str | None, shard_bytes: int | None
) -> Plan:
    """Divide files into shards, which begin and end between two records.

    Of CSV every byte is read for that, of other formats a few at each cut.

    Args:
        files: the input, in order.
        options: the columns that the caller named, and whether labels are needed.
        format: the format of every file; None: by its name or its content.
        shard_bytes: bytes of a shard; None: 8 MiB, less for small inputs and more for very large ones.
    """
    total = sum(each.size for each in files)
    size = shard_bytes or max(MIN_BYTES, min(MAX_BYTES, total // _SHARDS), -(-total // _MAX_SHARDS))
    made = Plan()
    for file in files:
        with typed(DataError, "a file that can be read", file.file):
            shards, names, sample = _FilePlan(file, options, format, size).divided()
        made.shards += [replace(each, ordinal=len(made.shards) + n) for n, each in enumerate(shards)]
        made.columns |= dict.fromkeys(names)
        made.sample += sample
    return made


class _FilePlan:
    """The division of one file; see `plan`. Reads its first MiB, or of Parquet its end."""

    def __init__(self, file: StoredFile, options: ReadOptions, format: str | None, size: int) -> None:
        self._file, self._options, self._size, self._named = file, options, size, format
        self._name = name_of(file.file)
        self._beginning = b""
        self._undivided = Shard(
            ordinal=0, file=file.file, size=file.size, stamp=file.stamp, start=0, stop=file.size, format=""
        )

    def divided(self) -> tuple[list[Shard], Sequence[str], list[Record]]:
        """Return the shards, the names of the columns and the first records."""
        self._beginning = read_range(self._file.file, 0, _BEGINNING)
        if self._beginning.startswith(_GZIP):
            return self._whole("compressed")
        with beginning_of(self._beginning, self._name, self._options) as source:
            format = (format_of(source) if self._named is None else format_named(self._named)).name
        if format == "parquet":
            return self._parquet()
        if self._beginning.startswith(_WIDE) or b"\0" in self._beginning[:_SAMPLE]:
            return self._whole("not in UTF-8")
        if format in ("text", "fasttext"):
            shard, cuts = replace(self._undivided, format=format), _line_cuts(self._file, self._size)
            return _ranges(shard, cuts), ("text", "label"), self._first_records(format)
        if format in ("csv", "tsv"):
            return self._csv(format)
        if format != "jsonl":
            return self._whole(f"the format {format}")
        if self._beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b'"'):
            return self._whole("one JSON array")
        sample = self._first_records(format)
        shard = self._with_columns(format, sample)
        return _ranges(shard, _line_cuts(self._file, self._size)), _names(sample), sample

    def _csv(self, format: str) -> tuple[list[Shard], Sequence[str], list[Record]]:
        lines = self._beginning.decode("utf-8", "replace").removeprefix("\ufeff").splitlines(keepends=True)
        is_all = len(self._beginning) == self._file.size
        # The last line may be cut where the first MiB ends.
        lines = lines if is_all or len(lines) < 2 else lines[:-1]
        dialect, rows = sniff(lines, whole=is_all, prefer="\t" if format == "tsv" else ",")
        if dialect.quotes != "double" or not rows:
            return self._whole(f"quotes are not doubled ({dialect.quotes})", format)
        sample = self._first_records(format)
        if not sample:
            # A header without rows.
            return [], (), []
        names = _names(sample)
        head = 0
        if names[: len(rows[0])] != [str(number + 1) for number in range(len(rows[0]))]:
            head = next(_record_ends(self._file, dialect.delimiter))
        cuts = _csv_cuts(self._file, dialect.delimiter, self._size, head)
        return _ranges(replace(self._with_columns(format, sample), head=head), cuts), names, sample

    def _parquet(self) -> tuple[list[Shard], Sequence[str], list[Record]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with open_file(self._file.file) as stream:
            try:
                table = pq.ParquetFile(stream)
                groups = [
                    _bytes_of(table.metadata.row_group(i)) for i in range(table.metadata.num_row_groups)
                ]
                batch = next(table.iter_batches(batch_size=_SAMPLE), None)
            except (pa.ArrowException, OSError) as error:
                raise damaged(self._file.file, " ".join(str(error).split())) from error
            names = list(table.schema_arrow.names)
        rows = [] if batch is None else batch.to_pylist()
        cells = [[text_of(value) for value in row.values()] for row in rows]
        columns = choose_columns(names, cells, self._options, self._name)
        undivided = replace(self._undivided, format="parquet", text=columns.text, label=columns.label)
        shards, first = list[Shard](), 0
        while first < len(groups):
            last = first + 1
            while last < len(groups) and groups[last][1] - groups[first][0] <= self._size:
                last += 1
            start, stop = groups[first][0], groups[last - 1][1]
            shards.append(replace(undivided, start=start, stop=stop, row_groups=[first, last]))
            first = last
        return shards, names, [columns.record(row, self._file.file) for row in rows]

    def _whole(self, why: str, format: str | None = None) -> tuple[list[Shard], Sequence[str], list[Record]]:
        """Return a file that cannot be divided as one shard."""
        with local_copy(self._file.file) as path, Source(path, self._options, []) as source:
            named = format or self._named
            chosen = format_of(source) if named is None else format_named(named)
            sample = list(itertools.islice(chosen.read(source), _SAMPLE))
        shard = replace(self._undivided, format=chosen.name)
        if sample and chosen.name not in ("text", "fasttext"):
            shard = self._with_columns(chosen.name, sample)
        return [replace(shard, why_whole=why)], _names(sample), sample

    def _with_columns(self, format: str, sample: list[Record]) -> Shard:
        """Return the file as one shard, with the columns that its first records show."""
        names = _names(sample)
        rows = [[text_of(record.fields.get(name)) for name in names] for record in sample]
        columns = choose_columns(names, rows, self._options, self._name)
        return replace(self._undivided, format=format, text=columns.text, label=columns.label)

    def _first_records(self, format: str) -> list[Record]:
        """Return the first records; a last one that the end of the first MiB cuts is left out."""
        records: list[Record] = []
        with beginning_of(self._beginning, self._name, self._options) as source:
            try:
                records.extend(itertools.islice(FORMATS[format].read(source), _SAMPLE))
            except DataError:
                if not records:
                    raise
        return records


@contextlib.contextmanager
def beginning_of(
    content: bytes, name: str, options: ReadOptions, notes: list[str] | None = None
) -> Iterator[Source]:
    """Yield bytes as the source of a file with this name."""
    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        path = Path(folder) / f"part{''.join(Path(name).suffixes[-2:])}"
        path.write_bytes(content)
        with Source(path, options, [] if notes is None else notes) as source:
            source.name = source.short = name
            yield source


def _ranges(whole: Shard, cuts: Iterator[int]) -> list[Shard]:
    ends = itertools.pairwise([whole.head, *cuts, whole.size])
    return [replace(whole, start=start, stop=stop) for start, stop in ends if stop > start]


def _names(sample: list[Record]) -> list[str]:
    return list(dict.fromkeys(key for record in sample for key in record.fields))


def _bytes_of(group: Any) -> tuple[int, int]:
    """Return the first byte of a row group of Parquet, and the one after the last."""
    chunks = [group.column(i) for i in range(group.num_columns)]
    starts = [min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in chunks]
    return min(starts), max(s + c.total_compressed_size for s, c in zip(starts, chunks, strict=True))


def _line_cuts(file: StoredFile, size: int) -> Iterator[int]:
    """Yield the places after the line end that follows each multiple of `size`."""
    with open_file(file.file) as stream:
        lines, at = _buffered(stream, _SEEN), size
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

    The rules are those of Python's csv module with doubled quotes, so that a quote in the middle of a field
    without quotes opens nothing. Most lines have no quote: these are only counted.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    at = 0
    with open_file(file.file) as stream:
        lines = _buffered(stream, _READ)

        def counted() -> Iterator[str]:
            nonlocal at
            for line in lines:
                at += len(line)
                # One character a byte: no multi-byte character has a byte below 128.
                yield line.decode("latin-1")

        for line in counted():
            if '"' in line:
                # Where the quoting is broken, the reader of the shard reports it.
                with contextlib.suppress(csv.Error):
                    reader = csv.reader(itertools.chain([line], counted()), delimiter=delimiter, strict=True)
                    next(reader, None)
            if line.strip():
                yield at


def _buffered(stream: IO[bytes], size: int) -> io.BufferedReader:
    """Return the stream with lines, which Arrow's files lack; they end at newlines alone."""
    return io.BufferedReader(cast(io.RawIOBase, stream), size)
