"""A CSV file divided into shards: a cut stands between two rows, never in a quoted cell."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from foretell.cluster.shard import Row, Shard, decoded, opened, opened_shard, tried
from foretell.data.decode import encoding_of
from foretell.data.records import MAX_RECORD, ReadOptions, Record
from foretell.data.tables import Csv, CsvRow, Dialect, csv_rows, open_csv

DELIMITERS = {"csv": ",", "tsv": "\t"}
"""The usual delimiter of each format."""
_BYTES = "latin-1"
"""Each byte as a character."""


def csv_shards(whole: Shard, options: ReadOptions, size: int) -> tuple[list[Shard], Sequence[str]]:
    """Return the shards of a CSV file, which begin after its header."""
    with opened(whole.file.file, None, options) as source:
        path = Path(source.path)
        with path.open("rb") as raw:
            encoding, mark = encoding_of(raw, source.name)
        csv, rows = open_csv(source, _lines(path, encoding, mark), DELIMITERS[whole.format])
        whole = replace(whole, columns=csv.table.columns)
        if next(rows, None) is None:
            return [], csv.table.names
        if not _has_plain_marks(encoding, csv.dialect):
            return [whole], csv.table.names
        ends = _row_ends(csv, _lines(path, _BYTES, mark), mark)
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


def _row_ends(csv: Csv, lines: Iterator[str], place: int) -> Iterator[int]:
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


def csv_shard_rows(shard: Shard, content: bytes | None) -> Iterator[Row]:
    """Read a range of CSV, or a whole file."""
    if shard.csv is None or content is None:
        with opened_shard(shard, None) as source:
            csv, rows = open_csv(source, source.lines(), DELIMITERS[shard.format])
            yield from (tried(csv.record, row, shard.name) for row in rows)
        return
    lines = io.TextIOWrapper(io.BytesIO(content), _BYTES, newline="")
    for row in csv_rows(shard.csv.dialect, lines):
        if row.is_filled:
            yield tried(_csv_record, shard.csv, row, shard)


def _csv_record(csv: Csv, row: CsvRow, shard: Shard) -> Record:
    where = f"{shard.name}, line {row.line}"
    cells = [decoded(cell.encode(_BYTES), shard.encoding, where) for cell in row.cells]
    return csv.record(row._replace(cells=cells), shard.name)
