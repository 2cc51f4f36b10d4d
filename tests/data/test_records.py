"""One record: values of any type as text and as labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from foretell.data.records import is_missing, is_nested, label_of, text_of, values_of


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_missing_values(value: Any) -> None:
    assert is_missing(value)
    assert (text_of(value), label_of(value)) == ("", None)


@pytest.mark.parametrize("value", ["", "nan", 0, 0.0, False, [], 10**400])
def test_values_that_are_not_missing(value: Any) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" a ", "a"), ("", None), (" NaN", None), ("<NA>", None), ("null", None), ("none", "none"),
        (1, "1"), (1.0, "1"), (1.5, "1.5"), (np.float32(2), "2"), (np.int64(-1), "-1"), (True, "True"),
        (np.str_("b"), "b"), ("-1", "-1"),
    ],
)  # fmt: skip
def test_labels(value: Any, label: str | None) -> None:
    assert label_of(value) == label


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("é", "é"), (np.str_("é"), "é"), (5, "5"), ("a \ud83d b", "a � b"), ("\ud83d\ude00", "😀")],
)
def test_texts(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert type(text_of(value)) is str


def test_collections_and_bytes_are_nested() -> None:
    assert all(map(is_nested, ([], (), {}, {1}, b"", bytearray())))
    assert not any(map(is_nested, ("", 1, None, np.str_("a"))))


def test_the_values_of_an_arrow_array_are_python_objects() -> None:
    assert values_of(pa.array(["a", None])) == ["a", None]
    column = ["a"]
    assert values_of(column) is column
