"""The layout of a file: its format, its columns, and between which of its bytes it can be cut."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from foretell.cluster import storage
from foretell.cluster.addresses import name_of
from foretell.cluster.csv_cuts import header_end
from foretell.cluster.storage import StoredFile
from foretell.data.columns import Columns, choose_columns
from foretell.data.formats import format_named, format_of
from foretell.data.frames import damaged
from foretell.data.records import ReadOptions, Record, text_of
from foretell.data.source import Source
from foretell.data.tables import sniff
from foretell.errors import DataError

Cut = Literal["lines", "csv", "row groups", "whole"]

_BEGINNING = 1 << 20
_SAMPLE = 100
_BYTES_OF_MARK = 4
_GZIP = b"\x1f\x8b"
# UTF-16 and UTF-32, in which the bytes of a newline are no place to cut.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LINES = frozenset({"text", "fasttext"})


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The bytes of a row group of a Parquet file, from `start` to `stop`, and its rows."""

    start: int
    stop: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is laid out.

    Attributes:
        format: name of its format.
        cut: where it can be cut; "whole": nowhere.
        why_whole: why it cannot be cut, such as "compressed"; "" where it can.
        text, label: its columns; None: the format has none, or it is chosen when the file is read.
        head: bytes at its beginning that hold the names of the columns.
        delimiter: of CSV, between two fields.
        row_groups: of Parquet.
        columns: the names of the columns of the first records, in order.
        sample: the first records.
    """

    format: str
    cut: Cut
    why_whole: str = ""
    text: str | None = None
    label: str | None = None
    head: int = 0
    delimiter: str = ","
    row_groups: list[RowGroup] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    sample: list[Record] = field(default_factory=list)


class BytesSource(Source):
    """Bytes in memory, or an open file, read as the file of this name."""

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions, notes: list[str]) -> None:
        # A relative path that is no folder: only its ending counts.
        super().__init__(name, options, notes)
        buffered: Any = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_raw(stream))
        # `Source` opens nothing that is there already.
        vars(self)["_raw"] = buffered
        vars(self)["is_folder"] = False


def _raw(stream: IO[bytes]) -> Any:
    return stream if isinstance(stream, io.RawIOBase) else _Raw(stream)


class _Raw(io.RawIOBase):
    """A file-like object as the raw file of a buffer."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any, /) -> int:
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def layout_of(file: StoredFile, options: ReadOptions, format: str | None) -> Layout:
    """Return the layout of a file; reads its first MiB, or of Parquet its end.

    Raises:
        DataError: the file cannot be read, or its columns are not clear.
        UsageError: no such format.
    """
    beginning = storage.read_range(file.address, 0, _BEGINNING)
    name = name_of(file.address)
    if beginning.startswith(_GZIP):
        return _whole(file, options, format, "compressed")
    with BytesSource(io.BytesIO(beginning), name, options, []) as source:
        chosen = (format_of(source) if format is None else format_named(format)).name
    if chosen == "parquet":
        return _parquet_layout(file, options)
    if beginning[:_BYTES_OF_MARK].startswith(_WIDE) or b"\0" in beginning[:_SAMPLE]:
        return _whole(file, options, chosen, "not in UTF-8")
    if chosen == "jsonl" and beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b'"'):
        return _whole(file, options, chosen, "lists or one JSON array")
    if chosen in _LINES:
        return _line_layout(chosen, _first_records(beginning, name, chosen, options))
    if chosen == "jsonl":
        return _column_layout(chosen, "lines", beginning, name, options)
    if chosen in ("csv", "tsv"):
        return _csv_layout(file, chosen, beginning, options)
    return _whole(file, options, chosen, f"the format {chosen}")


def _line_layout(format: str, sample: list[Record]) -> Layout:
    columns = tuple(sample[0].fields) if sample else ("text",)
    return Layout(format=format, cut="lines", columns=columns, sample=sample)


def _column_layout(format: str, cut: Cut, beginning: bytes, name: str, options: ReadOptions) -> Layout:
    sample = _first_records(beginning, name, format, options)
    columns = columns_of(sample, options, name)
    return Layout(
        format=format,
        cut=cut,
        text=columns.text,
        label=columns.label,
        columns=tuple(dict.fromkeys(key for record in sample for key in record.fields)),
        sample=sample,
    )


