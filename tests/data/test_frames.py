"""Tables of the real libraries: pandas, polars, Arrow, Hugging Face datasets, dictionaries of columns."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foretell.data.examples import Record, iter_records, read_examples
from foretell.data.frames import has_columns, has_part
from foretell.data.options import Arguments
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
    name = type(made()).__name__
    assert (examples.texts, examples.labels) == (["good", "bad"], ["5", "1"])
    assert examples.dropped == {"an empty text": 2, "no label (empty or NaN)": 1}
    assert examples.notes[0].endswith("Frame: texts from the column 'review', labels from 'stars'") or (
        examples.notes[0] == f"{name}: texts from the column 'review', labels from 'stars'"
    )


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_the_other_columns_are_kept(made: Callable[[], Any]) -> None:
    first = next(iter_records(made()))
    assert first.text == "good"
    assert (first.fields["when"], list(first.fields)) == ("Monday", list(COLUMNS))


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_a_column_that_is_not_there_is_an_error_in_the_terms_of_the_interface(
    made: Callable[[], Any],
) -> None:
    with pytest.raises(DataError, match=r"named 'revew', found the columns review, stars, when; did you mean "
                                        r"text='review'\?$"):  # fmt: skip
        read_examples(made(), text="revew")
    with pytest.raises(DataError, match=r"name one of them with --text COLUMN$"):
        read_examples(made(), text="x", arguments=Arguments(text="--text {}"))


def test_columns_of_the_same_name_are_an_error() -> None:
    frame = pd.DataFrame([["a", "b", "x"]], columns=["text", "text", "label"])
    with pytest.raises(DataError, match="expected columns with different names, found text, text, label"):
        read_examples(frame)


def test_a_column_of_lists_is_an_error_with_its_record() -> None:
    with pytest.raises(DataError, match=r"DataFrame, record 2: expected one value in 'text', found a list"):
        list(iter_records(pd.DataFrame({"text": ["a", ["b"]]})))


@pytest.mark.parametrize("columns", [{"text": "ab"}, {"text": ["a"], "label": []}, {"text": 1}, {}])
def test_a_dictionary_of_something_else_is_an_error(columns: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="expected a dictionary of columns of one length"):
        list(iter_records(columns))


@pytest.mark.parametrize("made", [dataset, lambda: dataset().to_iterable_dataset()])
def test_class_labels_have_their_names_and_minus_one_none(made: Callable[[], Any]) -> None:
    found = list(iter_records(made()))
    assert [(record.text, record.label) for record in found] == [("a", "pos"), ("b", "neg"), ("c", None)]


def test_a_dataset_is_read_in_its_own_order() -> None:
    shuffled = dataset().select([2, 0])
    assert [record.text for record in iter_records(shuffled)] == ["c", "a"]


def test_an_iterable_dataset_without_known_columns() -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield from ({"text": text, "label": "x"} for text in "ab")

    made = datasets.IterableDataset.from_generator(rows)
    assert made.column_names is None
    assert read_examples(made).texts == ["a", "b"]


def test_the_splits_of_a_dataset_dict_are_read_by_part() -> None:
    splits = datasets.DatasetDict(train=dataset().select([0, 1]), validation=dataset().select([1]))
    train = read_examples(splits)
    assert (train.texts, train.labels) == (["a", "b"], ["pos", "neg"])
    assert train.notes[0] == "DatasetDict: read its split 'train'"
    assert read_examples(splits, part="valid").texts == ["b"]
    assert [has_part(splits, part) for part in ("train", "valid", "test")] == [True, True, False]
    assert not has_part(dataset(), "train")
    with pytest.raises(DataError, match=r"expected a split named test, found the splits train, validation"):
        read_examples(splits, part="test")
    with pytest.raises(
        DataError, match=r"expected one Dataset, found a DatasetDict with the splits train, va"
    ):
        list(iter_records(splits))
    assert len(list(iter_records(datasets.DatasetDict(test=dataset())))) == 3


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
