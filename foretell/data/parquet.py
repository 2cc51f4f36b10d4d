"""Parquet files, batch by batch, through pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from foretell.data.columns import Columns, choose_columns
from foretell.data.records import Record, text_of
from foretell.data.source import Source
from foretell.errors import DataError, ForetellError
from foretell.machine import TO_TRAIN, require

_BATCH = 1024
_HUGGING_FACE = b"huggingface"
_SAMPLE_ROWS = 100


def parquet_records(source: Source) -> Iterator[Record]:
    """Read the records of a Parquet file; a class of a Hugging Face ClassLabel is its name.

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
        of_classes = class_names(table.schema_arrow.metadata)
        for batch in table.iter_batches(batch_size=_BATCH):
            rows = batch.to_pylist()
            for column, classes in of_classes.items():
                for row in rows:
                    row[column] = _class_name(row.get(column), classes)
            yield names, rows
    except ForetellError:
        raise
    # Arrow raises its own exceptions and Python's, of values that Python cannot represent for example.
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise damaged(where, reason) from error


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of the classes of each ClassLabel column, as Hugging Face's `datasets` writes them."""
    try:
        features = json.loads((metadata or {})[_HUGGING_FACE])["info"]["features"]
        found = {
            str(column): feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {column: list(map(str, names)) for column, names in found.items() if isinstance(names, list)}


def _class_name(value: object, classes: Sequence[str]) -> object:
    """Return the name of a class; None for -1, which stands for none; any other value as it is."""
    if type(value) is not int or value >= len(classes):
        return value
    return classes[value] if value >= 0 else None


def damaged(where: str, reason: str) -> DataError:
    """Return the error for a Parquet file that cannot be read."""
    return DataError(
        expected="a whole Parquet file",
        found=f"a damaged one ({reason:.80})",
        where=where,
        fix="copy or write it again",
    )
