"""Tables with types: Parquet, pandas, polars, Arrow, Hugging Face datasets, columns and records in
Python.

An object in Python is recognised by its attributes; its library is not imported. Parquet, and
whatever else offers the Arrow PyCapsule interface (`__arrow_c_stream__`: DuckDB, Ibis and others),
is read through polars: PyArrow and TensorFlow in one process hang on Apple silicon.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.data.columns import columns_of_rows
from foretell.data.record_source import RecordSource
from foretell.data.records import (
    MAX_RECORD,
    ReadOptions,
    Record,
    characters_of,
    check_size,
    first_rows,
    is_missing,
    is_nested,
    label_of,
    text_of,
    values_of,
)
from foretell.data.trial import characters_in, parquet_batches, tried
from foretell.errors import DataError
from foretell.machine import require

if TYPE_CHECKING:
    import polars as pl

_SAMPLE_ROWS = 100


@dataclass(frozen=True)
class Frame:
    """The columns of a table by name, and its rows, each a cell for each column."""

    name: str
    columns: list[str]
    rows: Iterator[tuple[object, ...]]


def parquet_records(source: RecordSource) -> Iterator[Record]:
    """Read the records of a Parquet file.

    A label of a Hugging Face ClassLabel is its name; -1, which stands for none there, is None.
    """
    require(("polars",), "Parquet", "train")
    return _records(_parquet(source), source.options, source.notes, source.short)


def frame_records(source: object, options: ReadOptions, notes: list[str]) -> Iterator[Record]:
    """Read the records of a table; a class of a Hugging Face ClassLabel is its name."""
    frame = open_frame(source)
    return _records(frame, options, notes, frame.name)


def _records(frame: Frame, options: ReadOptions, notes: list[str], short: str) -> Iterator[Record]:
    """Read the records of a table, which is called `short` in notes."""
    names = frame.columns
    if len(set(names)) != len(names):
        raise DataError("columns with different names", found=", ".join(names), where=frame.name)
    rows = (dict(zip(names, cells, strict=True)) for cells in frame.rows)
    sample = first_rows(rows, _SAMPLE_ROWS, characters_of)
    columns = columns_of_rows(sample or [dict.fromkeys(names)], options, frame.name)
    columns.add_note(short, options, notes)
    for number, row in enumerate(itertools.chain(sample, rows), start=1):
        yield columns.record(row, f"{frame.name}, record {number}")


def has_columns(source: object) -> bool:
    """Whether an object is a table: it has columns with names."""
    # Of the type, since a LazyFrame computes its columns.
    if isinstance(source, Mapping) or hasattr(type(source), "columns") or _is_dataset(source):
        return True
    # Series and Arrow arrays have this interface too, but no columns; they can be iterated over.
    is_stream = hasattr(source, "__arrow_c_stream__")
    return is_stream and (not isinstance(source, Iterable) or hasattr(source, "schema"))


def open_frame(source: Any) -> Frame:
    """Open a table for which `has_columns` is true; what is not of pandas or polars becomes one of
    polars.
    """
    name = type(source).__name__
    if _is_dataset(source):
        return _dataset(source)
    if isinstance(source, Mapping):
        _check_columns(source)
        return Frame(
            name, list(map(str, source)), zip(*map(values_of, source.values()), strict=True)
        )
    if hasattr(type(source), "itertuples"):
        return Frame(
            name, list(map(str, source.columns)), source.itertuples(index=False, name=None)
        )
    if not hasattr(source, "iter_rows"):
        require(("polars",), "an Arrow table", "train")
        import polars as pl

        source = source.collect() if isinstance(source, pl.LazyFrame) else pl.DataFrame(source)
    return Frame(name, source.columns, source.iter_rows())


def _check_columns(table: Mapping[object, object]) -> None:
    tables = [name for name, c in table.items() if has_columns(c) and not isinstance(c, Mapping)]
    columns = [
        c
        for c in table.values()
        if isinstance(c, Sized) and not isinstance(c, str | bytes | Mapping)
    ]
    if tables or len(columns) < len(table) or len(set(map(len, columns))) != 1:
        expected = "a dictionary of columns of one length, each a list or an array"
        found = f"{table!r:.80}"
        fix = f"give one of its tables: data[{tables[0]!r}]" if tables else ""
        raise DataError(expected, found, fix=fix)


def _is_dataset(source: object) -> bool:
    return hasattr(type(source), "column_names") and hasattr(type(source), "features")


def _dataset(dataset: Any) -> Frame:
    """Open a Hugging Face Dataset or IterableDataset, whatever the format that it was set to
    return.
    """
    rows: Iterator[Mapping[str, object]] = iter(dataset.with_format(None))
    first = list(itertools.islice(rows, 1))
    columns = list(dataset.column_names or (first[0] if first else ()))
    features = [(dataset.features or {}).get(column) for column in columns]
    # A list of labels has the class label inside.
    inner = [
        each[0] if isinstance(each, list) else getattr(each, "feature", each) for each in features
    ]
    names = [getattr(each, "names", ()) if hasattr(each, "int2str") else () for each in inner]
    all_rows = itertools.chain(first, rows)
    cells = (tuple(map(class_name, map(row.get, columns), names)) for row in all_rows)
    return Frame(type(dataset).__name__, columns, cells)


def class_name(value: object, names: Sequence[str]) -> object:
    """Return the name of a class, None where it has none (as -1); other values as they are."""
    if names and isinstance(value, list):
        return [class_name(each, names) for each in value]
    if not names or type(value) is not int:
        return value
    return names[value] if 0 <= value < len(names) else None


def _parquet(source: RecordSource) -> Frame:
    """Try a Parquet file, and open it."""

    def damaged(reason: str) -> DataError:
        return DataError(
            "a whole Parquet file",
            f"one that is damaged or too large ({reason:.80})",
            where=source.name,
            fix="copy or write it again, or divide it",
        )

    return tried_parquet(tried("parquet", source, damaged), source.name)


def tried_parquet(path: Path, where: str, start: int = 0, count: int | None = None) -> Frame:
    """Open rows of a Parquet file that was tried, of which one batch is in memory at a time."""
    import polars as pl

    names = list(pl.read_parquet_schema(path))
    classes = classes_in(pl.read_parquet_metadata(path))
    of_column = [classes.get(name, ()) for name in names]
    batches = parquet_batches(path, start, count)
    rows = itertools.chain.from_iterable(_rows(batch, where) for batch in batches)
    named = (tuple(map(class_name, row, of_column)) for row in rows)
    return Frame(where, names, named if classes else rows)


def _rows(batch: pl.DataFrame, where: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a batch, one by one where they are large: one text may be there often."""
    if sum(map(characters_in, batch)) <= MAX_RECORD:
        yield from batch.rows()
        return
    for row in batch.iter_slices(1):
        check_size(sum(map(characters_in, row)), where)
        yield from row.rows()


