"""Shards: parts of files that one worker reads at a time. Ray carries these descriptions, never
rows.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from foretell.artifacts.replacement import typed
from foretell.cluster.storage import (
    StoredFile,
    find,
    is_bucket,
    local_copy,
    name_of,
    open_file,
    read_range,
)
from foretell.data.columns import Columns, columns_of_rows
from foretell.data.decode import PARQUET, encoding_of
from foretell.data.formats import FORMATS, format_named, format_of, json_row
from foretell.data.frames import tried_parquet
from foretell.data.records import MAX_RECORD, ReadOptions, Record
from foretell.data.source import Source
from foretell.data.tables import Csv, CsvRow, Dialect, csv_rows, open_csv
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
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_BYTES = "latin-1"
"""Each byte as a character."""

_NO_COLUMNS = Columns((), None)

Row = tuple[Record, str]
"""A record, and why it could not be read: "" where it was."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file: as it was when the run was planned.
        start, stop: the bytes of the shard, of Parquet the rows, the second not included.
        format: name of the format (`foretell.data.formats.FORMATS`).
        is_whole: whether the file is read as one, since it cannot be divided.
        columns: which are read, if the format has any.
        csv, encoding: how a CSV file is read that is divided.
    """

    ordinal: int
    file: StoredFile
    start: int
    stop: int
    format: str
    is_whole: bool
    columns: Columns = _NO_COLUMNS
    csv: Csv | None = None
    encoding: str = ""

    @property
    def name(self) -> str:
        """The file and the part of it, for messages."""
        short = name_of(self.file.file)
        if self.is_whole:
            return short
        if self.format == "parquet":
            return f"{short}, rows {self.start + 1:,} to {self.stop:,}"
        return f"{short}, bytes {self.start:,} to {self.stop:,}"

    def divided(self, cuts: Iterable[int]) -> list[Shard]:
        """Return the parts between the places of `cuts`, in order."""
        ends = itertools.pairwise([self.start, *cuts, self.stop])
        return [replace(self, start=start, stop=stop) for start, stop in ends if start < stop]


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
    with _opened(file.file, content, options) as source:
        format = (format_of(source) if named is None else format_named(named)).name
    whole = Shard(ordinal=0, file=file, start=0, stop=file.size, format=format, is_whole=True)
    if format in _DELIMITERS and content is not None:
        return _csv_shards(whole, options, size)
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
            yield at
            at += size


def _parquet_shards(whole: Shard, size: int) -> list[Shard]:
    count = parquet_length(Path(whole.file.file))
    cuts = range(0, count, max(1, size * count // whole.file.size))
    return replace(whole, stop=count, is_whole=False).divided(cuts)


def _csv_shards(whole: Shard, options: ReadOptions, size: int) -> tuple[list[Shard], Sequence[str]]:
    """Return the shards of a CSV file, which begin after its header."""
    with _opened(whole.file.file, None, options) as source:
        path = Path(source.path)
        with path.open("rb") as raw:
            encoding, mark = encoding_of(raw, source.name)
        csv, rows = open_csv(source, _lines(path, encoding, mark), _DELIMITERS[whole.format])
        whole = replace(whole, columns=csv.table.columns)
        if next(rows, None) is None:
            return [], csv.table.names
        if not _has_plain_marks(encoding, csv.dialect):
            return [whole], csv.table.names
        ends = _csv_ends(csv, _lines(path, _BYTES, mark), mark)
        part = replace(whole, start=next(ends), is_whole=False, csv=csv, encoding=encoding)
        return part.divided(_spaced(ends, part.start, size)), csv.table.names


def _lines(path: Path, encoding: str, start: int) -> Iterator[str]:
    """Yield the lines from a byte on, with their line ends."""
    with path.open("rb") as raw:
        raw.seek(start)
        text = io.TextIOWrapper(raw, encoding, "replace", newline="")
        yield from iter(lambda: text.readline(MAX_RECORD + 1), "")


def _has_plain_marks(encoding: str, dialect: Dialect) -> bool:
    """Whether no other character has the bytes of what delimits and quotes fields."""
    marks = dialect.delimiter + '"\r\n' + "\\" * (dialect.quotes == "backslash")
    pairs = itertools.product(range(0x80, 0x100), marks)
    return all(bytes([k, ord(c)]).decode(encoding, "replace").endswith(c) for k, c in pairs)


def _csv_ends(csv: Csv, lines: Iterator[str], place: int) -> Iterator[int]:
    """Yield where the first row below the header begins, and where each row ends; the lines have a
    character for each byte from `place` on.
    """
    place += sum(map(len, itertools.islice(lines, csv.first - 1)))
    if not csv.table.header_rows:
        yield place
    for row in csv_rows(csv.dialect, lines):
        place += row.size
        if row.is_filled:
            yield place


def _spaced(places: Iterable[int], place: int, size: int) -> Iterator[int]:
    """Yield those of the places that are at least `size` after the one before."""
    for each in places:
        if each - place >= size:
            yield each
            place = each


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
    if shard.format in _DELIMITERS:
        return _csv_rows(shard, content)
    if shard.format == "parquet" and not shard.is_whole:
        return _parquet_rows(shard)
    if shard.format == "jsonl" and content is not None:
        return _json_rows(shard, content)
    return _rows(shard, content)


def _row(read: Callable[..., Record], *given: object) -> Row:
    """Return the record that a call reads; an error is the reason why there is none."""
    try:
        return read(*given), ""
    except ValueError as error:
        return Record(""), str(error)


def _csv_rows(shard: Shard, content: bytes | None) -> Iterator[Row]:
    """Read a range of CSV, or a whole file."""
    if shard.csv is None or content is None:
        with _part(shard, None) as source:
            csv, rows = open_csv(source, source.lines(), _DELIMITERS[shard.format])
            yield from (_row(csv.record, row, shard.name) for row in rows)
        return
    lines = io.TextIOWrapper(io.BytesIO(content), _BYTES, newline="")
    for row in csv_rows(shard.csv.dialect, lines):
        if row.is_filled:
            yield _row(_csv_record, shard.csv, row, shard)


def _csv_record(csv: Csv, row: CsvRow, shard: Shard) -> Record:
    where = f"{shard.name}, line {row.line}"
    cells = [_text(cell.encode(_BYTES), shard.encoding, where) for cell in row.cells]
    return csv.record(row._replace(cells=cells), shard.name)


def _text(content: bytes, encoding: str, where: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"text in {encoding}",
            f"the byte 0x{content[error.start]:02x}, which cannot be decoded",
            where=where,
        ) from error


def _rows(shard: Shard, content: bytes | None) -> Iterator[Row]:
    """Read a whole file, or a range of lines, by the format's own reader."""
    with _part(shard, content) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _part(shard: Shard, content: bytes | None) -> AbstractContextManager[Source]:
    options = ReadOptions(text=shard.columns.text, label=shard.columns.label)
    return _opened(shard.file.file, content, options, shard.name)


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines."""
    for number, line in enumerate(io.BytesIO(content), start=1):
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            yield _row(_json_record, shard.columns, line, f"{shard.name}, line {number}")


def _json_record(columns: Columns, line: bytes, where: str) -> Record:
    where, row = json_row(_text(line.rstrip(), "utf-8-sig", where), where)
    return columns.record(row, where)


def _parquet_rows(shard: Shard) -> Iterator[Row]:
    """Read rows of a Parquet file, which the plan has tried."""
    count = shard.stop - shard.start
    frame = tried_parquet(Path(shard.file.file), shard.name, shard.start, count)
    for number, cells in enumerate(frame.rows, start=1):
        row = dict(zip(frame.columns, cells, strict=True))
        yield _row(shard.columns.record, row, f"{shard.name}, record {number}")
