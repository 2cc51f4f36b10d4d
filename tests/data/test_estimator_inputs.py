"""X, y and sample_weight of an estimator, in every form that scikit-learn's users pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

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
from foretell.errors import DataError

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
    data = training_data(frame, None, [1, 2], None, None)
    assert data.examples.labels == ["a", "b"]
    assert data.examples.weights == [1.0, 2.0]
    with pytest.raises(DataError, match="requires y to be passed"):
        training_data(TEXTS, None, None, None, None)
    dropped = pd.DataFrame({"text": ["good thing", None], "label": ["a", "b"]})
    with pytest.raises(DataError, match="one weight for each text"):
        training_data(dropped, None, [1, 2], "text", "label")


def test_a_validation_set() -> None:
    assert validation_data(None, None, None) is None
    valid = validation_data((TEXTS, [1, 0, 1]), None, None)
    assert valid is not None
    assert valid.labels == ["1", "0", "1"] == labels_of([1, 0, 1])
    frame = pl.DataFrame({"text": ["good thing", "bad thing"], "label": ["a", "b"]})
    read = validation_data(frame, None, None)
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
