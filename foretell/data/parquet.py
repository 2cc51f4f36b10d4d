"""Parquet files, batch by batch, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from foretell.data.columns import Columns, choose_columns
from foretell.data.records import Record, text_of
from foretell.data.source import Source
from foretell.errors import DataError, ForetellError
from foretell.machine import TO_TRAIN, require

_BATCH = 1024
_SAMPLE_ROWS = 100


def parquet_records(source: Source) -> Iterator[Record]:
    """Read the records of a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: not a Parquet file, a damaged one, or no clear columns.
    """
    columns: Columns | None = None
    for names, rows in _batches(source.bytes(), source.name):
        if columns is None:
            sample = [[text_of(value) for value in row.values()] for row in rows[:_SAMPLE_ROWS]]
            columns = choose_columns(names, sample, source.options, source.name)
            source.note_columns(columns)
        for row in rows:
            yield columns.record(row, source.name)


def _batches(file: IO[bytes], where: str) -> Iterator[tuple[list[str], list[dict[str, object]]]]:
    """Return the names of the columns and the rows of each batch."""
    require(("pyarrow",), "Parquet", TO_TRAIN)
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        names = list(table.schema_arrow.names)
        for batch in table.iter_batches(batch_size=_BATCH):
            yield names, batch.to_pylist()
    except ForetellError:
        raise
    # Arrow raises its own exceptions and Python's, of values that Python cannot represent for example.
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise damaged(where, reason) from error


def damaged(where: str, reason: str) -> DataError:
    """Return the error for a Parquet file that cannot be read."""
    return DataError(
        expected="a whole Parquet file",
        found=f"a damaged one ({reason:.80})",
        where=where,
        fix="copy or write it again",
    )
