"""Values as texts and labels, columns, and the arguments of an estimator."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from foretell.data.columns import Columns, by_length, choose_columns
from foretell.data.estimator_inputs import (
    estimator_data,
    text_chunks,
    training_data,
    validation_data,
)
from foretell.data.records import ReadOptions, is_missing, label_of, text_of
from foretell.errors import DataError


def test_values_as_texts_and_labels() -> None:
    for missing in (None, float("nan"), np.float32("nan"), pd.NA, pd.NaT):
        assert (is_missing(missing), text_of(missing), label_of(missing)) == (True, "", None)
    for value, label in (
        (" a ", "a"), ("", None), (" NaN", None), ("<NA>", None), ("null", None), ("none", "none"),
        (1, "1"), (1.0, "1"), (1.5, "1.5"), (np.float32(2), "2"), (np.int64(-1), "-1"), (True, "True"),
        (np.str_("b"), "b"),
    ):  # fmt: skip
        assert label_of(value) == label
    for value, text in ((np.str_("é"), "é"), (5, "5"), ("a \ud83d b", "a � b"), ("\ud83d\ude00", "😀")):
        assert text_of(value) == text
        assert type(text_of(value)) is str


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        ("id text label", {}, ("text", "label")),
        ("Review-Text Sentiment", {}, ("Review-Text", "Sentiment")),
        ("title body class", {}, ("body", "class")),
        ("note", {}, ("note", None)),
        ("note kind", {"text": "Note", "label": "kind"}, ("note", "kind")),
        ("note other", {"text": "note", "need_label": True}, ("note", "other")),
        ("a b c", {}, "clearly the text, found the columns a, b, c; name it with --text"),
        ("text a b", {"need_label": True}, "clearly the label, .*; name it with --label"),
        ("text", {"text": "txet"}, r"column text; did you mean --text text \(Python: text='text'\)\?"),
        ("text", {"label": "x"}, "'x', found the column text; name one of them with --label COLUMN"),
        ("", {}, "found no columns"),
        (" ".join(f"c{i}" for i in range(30)), {}, "c19 and 10 more"),
    ],
)
def test_columns_are_chosen_where_they_are_clear(names: str, options: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        found = choose_columns(names.split(), [], ReadOptions(**options), "a.csv")
        assert found == Columns(*expected)
        return
    with pytest.raises(DataError, match=rf"^a\.csv: expected .*{expected}"):
        choose_columns(names.split(), [], ReadOptions(**options), "a.csv")


def test_two_columns_are_told_apart_by_their_content() -> None:
    rows = [["good", "a rather long text"], ["bad", "another long text"], ["good", "and one more"]]
    assert choose_columns(["a", "b"], rows, ReadOptions(), "a.csv") == Columns("b", "a")
    assert by_length([["x", "y"], ["y", "x"]]) is None
    assert by_length([]) is None


# tests/newcomer has the columns that are no labels.
@pytest.mark.parametrize("columns", [{"stars": "{1}", "helpful": "{1}"}, {"kind": "k{1}"}])
def test_a_column_that_repeats_is_taken_as_the_label(columns: dict[str, str]) -> None:
    rows = [[f"text {i}", *(form.format(i, i % 3 + 1) for form in columns.values())] for i in range(30)]
    found = choose_columns(["text", *columns], rows, ReadOptions(need_label=True), "a.csv")
    assert found.label == next(iter(columns))


TEXTS = ["good", "bad", "fine"]


@pytest.mark.parametrize(
    "y", [[0, 1, 0], (0, 1, 0), iter([0, 1, 0]), np.array([[0], [1], [0]]), pd.Series([0, 1, 0])]
)
def test_labels_in_every_form(y: Any) -> None:
    data = estimator_data(iter(TEXTS), y)
    assert (data.examples.labels, data.classes.tolist(), data.unlabelled) == (["0", "1", "0"], [0, 1], ())


def test_dates_are_text() -> None:
    days = [dt.date(2026, 1, 2), dt.date(2025, 12, 31)]
    assert estimator_data(TEXTS[:2], days).classes.tolist() == ["2025-12-31", "2026-01-02"]


def test_rows_without_a_label_and_their_weights_are_separated() -> None:
    data = estimator_data([*TEXTS, "more"], ["a", None, "b", np.nan], sample_weight=[1, 2, 3, 4])
    assert (data.examples.texts, data.examples.labels) == (["good", "fine"], ["a", "b"])
    assert data.examples.weights == [1.0, 3.0]
    assert (data.unlabelled, data.classes.tolist()) == (("bad", "more"), ["a", "b"])
    assert estimator_data(TEXTS, ["a", "b", "a"], 2).examples.weights == [2.0, 2.0, 2.0]
    for wrong in ([1.0], [np.nan, 1, 1], [-1, 1, 1], [0, 0, 0]):
        with pytest.raises(DataError, match="sample_weight"):
            estimator_data(TEXTS, ["a", "b", "a"], wrong)


@pytest.mark.parametrize(
    ("y", "message"),
    [("abc", "one label for each text"), (np.zeros((3, 2, 2)), "shape"), (np.full((3, 2), 2), "of 0 and 1")],
)
def test_what_is_no_label_is_refused(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        estimator_data(TEXTS, y)


def test_a_table_or_a_file_holds_texts_and_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["good thing", "bad thing"], "label": ["a", "b"]})
    data = training_data(frame, None, [1, 2])
    assert (data.examples.labels, data.examples.weights) == (["a", "b"], [1.0, 2.0])
    with pytest.raises(DataError, match="requires y to be passed"):
        training_data(TEXTS, None)
    dropped = pd.DataFrame({"text": ["good thing", None], "label": ["a", "b"]})
    with pytest.raises(DataError, match="one weight for each text"):
        training_data(dropped, None, [1, 2], text="text", label="label")
    # A file may have a title above its columns.
    file = tmp_path / "tickets.csv"
    file.write_text("Tickets,May\nbody,team\n" + "it prints,a\nit bills,b\n" * 5)
    data = training_data(str(file), None, text="body", label="team", header_row=2)
    assert (data.examples.label_names, len(data.examples)) == (["a", "b"], 10)


def test_a_validation_set() -> None:
    assert validation_data(None) is None
    for valid in ((TEXTS, [1, 0, 1]), pl.DataFrame({"text": TEXTS, "label": ["1", "0", "1"]})):
        found = validation_data(valid)
        assert found is not None
        assert (found.texts, found.labels) == (TEXTS, ["1", "0", "1"])


def test_an_iterator_is_read_in_chunks_that_grow() -> None:
    sizes = [len(chunk) for chunk in text_chunks(iter(["a"] * 700))]
    assert sizes[:5] == [1, 2, 4, 8, 16]
    assert (max(sizes), sum(sizes)) == (256, 700)