def classes_in(metadata: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Return the names of the classes of each ClassLabel column, as Hugging Face's `datasets`
    writes them.
    """
    try:
        features = json.loads(metadata["huggingface"])["info"]["features"].items()
        labels = {c: each for c, each in features if isinstance(each, dict)}
        of_classes = {
            c: each["names"] for c, each in labels.items() if each.get("_type") == "ClassLabel"
        }
        return {str(column): list(map(str, names)) for column, names in of_classes.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def sequence_records(source: object, options: ReadOptions) -> Iterator[Record]:
    """Read the records of an iterable of `Record`s, mappings, pairs of text and label, or texts.

    Texts alone are read where no label is needed; a missing one is an empty text. A tuple of two
    columns holds texts and labels.
    """
    if isinstance(source, tuple) and len(source) == 2 and all(map(_is_column, source)):
        texts, labels = source
        if len(texts) != len(labels):
            expected = f"{len(texts)} labels, one for each text"
            raise DataError(expected, f"{len(labels)}")
        source = zip(values_of(texts), values_of(labels), strict=True)
    if not isinstance(source, Iterable):
        expected = "a path, a DataFrame, or records one can iterate over"
        fix = "set a fraction by valid_fraction" if isinstance(source, float) else ""
        raise DataError(expected, type(source).__name__, fix=fix)
    items = iter(values_of(source))
    # Labels are judged by several records; without them each is given as soon as it is there.
    first = list(itertools.islice(items, _SAMPLE_ROWS if options.need_label else 1))
    rows = [_named_row(item) for item in first if isinstance(item, Mapping)]
    columns = columns_of_rows(rows, options, "the records") if rows else None
    for number, item in enumerate(itertools.chain(first, items), start=1):
        if isinstance(item, Mapping) and columns is not None:
            yield columns.record(_named_row(item), f"record {number}")
        else:
            yield _record_of(item, options, f"record {number}")


def _named_row(item: Mapping[object, object]) -> dict[str, object]:
    return {str(name): value for name, value in item.items()}


def _record_of(item: object, options: ReadOptions, where: str) -> Record:
    """Return a record that has no named columns: a `Record`, a pair or a text."""
    if isinstance(item, Record):
        return item
    if isinstance(item, (tuple, list)) and len(item) == 2 and not any(map(is_nested, item)):
        return _pair(*item)
    if not options.need_label and (isinstance(item, str) or is_missing(item)):
        return _pair(item, None)
    expected = "a pair of text and label" if options.need_label else "a text"
    raise DataError(expected, f"{item!r:.40}", where=where)


def _is_column(value: object) -> bool:
    return isinstance(value, Sized) and not isinstance(value, (str, tuple, Mapping, Record))


def _pair(text: object, label: object) -> Record:
    clean = text_of(text)
    name = label_of(label)
    return Record(clean, name, {"text": clean, "label": name or ""})
