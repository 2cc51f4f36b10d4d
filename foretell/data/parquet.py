"""Parquet files, batch by batch, through polars: PyArrow hangs beside TensorFlow on Apple silicon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell.data.columns import Columns, choose_columns
from foretell.data.records import Record, text_of
from foretell.data.source import Source
from foretell.errors import DataError
from foretell.machine import TO_TRAIN, require

_BATCH = 1024
_HUGGING_FACE = "huggingface"
_SAMPLE_ROWS = 100


def parquet_records(source: Source) -> Iterator[Record]:
    """Read the records of a Parquet file; a class of a Hugging Face ClassLabel is its name.

    Raises:
        MissingExtraError: polars is not installed.
        DataError: not a Parquet file, a damaged one, or no clear columns.
    """
    require(("polars",), "Parquet", TO_TRAIN)
    columns: Columns | None = None
    for names, rows in parquet_batches(source.file(), source.name):
        if columns is None:
            sample = [[text_of(value) for value in row] for row in rows[:_SAMPLE_ROWS]]
            columns = choose_columns(names, sample, source.options, source.name)
            source.note_columns(columns)
        for row in rows:
            yield columns.record(dict(zip(names, row, strict=True)), source.name)


def parquet_batches(path: Path, where: str) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Return the names of the columns and the rows of each batch.

    Raises:
        DataError: the file is damaged.
    """
    import polars as pl

    with _damage_is_typed(where):
        classes = class_names(pl.read_parquet_metadata(path))
        batches = iter(pl.scan_parquet(path, glob=False).collect_batches(chunk_size=_BATCH, lazy=True))
    while True:
        with _damage_is_typed(where):
            if (batch := next(batches, None)) is None:
                return
            names, rows = batch.columns, batch.rows()
        if classes:
            of_column = [classes.get(name, ()) for name in names]
            rows = [tuple(map(_class_name, row, of_column)) for row in rows]
        yield names, rows


@contextmanager
def _damage_is_typed(where: str) -> Iterator[None]:
    """Raise DataError for what polars raises: its exceptions, Python's, and panics of its Rust code."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise damaged(where, reason) from error


def class_names(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of the classes of each ClassLabel column, as Hugging Face's `datasets` writes them."""
    try:
        features = json.loads(metadata[_HUGGING_FACE])["info"]["features"]
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
