"""Values as texts and labels, and the arguments of an estimator."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from foretell.data.estimator_inputs import (
    estimator_data,
    training_data,
    validation_data,
)
from foretell.data.records import is_missing, label_of, text_of
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


TEXTS = ["good", "bad", "fine"]


@pytest.mark.parametrize(
    "y", [[0, 1, 0], (0, 1, 0), iter([0, 1, 0]), np.array([[0], [1], [0]]), pd.Series([0, 1, 0])]
)
def test_labels_in_every_form(y: Any) -> None:
    data = estimator_data(iter(TEXTS), y)
    assert (data.examples.labels, data.classes.tolist(), data.unlabelled) == (["0", "1", "0"], [0, 1], ())
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


def test_a_minus_one_that_may_be_a_label_has_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"1 text counts as unlabelled \(label -1\); give the labels"):
        assert estimator_data(["a", "b", "c"], [0, 1, -1]).unlabelled == ("c",)
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
    for wrong in ([None, "a", "b"], [["a"], ["b"], ["a"]], np.zeros((3, 2))):
        with pytest.raises(DataError, match=r"y\[0\]: expected one label for each text"):
            validation_data((TEXTS, wrong))
    for valid in ((TEXTS, [1, 0, 1]), pl.DataFrame({"text": TEXTS, "label": ["1", "0", "1"]})):
        found = validation_data(valid)
        assert found is not None
        assert (found.texts, found.labels) == (TEXTS, ["1", "0", "1"])
