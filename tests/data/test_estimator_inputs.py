"""Values as texts and labels, and the arguments of an estimator."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.estimator_inputs import (
    estimator_data,
    evaluation_data,
    training_data,
    validation_data,
)
from foretell.data.examples import read_examples
from foretell.data.records import is_missing, label_of, text_of
from foretell.errors import DataError


def test_values_as_texts_and_labels() -> None:
    for missing in (None, float("nan"), np.float32("nan"), pd.NA, pd.NaT):
        assert (is_missing(missing), text_of(missing), label_of(missing)) == (True, "", None)
    for value, label in (
        (" a ", "a"),
        ("", None),
        (" NaN", None),
        ("<NA>", None),
        ("null", None),
        ("none", "none"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (np.float32(2), "2"),
        (np.int64(-1), "-1"),
        (True, "True"),
        (np.str_("b"), "b"),
    ):
        assert label_of(value) == label
    for value, text in (
        (np.str_("é"), "é"),
        (5, "5"),
        ("a \ud83d b", "a � b"),
        ("\ud83d\ude00", "😀"),
    ):
        assert text_of(value) == text
        assert type(text_of(value)) is str


TEXTS = ["good", "bad", "fine"]


@pytest.mark.parametrize(
    "y", [[0, 1, 0], (0, 1, 0), iter([0, 1, 0]), np.array([[0], [1], [0]]), pd.Series([0, 1, 0])]
)
def test_labels_in_every_form(y: Any) -> None:
    data = estimator_data(iter(TEXTS), y)
    assert (data.examples.labels, data.classes.tolist(), data.unlabelled) == (
        ["0", "1", "0"],
        [0, 1],
        (),
    )
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
    with pytest.raises(DataError, match="found 0 for each"):
        estimator_data(TEXTS, ["a", None, "b"], [0, 1, 0])


def test_a_minus_one_that_may_be_a_label_has_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"1 text counts as unlabelled \(label -1\); give the labels"
    ):
        assert estimator_data(["a", "b", "c"], [0, 1, -1]).unlabelled == ("c",)
    with pytest.warns(UserWarning, match="1 text counts as unlabelled"):
        estimator_data(list("abcde"), [-2, -1, 0, 1, 2])
    assert estimator_data(["a", "b"], [1, -1]).examples.labels == ["1", "-1"]
    # Of no common code: as scikit-learn has it.
    assert estimator_data(["a", "b", "c"], [0, 2, -1]).unlabelled == ("c",)


def test_a_table_or_a_file_holds_texts_and_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["good thing", "bad thing"], "label": ["a", "b"]})
    assert training_data(frame, None).examples.labels == ["a", "b"]
    with pytest.raises(DataError, match="requires y to be passed"):
        training_data(TEXTS, None)
    with pytest.raises(DataError, match="no sample_weight where X has the labels too, found some"):
        training_data(frame, None, [1, 2])
    # A file may have a title above its columns.
    file = tmp_path / "tickets.csv"
    file.write_text("Tickets,May\nbody,team\n" + "it prints,a\nit bills,b\n" * 5)
    data = training_data(str(file), None, text="body", label="team", header_row=2)
    assert (data.examples.label_names, len(data.examples)) == (["a", "b"], 10)


def test_a_validation_set() -> None:
    assert validation_data(None) is None
    for wrong in ([["a"], ["b"], ["a"]], np.zeros((3, 2))):
        with pytest.raises(DataError, match=r"valid\[0\]: expected one label for each text"):
            validation_data((TEXTS, wrong))
    with pytest.raises(DataError, match="valid: expected 3 labels, one for each text, found 2"):
        validation_data((TEXTS, ["a", "b"]))
    for valid in ((TEXTS, [1, 0, 1]), pl.DataFrame({"text": TEXTS, "label": ["1", "0", "1"]})):
        found = validation_data(valid)
        assert found is not None
        assert (found.texts, found.labels) == (TEXTS, ["1", "0", "1"])


@pytest.mark.filterwarnings("ignore:1 text counts as unlabelled")
@pytest.mark.parametrize(
    "y", [["0", "", "1", "0"], *([0.0, none, 1, 0] for none in (None, float("nan"), pd.NA, -1))]
)
def test_texts_without_a_label_are_not_measured(y: list[object]) -> None:
    by = ["a", "b", "c", "d"]
    examples, column = evaluation_data([*TEXTS, "four"], y, by)
    assert (examples.texts, examples.labels) == ([TEXTS[0], TEXTS[2], "four"], ["0", "1", "0"])
    assert column is not None
    assert column.values == ["a", "c", "d"]
    assert examples.notes == ["1 texts without a label are left out"]
    with pytest.raises(DataError, match="by: expected 4 values"):
        evaluation_data([*TEXTS, "four"], [0, 1, None, 1], by[:3])


def test_minus_one_is_a_label_of_a_model_that_has_it() -> None:
    examples, _ = evaluation_data(TEXTS, [-1, 0, 1], None, ["-1", "0", "1"])
    assert examples.labels == ["-1", "0", "1"]
    # Of a model without it, it is none, whatever else occurs.
    assert evaluation_data(TEXTS, [-1, -1, 1], None, ["0", "1"])[0].labels == ["1"]
    for labels in ([-1, 1, 0], [-1, -1, -1]):
        found = validation_data((TEXTS, labels), ["-1", "0", "1"])
        assert found is not None
        assert found.labels == list(map(str, labels))
    with pytest.raises(DataError, match="validation set: expected texts with labels, found none"):
        validation_data((TEXTS, [None] * 3), ["a", "b"])


def test_labels_are_those_of_the_model_by_value() -> None:
    for y, known, names in (
        ([True, False, True], ["0", "1"], ["1", "0", "1"]),
        ([2, 0, 1], ["False", "True"], ["2", "0", "1"]),
        ([1, 0, 1.0], ["False", "True"], ["True", "False", "True"]),
    ):
        assert evaluation_data(TEXTS, y, None, known)[0].labels == names
    for columns, values in (([0, 1], [0, 1]), (["b", "a"], [1, 0]), (["b", "other"], [0, 0])):
        frame = pd.DataFrame([[0, 1]] * 3, columns=columns)
        examples, _ = evaluation_data(TEXTS, frame, None, ["a", "b"], multi_label=";")
        assert examples.sets is not None
        assert examples.sets.aligned(["a", "b"])[0].tolist() == values
    lists, _ = evaluation_data(TEXTS, [[0, 1]] * 3, None, ["a", "b"], multi_label=";")
    assert lists.labels == ["b"] * 3


@pytest.mark.parametrize("labels", [[1, "1", 2], ["a", "b", 0.5], ["a", True, "b"]])
def test_text_and_numbers_are_not_mixed(labels: list[object]) -> None:
    with pytest.raises(DataError, match="y: expected labels of one type, found text and others"):
        training_data(TEXTS, labels)


@given(st.lists(st.integers(-9, 9) | st.integers(-9, 9).map(float), min_size=3, max_size=3))
def test_whole_numbers_are_called_as_a_table_calls_them(labels: list[float]) -> None:
    by_list = evaluation_data(TEXTS, labels, None, ["-1"])[0]
    by_table = read_examples((TEXTS, labels))
    assert by_list.labels == by_table.labels == [str(int(label)) for label in labels]


def test_members_of_an_enumeration_are_labels_by_their_values() -> None:
    class Team(enum.Enum):
        SALES = "sales"
        SUPPORT = "support"

    data = estimator_data(["a price", "a bug", "an offer"], [Team.SALES, Team.SUPPORT, Team.SALES])
    assert data.examples.labels == ["sales", "support", "sales"]


def test_intervals_are_labels_by_their_name_and_numbers_only_where_they_are_classes() -> None:
    texts = [f"text {number}" for number in range(6)]
    for ages in (
        pd.cut(pd.Series([1, 2, 3, 4, 5, None]), [0, 3, 6]),
        pd.cut([*range(6)], [0, 3, 6]),
    ):
        data = estimator_data(texts, ages)
        names = {str(each) for each in ages if isinstance(each, pd.Interval)}
        assert len(names) == 2
        assert data.classes.tolist() == sorted(names)
        assert len(data.unlabelled) == 1
    assert estimator_data(texts, [1, 2, 3, 4, 5, 1]).classes.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="continuous"):
        estimator_data(texts, [0.1, 0.25, 1.5, 2.25, 3.1, 0.3])
