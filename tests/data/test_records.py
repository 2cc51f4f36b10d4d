"""Records, the options of reading, and which column is the text and which the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data.columns import Columns, by_length, choose_columns
from foretell.data.records import (
    Arguments,
    ReadOptions,
    is_missing,
    label_of,
    text_of,
)
from foretell.errors import DataError


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_missing_values(value: Any) -> None:
    assert is_missing(value)
    assert (text_of(value), label_of(value)) == ("", None)


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


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (["id", "text", "label"], ReadOptions(), ("text", "label")),
        (["Review Text", "Sentiment"], ReadOptions(), ("Review Text", "Sentiment")),
        (["title", "body", "class"], ReadOptions(), ("body", "class")),
        (["id", "body"], ReadOptions(), ("body", None)),
        (["note"], ReadOptions(), ("note", None)),
        (["note", "kind"], ReadOptions(text="Note", label="kind"), ("note", "kind")),
        (["note", "other"], ReadOptions(text="note", need_label=True), ("note", "other")),
        (["text", "label", "sentiment"], ReadOptions(label="sentiment"), ("text", "sentiment")),
    ],
)
def test_clear_columns(names: list[str], options: ReadOptions, expected: tuple[str, str | None]) -> None:
    columns = choose_columns(names, [], options, "a.csv")
    assert (columns.text, columns.label) == expected


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a", "b", "c"], ReadOptions(), "clearly the text, found the columns a, b, c; name it with text="),
        (["text", "a", "b"], ReadOptions(need_label=True), "clearly the label, .*; name it with label="),
        (["text", "topic", "class"], ReadOptions(need_label=True), "clearly the label, found"),
        (
            ["text"],
            ReadOptions(text="txet"),
            r"a column named 'txet', found the column text; did you mean text=",
        ),
        (
            ["text"],
            ReadOptions(label="x"),
            "a column named 'x', found the column text; name one of them with label=",
        ),
        ([], ReadOptions(), "found no columns"),
        ([f"c{i}" for i in range(30)], ReadOptions(), "c19 and 10 more"),
        (["a", "", "b"], ReadOptions(), r"a, \(no name\), b"),
    ],
)
def test_columns_that_are_not_clear(names: list[str], options: ReadOptions, message: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.csv: expected .*{message}"):
        choose_columns(names, [], options, "a.csv")


def test_errors_use_the_arguments_of_the_interface() -> None:
    arguments = Arguments(text="--text {}", label=None)
    with pytest.raises(DataError, match=r"; did you mean --text body\?$"):
        choose_columns(["body", "x"], [], ReadOptions(text="bdy", arguments=arguments), "a.csv")
    with pytest.raises(DataError, match=r"; rename the column to 'label'$"):
        choose_columns(["text", "a", "b"], [], ReadOptions(need_label=True, arguments=arguments), "a.csv")


def test_two_columns_are_told_apart_by_their_content() -> None:
    rows = [["good", "a rather long text"], ["bad", "another long text"], ["good", "and one more"]]
    assert by_length(rows) == 1
    assert choose_columns(["a", "b"], rows, ReadOptions(), "a.csv") == Columns("b", "a")
    assert by_length([["x", "y"], ["y", "x"]]) is None
    assert by_length([]) is None


def test_a_record_of_a_mapping() -> None:
    record = Columns("b", "a").record({"a": 1.0, "b": None, "c": 2.5}, "row 1")
    assert (record.text, record.label, record.fields) == ("", "1", {"a": 1.0, "b": None, "c": 2.5})
    with pytest.raises(DataError, match="row 1: expected one value in 'a', found a dict"):
        Columns("b", "a").record({"a": {}, "b": "x"}, "row 1")
    assert Columns("b", None).note("a.csv") == "a.csv: texts from the column 'b'"
