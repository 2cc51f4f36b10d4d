"""Parquet, tables and records in Python."""

from __future__ import annotations

import gzip
import io
import random
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
CLASSES = datasets.Features({
    "text": datasets.Value("string"),
    "label": datasets.ClassLabel(names=["neg", "pos"]),
})  # fmt: skip


class Capsule:
    """What offers the Arrow PyCapsule interface and nothing else, like a relation of DuckDB."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def dataset() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=CLASSES)


TABLES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas, Arrow's types": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars, lazy": lambda: pl.LazyFrame(COLUMNS),
    "Arrow table": lambda: pa.table(COLUMNS),
    "Arrow batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "Arrow stream": lambda: pa.table(COLUMNS).to_reader(),
    "Arrow capsule": lambda: Capsule(pa.table(COLUMNS)),
    "Arrow capsule of polars": lambda: Capsule(pl.DataFrame(COLUMNS)),
    "Dataset": lambda: datasets.Dataset.from_dict(COLUMNS),
    "Dataset that returns arrays": lambda: datasets.Dataset.from_dict(COLUMNS).with_format("numpy"),
    "Dataset, iterable": lambda: datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(),
    "dictionary of lists": lambda: COLUMNS,
    "dictionary of Arrow arrays": lambda: {name: pa.array(cells) for name, cells in COLUMNS.items()},
    "dictionary of arrays": lambda: {name: np.array(cells, object) for name, cells in COLUMNS.items()},
}


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_every_table_gives_the_same_examples(made: Callable[[], Any]) -> None:
    assert has_columns(made())
    examples = read_examples(made())
    first, name = next(iter_records(made())), type(made()).__name__
    assert (first.fields["when"], list(first.fields)) == ("Monday", list(COLUMNS))
    assert (examples.texts, examples.labels) == (["good", "bad"], ["5", "1"])
    assert examples.dropped == {"an empty text": 2, "no label (empty or NaN)": 1}
    assert examples.notes[0].endswith("Frame: texts from the column 'review', labels from 'stars'") or (
        examples.notes[0] == f"{name}: texts from the column 'review', labels from 'stars'"
    )


def test_columns_of_the_same_name_are_an_error() -> None:
    frame = pd.DataFrame([["a", "b", "x"]], columns=["text", "text", "label"])
    with pytest.raises(DataError, match="expected columns with different names, found text, text, label"):
        read_examples(frame)


@pytest.mark.parametrize("columns", [{"text": "ab"}, {"text": ["a"], "label": []}, {"text": 1}, {}])
def test_a_dictionary_of_something_else_is_an_error(columns: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="expected a dictionary of columns of one length"):
        list(iter_records(columns))


@pytest.mark.parametrize("made", [dataset, lambda: dataset().to_iterable_dataset()])
def test_class_labels_have_their_names_and_minus_one_none(made: Callable[[], Any]) -> None:
    found = list(iter_records(made()))
    assert [(record.text, record.label) for record in found] == [("a", "pos"), ("b", "neg"), ("c", None)]


def test_several_splits_are_no_table() -> None:
    splits = datasets.DatasetDict(train=dataset(), validation=dataset().select([1]))
    with pytest.raises(DataError, match=r"the splits train, validation; give one of them: data\['train'\]"):
        read_examples(splits)


def test_a_stream_needs_polars_and_a_frame_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    assert read_examples(pd.DataFrame(COLUMNS)).texts == ["good", "bad"]
    assert read_examples(pl.DataFrame(COLUMNS)).texts == ["good", "bad"]
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[train\]'$"):
        read_examples(Capsule(None))


@pytest.mark.parametrize(
    "other", [["a"], "a", 3, None, pd.Series(["a"]), pl.Series(["a"]), pa.array(["a"]), Record("a")]
)
def test_what_has_no_columns_is_no_table(other: Any) -> None:
    assert not has_columns(other)


SERIES: dict[str, Callable[[list[Any]], Any]] = {
    "pandas": pd.Series,
    "polars": pl.Series,
    "Arrow array": pa.array,
    "Arrow chunks": lambda values: pa.chunked_array([values]),
    "NumPy": lambda values: np.array(values, dtype=object),
}


def pairs(source: Any) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in iter_records(source)]


def test_python_records_of_each_shape() -> None:
    shapes = (
        [("a", "x"), ("b", "y")],
        (["a", "b"], np.array(["x", "y"])),
        iter([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]),
        (Record(text, label) for text, label in (("a", "x"), ("b", "y"))),
    )
    for shape in shapes:
        examples = read_examples(shape)
        assert (examples.texts, examples.labels) == (["a", "b"], ["x", "y"])


@pytest.mark.parametrize("made", SERIES.values(), ids=SERIES)
def test_a_series_is_texts_of_which_some_may_be_missing(made: Callable[[list[Any]], Any]) -> None:
    assert pairs(made(["a", None, "b"])) == [("a", None), ("", None), ("b", None)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (["a"], "record 1: expected a pair of text and label, found 'a'"),
        ((["a", "b"], ["x"]), "expected 2 labels, one for each text, found 1"),
        ([("a", "x"), (["b"], "x")], "record 2: expected a pair of text and label"),
        (pd.Series(["a"]), "record 1: expected a pair of text and label"),
        ([{"title": "a", "summary": "b"}], "the records: expected one column that is clearly the text"),
        (3, "expected a path, a DataFrame, or records one can iterate over, found int"),
    ],
)
def test_what_is_no_record_is_an_error_with_its_place(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_examples(source)


ROWS = [("a fine\nfilm, “truly”", "pos"), ("dull", "neg"), ("é中😀", "pos")]


def parquet(columns: dict[str, object], **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def data() -> bytes:
    return parquet({"id": [1, 2, 3], "text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]})


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.parquet.gz", "unnamed"])
def test_parquet(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = list(iter_records(tmp_path / name, need_label=True))
    assert [(record.text, record.label) for record in found] == ROWS
    assert found[0].fields["id"] == 1


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_damage_anywhere_is_a_typed_error(tmp_path: Path, compression: str) -> None:
    rows = range(200)
    whole = parquet(
        {
            "text": [f"text é {i}" for i in rows],
            "label": ["a", "b"] * 100,
            "when": pa.array(rows, "timestamp[s]"),
        },
        compression=compression,
    )
    r = random.Random(1)
    errors = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[r.randrange(4, len(whole))] ^= 1 << r.randrange(8)
        (tmp_path / "a.parquet").write_bytes(damaged[: r.choice([len(whole), r.randrange(len(whole))])])
        try:
            list(iter_records(tmp_path / "a.parquet"))
        except DataError:
            errors += 1
    assert errors > 100
