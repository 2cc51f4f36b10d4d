"""Tables in Python: pandas, polars, Arrow, Hugging Face datasets, or a dictionary of columns.

None of these libraries is imported: an object is recognised by its attributes. Whatever else offers the Arrow
PyCapsule interface (`__arrow_c_stream__`: DuckDB, Ibis and others) is read through polars.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any

from foretell.data.columns import choose_columns
from foretell.data.decode import note
from foretell.data.options import Part, ReadOptions
from foretell.data.records import Record, text_of, values_of
from foretell.errors import DataError
from foretell.machine import TO_TRAIN, require

_BATCH = 1024
_SAMPLE_ROWS = 100
# What an Arrow table, batch or stream of batches has, besides a schema.
_ARROW = ("to_batches", "to_pylist", "read_next_batch")
# How the splits of a DatasetDict are called.
_SPLITS: dict[Part, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}


@dataclass(frozen=True, slots=True)
class _Frame:
    """The columns of a table by name, and its rows, each a cell for each column."""

    name: str
    columns: list[str]
    rows: Iterator[tuple[object, ...]]


def has_columns(source: Any) -> bool:
    """Whether an object is a table, or several splits of one: it has columns with names."""
    return _is_splits(source) or _opener(source) is not None


def has_part(source: Any, part: Part) -> bool:
    """Whether an object is a DatasetDict with a split for this part."""
    return _is_splits(source) and any(name in source for name in _SPLITS[part])


def frame_records(source: Any, options: ReadOptions, notes: list[str]) -> Iterator[Record]:
    """Read the records of a table; of a DatasetDict, those of the split for `options.part`.

    A label of a Hugging Face ClassLabel is its name; -1, which stands for none there, is None.

    Raises:
        DataError: no clear columns, columns of the same name, or no such split.
        MissingExtraError: an Arrow stream, and polars is not installed.
    """
    table = _split(source, options.part, notes)
    opener = _opener(table)
    if opener is None:
        raise DataError(expected="a table with columns", found=type(table).__name__)
    frame = opener(table)
    if len(set(frame.columns)) != len(frame.columns):
        raise DataError(
            expected="columns with different names", found=", ".join(frame.columns), where=frame.name
        )
    sample = list(itertools.islice(frame.rows, _SAMPLE_ROWS))
    cells = [[text_of(value) for value in row] for row in sample]
    columns = choose_columns(frame.columns, cells, options, frame.name)
    if options.text is None:
        note(notes, columns.note(frame.name))
    for number, row in enumerate(itertools.chain(sample, frame.rows), start=1):
        values = dict(zip(frame.columns, row, strict=True))
        yield columns.record(values, f"{frame.name}, record {number}")


def _opener(source: Any) -> Callable[[Any], _Frame] | None:
    """Return the function that opens a table of this kind, or None where it is none."""
    # First the LazyFrame: to ask for its other attributes may be costly, with a warning.
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        return _lazy_frame
    if isinstance(source, Mapping):
        return _mapping
    if hasattr(source, "schema") and any(map(partial(hasattr, source), _ARROW)):
        return _arrow
    if hasattr(source, "columns") and hasattr(source, "head"):
        return _data_frame
    if _is_dataset(source):
        return _dataset
    # Series and Arrow arrays have this interface too, but no columns; they can be iterated over.
    if hasattr(source, "__arrow_c_stream__") and not isinstance(source, Iterable):
        return _arrow_stream
    return None


def _is_dataset(source: Any) -> bool:
    return hasattr(source, "column_names") and hasattr(source, "features") and hasattr(source, "iter")


def _is_splits(source: Any) -> bool:
    return isinstance(source, Mapping) and bool(source) and all(map(_is_dataset, source.values()))


def _split(source: Any, part: Part | None, notes: list[str]) -> Any:
    """Return the split of a DatasetDict that is meant; anything else as it is."""
    if not _is_splits(source):
        return source
    kind, names = type(source).__name__, list(source)
    if part is None:
        if len(names) == 1:
            return source[names[0]]
        raise DataError(
            expected="one Dataset",
            found=f"a {kind} with the splits {', '.join(names)}",
            fix=f"give one of them: data['{names[0]}']",
        )
    wanted = _SPLITS[part]
    chosen = next((name for name in wanted if name in source), None)
    if chosen is None:
        raise DataError(
            expected=f"a split named {' or '.join(wanted)}",
            found=f"the splits {', '.join(names)}",
            where=kind,
            fix=f"give one of them: data['{names[0]}']",
        )
    note(notes, f"{kind}: read its split '{chosen}'")
    return source[chosen]


def _lazy_frame(frame: Any) -> _Frame:
    return _data_frame(frame.collect())


def _mapping(columns: Mapping[object, object]) -> _Frame:
    lengths = {_length(column) for column in columns.values()}
    if len(lengths) != 1 or None in lengths:
        raise DataError(
            expected="a dictionary of columns of one length, each a list or an array",
            found=f"{columns!r:.80}",
        )
    rows = zip(*map(values_of, columns.values()), strict=True)
    return _Frame(type(columns).__name__, [str(key) for key in columns], rows)


def _length(column: object) -> int | None:
    if isinstance(column, (str, bytes, Mapping)) or not isinstance(column, Sized):
        return None
    return len(column)


def _data_frame(frame: Any) -> _Frame:
    """Open a DataFrame of polars, of pandas, or of a library with the interface of pandas."""
    keys = list(frame.columns)
    rows = frame.iter_rows() if hasattr(frame, "iter_rows") else _rows_of_columns(frame, keys)
    return _Frame(type(frame).__name__, [str(key) for key in keys], rows)


def _rows_of_columns(frame: Any, keys: Sequence[object]) -> Iterator[tuple[object, ...]]:
    yield from zip(*(frame[key] for key in keys), strict=True)


def _arrow(table: Any) -> _Frame:
    """Open an Arrow table, batch or stream of batches."""
    if hasattr(table, "to_batches"):
        batches = table.to_batches(max_chunksize=_BATCH)
    else:
        batches = table if hasattr(table, "read_next_batch") else [table]
    columns = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    return _Frame(type(table).__name__, list(table.schema.names), itertools.chain.from_iterable(columns))


def _arrow_stream(source: Any) -> _Frame:
    require(("polars",), "an Arrow stream", TO_TRAIN)
    import polars as pl

    return dataclasses.replace(_data_frame(pl.DataFrame(source)), name=type(source).__name__)


def _dataset(dataset: Any) -> _Frame:
    """Open a Hugging Face Dataset or IterableDataset, whatever the format that it was set to return."""
    plain = dataset.with_format(None)
    batches: Iterator[Mapping[str, list[Any]]] = plain.iter(batch_size=_BATCH)
    first = next(batches, {})
    columns = list(plain.column_names or first)
    names = {
        column: names
        for column, feature in (dataset.features or {}).items()
        if (names := _class_names(feature)) is not None
    }

    def rows() -> Iterator[tuple[object, ...]]:
        for batch in itertools.chain([first] if first else [], batches):
            yield from zip(*(_decoded(batch[column], names.get(column)) for column in columns), strict=True)

    return _Frame(type(dataset).__name__, columns, rows())


def _class_names(feature: Any) -> list[str] | None:
    """Return the names of class labels, or of a list of them; None for other features."""
    inner = feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", feature)
    return list(inner.names) if hasattr(inner, "int2str") else None


def _decoded(values: Sequence[Any], names: Sequence[str] | None) -> Sequence[Any]:
    """Return the names of class labels, None for a label without a name; other values as they are."""
    if names is None:
        return values
    return [_name(value, names) for value in values]


def _name(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_name(each, names) for each in value]
    return names[value] if value is not None and 0 <= value < len(names) else None
