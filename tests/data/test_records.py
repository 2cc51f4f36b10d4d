"""Records, columns, estimator inputs, and what is no text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from foretell.data.columns import Columns, by_length, choose_columns
from foretell.data.estimator_inputs import (
    estimator_data,
    labels_of,
    more_texts,
    text_chunks,
    texts_of,
    training_data,
    validation_data,
    weights_of,
)
from foretell.data.records import (
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
        (["a", "b", "c"], ReadOptions(), "clearly the text, found the columns a, b, c; name it with --text"),
        (["text", "a", "b"], ReadOptions(need_label=True), "clearly the label, .*; name it with --label"),
        (["text", "topic", "class"], ReadOptions(need_label=True), "clearly the label, found"),
        (
            ["text"],
            ReadOptions(text="txet"),
            r"found the column text; did you mean --text text \(Python: text='text'\)\?",
        ),
        (
            ["text"],
            ReadOptions(label="x"),
            "a column named 'x', found the column text; name one of them with --label COLUMN",
        ),
        ([], ReadOptions(), "found no columns"),
        ([f"c{i}" for i in range(30)], ReadOptions(), "c19 and 10 more"),
        (["a", "", "b"], ReadOptions(), r"a, \(no name\), b"),
    ],
)
def test_columns_that_are_not_clear(names: list[str], options: ReadOptions, message: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.csv: expected .*{message}"):
        choose_columns(names, [], options, "a.csv")


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


TEXTS = ["good", "bad", "fine"]


@pytest.mark.parametrize(
    "x",
    [
        TEXTS, tuple(TEXTS), iter(TEXTS), np.array(TEXTS), np.array(TEXTS)[:, None], pd.Series(TEXTS),
        pl.Series(TEXTS), pd.DataFrame({"any": TEXTS}),
    ],
)  # fmt: skip
def test_texts_in_every_form(x: Any) -> None:
    assert texts_of(x) == TEXTS


@pytest.mark.parametrize(
    "y", [[0, 1, 0], (0, 1, 0), iter([0, 1, 0]), np.array([[0], [1], [0]]), pd.Series([0, 1, 0])]
)
def test_labels_in_every_form(y: Any) -> None:
    data = estimator_data(TEXTS, y)
    assert data.examples.labels == ["0", "1", "0"]
    assert data.classes.tolist() == [0, 1]
    assert data.unlabelled == ()


def test_rows_without_a_label_and_their_weights_are_separated() -> None:
    data = estimator_data([*TEXTS, "more"], ["a", None, "b", np.nan], sample_weight=[1, 2, 3, 4])
    assert (data.examples.texts, data.examples.labels) == (["good", "fine"], ["a", "b"])
    assert data.examples.weights == [1.0, 3.0]
    assert data.unlabelled == ("bad", "more")
    assert data.classes.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (TEXTS, ["a"], "3 labels, one for each text"),
        ("text", ["a"], "several texts"),
        ([1, "b"], ["a", "b"], r"X\[0\]: expected a text, found 1"),
        (TEXTS, "abc", "one label for each text"),
        (TEXTS, np.zeros((3, 2, 2)), "shape"),
        (TEXTS, np.full((3, 2), 2), "0"),
    ],
)
def test_what_is_no_data_is_refused(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        estimator_data(x, y)


def test_weights() -> None:
    assert weights_of(None, 3) is None
    assert weights_of(2, 2) == [2.0, 2.0]
    for wrong in ([1.0], [np.nan, 1, 1], [-1, 1, 1], [0, 0, 0]):
        with pytest.raises(DataError, match="sample_weight"):
            weights_of(wrong, 3)


def test_a_table_holds_texts_and_labels() -> None:
    frame = pd.DataFrame({"text": ["good thing", "bad thing"], "label": ["a", "b"]})
    data = training_data(frame, None, [1, 2])
    assert data.examples.labels == ["a", "b"]
    assert data.examples.weights == [1.0, 2.0]
    with pytest.raises(DataError, match="requires y to be passed"):
        training_data(TEXTS, None)
    dropped = pd.DataFrame({"text": ["good thing", None], "label": ["a", "b"]})
    with pytest.raises(DataError, match="one weight for each text"):
        training_data(dropped, None, [1, 2], text="text", label="label")


def test_a_file_may_have_a_title_above_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("Tickets,May\nbody,team\n" + "it prints,a\nit bills,b\n" * 5)
    data = training_data(str(file), None, text="body", label="team", header_row=2)
    assert (data.examples.label_names, len(data.examples)) == (["a", "b"], 10)
    assert validation_data(str(file), text="body", label="team", header_row=2) is not None


def test_a_validation_set() -> None:
    assert validation_data(None) is None
    valid = validation_data((TEXTS, [1, 0, 1]))
    assert valid is not None
    assert valid.labels == ["1", "0", "1"] == labels_of([1, 0, 1])
    frame = pl.DataFrame({"text": ["good thing", "bad thing"], "label": ["a", "b"]})
    read = validation_data(frame)
    assert read is not None
    assert read.labels == ["a", "b"]


def test_unlabelled_texts() -> None:
    assert more_texts(None, None) == []
    assert more_texts([], None) == []
    assert more_texts(pd.Series(TEXTS), None) == TEXTS


def test_an_iterator_is_read_in_chunks_that_grow() -> None:
    sizes = [len(chunk) for chunk in text_chunks(iter(["a"] * 700))]
    assert sizes[:5] == [1, 2, 4, 8, 16]
    assert max(sizes) == 256
    assert sum(sizes) == 700
