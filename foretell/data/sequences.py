"""Records from Python's own collections: pairs, mappings, texts, or a column of texts and one of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from foretell.data.columns import Columns, choose_columns
from foretell.data.options import ReadOptions
from foretell.data.records import Record, is_missing, is_nested, label_of, text_of, values_of
from foretell.errors import DataError


def sequence_records(source: Any, options: ReadOptions) -> Iterator[Record]:
    """Read the records of an iterable.

    Args:
        source: an iterable of `Record`s, mappings, pairs of text and label, or (where no label is needed)
            texts; a Series or an Arrow array of texts, where a missing value is an empty text; or a tuple of
            two of these, or of two lists: texts and labels.
        options: what to read.

    Raises:
        DataError: something else, or columns of different lengths.
    """
    may_miss = _is_series(source)
    if isinstance(source, tuple) and len(source) == 2 and all(map(_is_column, source)):
        items: Iterable[object] = _zipped(*map(values_of, source))
    else:
        items = values_of(source)
    if not isinstance(items, Iterable):
        raise DataError(
            expected="a path, a DataFrame, or records one can iterate over", found=type(source).__name__
        )
    columns: Columns | None = None
    for number, item in enumerate(items, start=1):
        where = f"record {number}"
        if isinstance(item, Record):
            yield item
        elif isinstance(item, Mapping):
            if columns is None:
                sample = [[text_of(value) for value in item.values()]]
                columns = choose_columns([str(key) for key in item], sample, options, "the records")
            yield columns.record(item, where)
        elif isinstance(item, (tuple, list)) and len(item) == 2 and not any(map(is_nested, item)):
            yield _pair(item[0], item[1])
        elif not options.need_label and (isinstance(item, str) or (may_miss and is_missing(item))):
            yield _pair(item, None)
        else:
            expected = "a pair of text and label" if options.need_label else "a text"
            raise DataError(expected=expected, found=f"{item!r:.40}", where=where)


def _is_series(value: object) -> bool:
    return hasattr(value, "dtype") or hasattr(value, "to_pylist")


def _is_column(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, tuple, Mapping, Record))


def _zipped(texts: Any, labels: Any) -> Iterator[tuple[object, object]]:
    if len(texts) != len(labels):
        raise DataError(expected=f"{len(texts)} labels, one for each text", found=str(len(labels)))
    return zip(texts, labels, strict=True)


def _pair(text: object, label: object) -> Record:
    record_label = label_of(label)
    clean = text_of(text)
    return Record(clean, record_label, {"text": clean, "label": record_label or ""})
