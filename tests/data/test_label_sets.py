"""Several labels in a cell or a list: what applies, what does not, and what is unknown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from foretell.data.examples import read_examples
from foretell.data.label_sets import (
    LabelSets,
    check_known_labels,
    has_several_labels,
    names_in,
    parts_of_groups,
    sets_of,
)
from foretell.data.records import Record
from foretell.data.split import make_split
from foretell.errors import DataError
from foretell.surveying.counts import survey_examples


def test_cells() -> None:
    for cell, names in {
        "a;b": ("a", "b"), " a ;  b;": ("a", "b"), "a;a; a": ("a",), ";": (), " ; ;": (),
        "a;nan;b": ("a", "b"), None: None,
    }.items():  # fmt: skip
        assert names_in(Record("text", cell), ";") == names


def test_files_of_every_kind_have_the_same_sets(tmp_path: Path) -> None:
    rows: list[tuple[str, list[str] | None]] = [
        ("first", ["b", "a"]), ("second", []), ("third", None), ("fourth", ["a", "a"]), ("", ["a"]),
    ]  # fmt: skip
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
        assert (found.sets.names, found.sets.values.tolist()) == (["a", "b"], [[1, 1], [0, 0], [1, 0]])
        assert found.dropped == {"unknown labels (an empty cell)": 1, "an empty text": 1}
        assert any("1 text to which no label applies" in note for note in found.notes)
        assert found.labels == ["a|b", "", "a"]
    (tmp_path / "a.ft").write_text("__label__b __label__a first\n__label__a second\n")
    assert read_examples(tmp_path / "a.ft", multi_label=";").labels == ["a;b", "a"]


def test_labels_of_lists_keep_their_type() -> None:
    found = read_examples({"text": ["x", "y"], "label": [[10, 9], [9]]}, multi_label=";")
    assert (found.label_type, found.label_names) == ("integer", ["9", "10"])
    with pytest.raises(DataError, match="set multi-label"):
        read_examples({"text": ["x", "y"], "label": [[10, 9], [9]]})


def test_sets_of_other_labels() -> None:
    sets = LabelSets.of_lists([["a"], ["b", "a"], None], ["a", "b"])
    assert sets.positives().tolist() == [2, 1]
    expected = [[0, 0, 1], [1, 0, 1], [np.nan, 0, np.nan]]
    np.testing.assert_array_equal(sets.aligned(["b", "c", "a"]), expected)
    assert sets.joined("; ") == ["a", "a; b", ""]
    check_known_labels(sets, ["a", "b"], "here")
    with pytest.raises(DataError, match=r"here: expected the labels a, found b"):
        check_known_labels(sets, ["a"], "here")


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
    split = make_split(examples, fraction=0.2, seed=1)
    assert split.valid is not None
    assert split.valid.sets is not None
    assert split.valid.sets.values.sum(axis=0).tolist() == [10, 5]
    # All texts have the label a, which is no reason for the warning about accuracy.
    assert not any("macro" in note for note in split.notes)
    assert ("2 labels", "a 50, b 25") in survey_examples(examples, split, tokens=str.split).rows


def test_matrices_of_every_kind() -> None:
    matrix = np.array([[0, 1], [1, 1], [0, 0]])
    for y in (matrix, matrix.tolist(), sparse.csr_matrix(matrix), matrix.astype(bool), pd.DataFrame(matrix)):
        assert has_several_labels(y)
        sets, label_type = sets_of(y)
        assert (sets.names, label_type) == (["0", "1"], "integer")
        np.testing.assert_array_equal(sets.values, matrix)
    sets, label_type = sets_of([(10, 9), [9], set(), None])
    assert (sets.names, label_type) == (["9", "10"], "integer")
    np.testing.assert_array_equal(sets.values, [[1, 1], [1, 0], [0, 0], [np.nan, np.nan]])
    for single in (["a", "b"], np.array([[1], [0]]), [None, "a"], iter([[1]])):
        assert not has_several_labels(single)
    for bad in (np.array([[0, 2], [1, 0]]), [["a"], "b"]):
        with pytest.raises(DataError):
            sets_of(bad)
