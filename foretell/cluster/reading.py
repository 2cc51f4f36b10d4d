"""The records of a shard, read by a worker."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from foretell.cluster import storage
from foretell.cluster.layouts import BytesSource
from foretell.cluster.shards import Shard
from foretell.data.columns import Columns
from foretell.data.formats import FORMATS
from foretell.data.frames import damaged
from foretell.data.json_records import finite_number
from foretell.data.records import Arguments, ReadOptions, Record
from foretell.data.source import Source
from foretell.errors import DataError

_HASHED = 1 << 20
_BATCH = 256
_COMMAND_LINE = Arguments(text="--text {}", label="--label {}", format="--input-format {}")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a shard.

    Attributes:
        record: the record.
        problem: why it could not be read; "" where it was.
    """

    record: Record
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OpenShard:
    """A shard that is being read.

    Attributes:
        rows: its records, in order.
        sha256: of its bytes.
        notes: what was guessed while reading; complete after the last row.
    """

    rows: Iterator[Row]
    sha256: str
    notes: list[str]


def open_shard(shard: Shard) -> OpenShard:
    """Open a shard for reading.

    Raises:
        DataError: the file has changed since the run was planned, or cannot be read.
    """
    try:
        _check_unchanged(shard)
        notes: list[str] = []
        if shard.is_whole or shard.row_groups is not None:
            digest = _sha256_of_range(shard)
            rows = _whole_rows(shard, notes) if shard.is_whole else _parquet_rows(shard)
            return OpenShard(rows, digest, notes)
        content = storage.read_range(shard.file, shard.start, shard.stop)
        if len(content) != shard.stop - shard.start:
            raise _changed(shard, f"{len(content):,} bytes")
        rows = _json_rows(shard, content) if shard.format == "jsonl" else _range_rows(shard, content, notes)
        return OpenShard(rows, hashlib.sha256(content).hexdigest(), notes)
    except OSError as error:
        raise _unreadable(shard, error) from error


def _check_unchanged(shard: Shard) -> None:
    found = storage.find(shard.file)
    if found is None:
        raise DataError(
            expected="a file that every worker can read",
            found="nothing on this node",
            where=shard.file,
            fix="use a shared file system or a bucket",
        )
    if (found.size, found.stamp) != (shard.size, shard.stamp):
        raise _changed(shard, "another size" if found.size != shard.size else "a later change")


def _changed(shard: Shard, found: str) -> DataError:
    return DataError(
        expected="the file as it was when the run began",
        found=found,
        where=shard.file,
        fix="give another --out for the new data",
    )


def _unreadable(shard: Shard, error: OSError) -> DataError:
    return DataError(expected="a file that can be read", found=error.strerror or str(error), where=shard.file)


def _sha256_of_range(shard: Shard) -> str:
    digest = hashlib.sha256()
    with storage.open_file(shard.file) as stream:
        stream.seek(shard.start)
        left = shard.stop - shard.start
        while left > 0 and (chunk := stream.read(min(_HASHED, left))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _options(shard: Shard) -> ReadOptions:
    return ReadOptions(text=shard.text, label=shard.label, arguments=_COMMAND_LINE)


def _whole_rows(shard: Shard, notes: list[str]) -> Iterator[Row]:
    with storage.local_copy(shard.file) as path, Source(path, _options(shard), notes) as source:
        for record in FORMATS[shard.format].read(source):
            yield Row(record)


def _range_rows(shard: Shard, content: bytes, notes: list[str]) -> Iterator[Row]:
    """Read a range of CSV or of lines by the format's own reader, with the names of the columns in front."""
    if shard.head:
        content = storage.read_range(shard.file, 0, shard.head) + content
    with BytesSource(io.BytesIO(content), shard.name, _options(shard), notes) as source:
        for record in FORMATS[shard.format].read(source):
            yield Row(record)


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines. A line that is no JSON is a row with a problem: the others still count."""
    assert shard.text is not None
    columns = Columns(shard.text, shard.label)
    if not shard.start:
        content = content.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=finite_number, parse_constant=_constant)
            row = {"text": value} if isinstance(value, str) else value
            if not isinstance(row, dict):
                raise ValueError("not an object or a string")
            yield Row(columns.record(row, f"{shard.name}, line {number}"))
        except DataError as error:
            yield Row(Record(""), f"expected {error.expected}, found {error.found}")
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            yield Row(Record(""), f"no JSON: {reason:.80}")


def _constant(text: str) -> float:
    if text != "NaN":
        raise ValueError(text)
    return math.nan


def _parquet_rows(shard: Shard) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert shard.text is not None
    assert shard.row_groups is not None
    columns = Columns(shard.text, shard.label)
    with storage.open_file(shard.file) as stream:
        try:
            table = pq.ParquetFile(stream)
            groups = list(range(*shard.row_groups))
            for batch in table.iter_batches(batch_size=_BATCH, row_groups=groups, use_threads=False):
                for row in batch.to_pylist():
                    yield Row(columns.record(row, shard.name))
        except pa.ArrowException as error:
            raise damaged(shard.file, " ".join(str(error).split())) from error