def _csv_layout(file: StoredFile, format: str, beginning: bytes, options: ReadOptions) -> Layout:
    lines = _text_lines(beginning, whole=len(beginning) == file.size)
    prefer = "\t" if format == "tsv" else ","
    dialect, rows = sniff(lines, whole=len(beginning) == file.size, prefer=prefer)
    if dialect.quotes != "double" or not rows:
        return _whole(file, options, format, f"quotes are not doubled ({dialect.quotes})")
    layout = _column_layout(format, "csv", beginning, name_of(file.address), options)
    names = [cell.strip() for cell in rows[0]]
    has_header = not layout.sample or list(layout.columns)[: len(names)] != [
        str(number + 1) for number in range(len(names))
    ]
    head = header_end(file, dialect.delimiter) if has_header else 0
    return Layout(
        format=format,
        cut="csv",
        text=layout.text,
        label=layout.label,
        head=head,
        delimiter=dialect.delimiter,
        columns=layout.columns,
        sample=layout.sample,
    )


def _text_lines(beginning: bytes, *, whole: bool) -> list[str]:
    text = beginning.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    # The last line may be cut where the first MiB ends.
    return lines if whole or len(lines) < 2 else lines[:-1]


def _parquet_layout(file: StoredFile, options: ReadOptions) -> Layout:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with storage.open_file(file.address) as stream:
        try:
            table = pq.ParquetFile(stream)
            groups = [_row_group(table.metadata.row_group(i)) for i in range(table.metadata.num_row_groups)]
            batch = next(table.iter_batches(batch_size=_SAMPLE), None)
        except pa.ArrowException as error:
            raise damaged(file.address, " ".join(str(error).split())) from error
        names = tuple(table.schema_arrow.names)
    rows = [] if batch is None else batch.to_pylist()
    cells = [[text_of(value) for value in row.values()] for row in rows]
    columns = choose_columns(list(names), cells, options, name_of(file.address))
    sample = [columns.record(row, file.address) for row in rows]
    return Layout(
        format="parquet",
        cut="row groups",
        text=columns.text,
        label=columns.label,
        row_groups=groups,
        columns=names,
        sample=sample,
    )


def _row_group(group: Any) -> RowGroup:
    chunks = [group.column(i) for i in range(group.num_columns)]
    starts = [
        min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
        for chunk in chunks
    ]
    ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
    return RowGroup(min(starts), max(ends), group.num_rows)


def _whole(file: StoredFile, options: ReadOptions, format: str | None, why: str) -> Layout:
    """Return the layout of a file that is one shard."""
    with storage.local_copy(file.address) as path, Source(path, options, []) as source:
        chosen = format_of(source) if format is None else format_named(format)
        sample = list(itertools.islice(chosen.read(source), _SAMPLE))
    names = tuple(dict.fromkeys(key for record in sample for key in record.fields))
    columns = None if chosen.name in _LINES else columns_of(sample, options, name_of(file.address))
    return Layout(
        format=chosen.name,
        cut="whole",
        why_whole=why,
        text=None if columns is None else columns.text,
        label=None if columns is None else columns.label,
        columns=names,
        sample=sample,
    )


def columns_of(sample: list[Record], options: ReadOptions, where: str) -> Columns:
    """Choose the columns of a file by its first records.

    Raises:
        DataError: they are not clear.
    """
    names = list(dict.fromkeys(key for record in sample for key in record.fields))
    rows = [[text_of(record.fields.get(name)) for name in names] for record in sample]
    return choose_columns(names, rows, options, where)


def _first_records(beginning: bytes, name: str, format: str, options: ReadOptions) -> list[Record]:
    """Return the first records; a last one that the end of the first MiB cuts is left out."""
    records: list[Record] = []
    with BytesSource(io.BytesIO(beginning), name, options, []) as source:
        reader: Iterator[Record] = format_named(format).read(source)
        try:
            for record in itertools.islice(reader, _SAMPLE):
                records.append(record)
        except DataError:
            if not records:
                raise
    return records
