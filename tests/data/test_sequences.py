"""Python's own collections, and the columns of the libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foretell.data.examples import Record, iter_records, read_examples
from foretell.errors import DataError

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


@pytest.mark.parametrize("made", SERIES.values(), ids=SERIES)
def test_two_series_are_texts_and_labels(made: Callable[[list[Any]], Any]) -> None:
    examples = read_examples((made(["a", "b", "c"]), made([1, None, 2])))
    assert (examples.texts, examples.labels) == (["a", "c"], ["1", "2"])


def test_texts_alone_have_no_labels() -> None:
    assert pairs(["a", "b"]) == [("a", None), ("b", None)]
    assert pairs(np.array(["a", "b"])) == [("a", None), ("b", None)]


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


def test_none_in_a_list_of_texts_is_an_error() -> None:
    with pytest.raises(DataError, match="record 2: expected a text, found None"):
        pairs(["a", None])
