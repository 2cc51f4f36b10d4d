"""Several labels in a cell or a list: what applies, what does not, and what is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from foretell.data.estimator_inputs import estimator_data
from foretell.data.examples import read_examples
from foretell.data.label_sets import names_in, parts_of_groups
from foretell.data.records import Record
from foretell.data.split import make_split
from foretell.errors import DataError
from foretell.surveying.shown import example_rows


def test_cells() -> None:
    for cell, names in {
        "a;b": ("a", "b"),
        " a ;  b;": ("a", "b"),
        "a;a; a": ("a",),
        ";": (),
        " ; ;": (),
        "a;nan;b": ("a", "b"),
        None: None,
    }.items():
        assert names_in(Record("text", cell), ";") == names


def test_files_of_every_kind_have_the_same_sets(tmp_path: Path) -> None:
    rows: list[tuple[str, list[str] | None]] = [
        ("first", ["b", "a"]),
        ("second", []),
        ("third", None),
        ("fourth", ["a", "a"]),
        ("", ["a"]),
    ]
    cells = [("" if given is None else "|".join(given) or "|") for _, given in rows]
    lines = (f'{text},"{cell}"\n' for (text, _), cell in zip(rows, cells, strict=True))
    (tmp_path / "a.csv").write_text("text,labels\n" + "".join(lines))
    objects = (json.dumps({"text": text, "labels": given}) for text, given in rows)
    (tmp_path / "a.jsonl").write_text("\n".join(objects))
    frame = pd.DataFrame({"text": [t for t, _ in rows], "labels": [given for _, given in rows]})
    frame.to_parquet(tmp_path / "a.parquet")
    for source in (tmp_path / "a.csv", tmp_path / "a.jsonl", tmp_path / "a.parquet", frame):
        found = read_examples(source, multi_label="|")
        assert found.texts == ["first", "second", "fourth"]
        assert found.sets is not None
        assert (found.sets.names, found.sets.values.tolist()) == (
            ["a", "b"],
            [[1, 1], [0, 0], [1, 0]],
        )
        assert found.dropped == {
            "unknown labels (empty, NaN, NA, N/A or null)": 1,
            "an empty text": 1,
        }
        assert any("1 text to which no label applies" in note for note in found.notes)
        assert found.labels == ["a|b", "", "a"]
    (tmp_path / "a.ft").write_text("__label__b __label__a first\n__label__a second\n")
    assert read_examples(tmp_path / "a.ft", multi_label=";").labels == ["a;b", "a"]


def test_labels_of_lists_keep_their_type() -> None:
    found = read_examples({"text": ["x", "y"], "label": [[10, 9], [9]]}, multi_label=";")
    assert (found.label_type, found.label_names) == ("integer", ["9", "10"])
    with pytest.raises(DataError, match="set multi-label"):
        read_examples({"text": ["x", "y"], "label": [[10, 9], [9]]})


def test_parts_keep_the_share_of_each_label_and_groups_together() -> None:
    rng = np.random.default_rng(1)
    values = (rng.random((200, 5)) < [0.5, 0.3, 0.1, 0.05, 0.0]).astype(np.float32)
    values[:20, 0] = np.nan
    groups = [[2 * i, 2 * i + 1] for i in range(100)]
    parts = parts_of_groups(groups, values, [0.2] * 5, 1)
    assert (parts[::2] == parts[1::2]).all()
    assert np.bincount(parts).tolist() == pytest.approx([40] * 5, abs=4)
    for label in range(4):
        counts = np.bincount(parts, np.nan_to_num(values[:, label]), 5)
        assert np.ptp(counts) <= max(2, 0.35 * counts.mean())
    assert parts_of_groups(groups, values, [0.2] * 5, 1).tolist() == parts.tolist()
    # A label of one group is learned from, not validated on.
    alone = np.zeros((10, 1), np.float32)
    alone[3] = 1
    assert parts_of_groups([[i] for i in range(10)], alone, [0.9, 0.1], 1)[3] == 0


def test_a_split_and_a_survey_of_them() -> None:
    labels = [["a"] if i % 2 else ["a", "b"] for i in range(50)]
    source = {"text": [f"text {i}" for i in range(50)], "label": labels}
    examples = read_examples(source, multi_label=";")
    split = make_split(examples, valid=examples.select(range(10)))
    assert split.train.sets is not None
    assert split.train.sets.values.sum(axis=0).tolist() == [40, 20]
    assert ("2 labels", "a 50, b 25") in example_rows(examples, split, str.split)


MATRIX = np.array([[0, 1], [1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (MATRIX, [0, 1]),
        (MATRIX.tolist(), [0, 1]),
        (sparse.csr_matrix(MATRIX), [0, 1]),
        (MATRIX.astype(bool), [0, 1]),
        (pd.DataFrame(MATRIX), [0, 1]),
        (pl.DataFrame(MATRIX, schema=["a", "b"]), ["a", "b"]),
        ([["b"], ("a", "b"), set()], ["a", "b"]),
        ([["b"], ["a", "b"], [""]], ["a", "b"]),
        ([[10.0], [9.0, 10.0], []], [9, 10]),
        (pd.DataFrame(MATRIX).astype("Int64"), [0, 1]),
        (pd.DataFrame(MATRIX, columns=[1.0, 2.0]), [1, 2]),
        (pl.Series([["b"], ["a", "b"], []]), ["a", "b"]),
        (pa.array([["b"], ["a", "b"], []]), ["a", "b"]),
        ([np.array([10]), np.array([9, 10]), []], [9, 10]),
    ],
)
def test_several_labels_in_every_form(y: Any, classes: list[Any]) -> None:
    data = estimator_data(["x", "y", "z"], y)
    assert data.classes.tolist() == classes
    assert data.examples.sets is not None
    np.testing.assert_array_equal(data.examples.sets.values, MATRIX)


def test_what_is_unknown_and_what_is_no_label() -> None:
    data = estimator_data(["x", "y", "z"], [["a"], None, ["b"]])
    assert (data.examples.texts, data.unlabelled) == (["x", "z"], ("y",))
    nullable = pd.DataFrame({"a": [1, 0, pd.NA], "b": [0, 1, pd.NA]}, dtype="Int64")
    assert estimator_data(["x", "y", "z"], nullable).unlabelled == ("z",)
    # One column is one label for each text, unless texts may have several.
    column = np.array([[1], [0], [1]])
    assert estimator_data(["x", "y", "z"], column).examples.labels == ["1", "0", "1"]
    assert estimator_data(["x", "y", "z"], column, multi_label=";").examples.labels == [
        "0",
        "",
        "0",
    ]
    for y, message in (
        (2 * MATRIX, "a matrix of 0 and 1"),
        (np.zeros((3, 2, 2)), "shape"),
        ("abc", "one label for each text"),
        ([["a"], "b", ["c"]], r"y\[1\]: expected a list of labels"),
        ([["a"], ["b", None], ["c"]], r"y\[1\]: expected a list of labels .*, found \['b', None\]"),
        ([[0, 1], [1, 0], [0, 1]], "found lists that may be either; give np.array"),
        ([["a"], ["b"]], "expected 3 labels, one for each text, found 2"),
        (pd.DataFrame(MATRIX, columns=["a", "a"]), "expected a matrix with 1 columns"),
    ):
        with pytest.raises(DataError, match=message):
            estimator_data(["x", "y", "z"], y)
