"""Parquet, tables and records in Python."""

from __future__ import annotations

import gzip
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.data.examples import iter_records, read_examples
from foretell.data.frames import has_columns
from foretell.data.records import Record
from foretell.errors import DataError, MissingExtraError

with warnings.catch_warnings():
    # Its own dependencies warn while they are imported.
    warnings.simplefilter("ignore")
    import datasets

COLUMNS: dict[str, list[Any]] = {
    "review": ["good", None, "fine", "bad", " "],
    "stars": [5, 1, None, 1, 2],
    "when": ["Monday"] * 5,
}


class Capsule:
    """What offers the Arrow PyCapsule interface and nothing else, like a relation of DuckDB."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


TABLES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas, Arrow's types": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars, lazy": lambda: pl.LazyFrame(COLUMNS),
    "Arrow table": lambda: pa.table(COLUMNS),
    "Arrow batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "Arrow stream": lambda: pa.table(COLUMNS).to_reader(),
    "Arrow capsule of polars": lambda: Capsule(pl.DataFrame(COLUMNS)),
    "Dataset that returns arrays": lambda: datasets.Dataset.from_dict(COLUMNS).with_format("numpy"),
    "Dataset, iterable": lambda: datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(),
    "dictionary of lists": lambda: COLUMNS,
    "dictionary of Arrow arrays": lambda: {
        name: pa.array(cells) for name, cells in COLUMNS.items()
    },
}


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_every_table_gives_the_same_examples(made: Callable[[], Any]) -> None:
    assert has_columns(made())
    examples = read_examples(made())
    first = next(iter_records(made()))
    assert (first.fields["when"], list(first.fields)) == ("Monday", list(COLUMNS))
    assert (examples.texts, examples.labels) == (["good", "bad"], ["5", "1"])
    assert examples.dropped == {"an empty text": 2, "no label (empty, NaN, NA, N/A or null)": 1}
    assert examples.notes[0].endswith(": texts from the column 'review', labels from 'stars'")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "columns with different names"),
        ({"text": "ab"}, "expected a dictionary of columns of one length"),
        ({"text": ["a"], "label": []}, "expected a dictionary of columns of one length"),
        ({}, "expected a dictionary of columns of one length"),
    ],
)
def test_what_is_no_single_table_is_an_error(table: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(iter_records(table))


def test_a_stream_needs_polars_and_a_frame_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    for frame in (pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS)):
        assert read_examples(frame).texts == ["good", "bad"]
    with pytest.raises(MissingExtraError, match=r"install .*\[train\]'$"):
        read_examples(Capsule(None))


def pairs(source: Any) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in iter_records(source)]


def test_python_records_of_each_shape() -> None:
    for shape in (
        [("a", "x"), ("b", "y")],
        (["a", "b"], np.array(["x", "y"])),
        iter([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]),
        (Record(text, label) for text, label in (("a", "x"), ("b", "y"))),
    ):
        examples = read_examples(shape)
        assert (examples.texts, examples.labels) == (["a", "b"], ["x", "y"])


def test_a_series_is_texts_of_which_some_may_be_missing() -> None:
    texts = ["a", None, "b"]
    for made in (
        pd.Series(texts),
        pl.Series(texts),
        pa.array(texts),
        pa.chunked_array([texts]),
        texts,
    ):
        assert pairs(made) == [("a", None), ("", None), ("b", None)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (["a"], "record 1: expected a pair of text and label, found 'a'"),
        ((["a", "b"], ["x"]), "expected 2 labels, one for each text, found 1"),
        ([("a", "x"), (["b"], "x")], "record 2: expected a pair of text and label"),
        (pd.Series(["a"]), "record 1: expected a pair of text and label"),
        (
            [{"title": "a", "summary": "b"}],
            "the records: expected one column that is clearly the text",
        ),
        (3, "expected a path, a DataFrame, or records one can iterate over, found int"),
        (0.2, "found float; set a fraction by valid_fraction"),
    ],
)
def test_what_is_no_record_is_an_error_with_its_place(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_examples(source)


def parquet(columns: dict[str, object], **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.parquet.gz", "unnamed"])
def test_parquet(tmp_path: Path, name: str) -> None:
    rows = [("a fine\nfilm, “truly”", "pos"), ("dull", "neg"), ("é中😀", "pos")]
    data = parquet(
        {"id": [1, 2, 3], "text": [text for text, _ in rows], "label": [each for _, each in rows]}
    )
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = list(iter_records(tmp_path / name, need_label=True))
    assert [(record.text, record.label) for record in found] == rows
    assert found[0].fields["id"] == 1


def test_class_labels_have_their_names_and_minus_one_none(tmp_path: Path) -> None:
    names = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": names})
    made = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features
    )
    made.to_parquet(tmp_path / "a.parquet")
    for source in (made, made.to_iterable_dataset(), tmp_path / "a.parquet"):
        assert pairs(source) == [("a", "pos"), ("b", "neg"), ("c", None)]
    with pytest.raises(
        DataError, match=r"found DatasetDict.*; give one of its tables: data\['a'\]$"
    ):
        read_examples(datasets.DatasetDict(a=made, b=made))
