"""Columns `split` and `weight`: the parts of a table, and how much its texts count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.estimator_inputs import training_data, validation_data
from foretell.data.examples import iter_records, read_examples, read_with_column
from foretell.errors import DataError

PARTS = {
    "train": ["train", "Training", " TRAIN "],
    "valid": ["valid", "validation", "dev", "Val"],
    "test": ["test", "Test"],
}
CELLS = {cell: part for part, cells in PARTS.items() for cell in cells}


def table(cells: list[str], **columns: Any) -> pd.DataFrame:
    texts = [f"text number {i}, which is long enough" for i in range(len(cells))]
    labels = [("a", "b", "c")[i % 3] for i in range(len(cells))]
    return pd.DataFrame({"body": texts, "stars": labels, "Split": cells, **columns})


def texts_of(data: pd.DataFrame, part: str) -> list[str]:
    is_part = [CELLS[cell] == part for cell in data["Split"]]
    return list(data["body"][is_part])


def test_a_table_is_divided_whatever_its_format(tmp_path: Path) -> None:
    cells = [*CELLS] * 8
    data = table(cells, weight=[1 + i % 3 for i in range(len(cells))])
    forms: dict[str, Callable[[Path], object]] = {
        "a.csv": lambda path: data.to_csv(path, index=False),
        "a.jsonl": lambda path: data.to_json(path, orient="records", lines=True),
        "a.parquet": lambda path: data.to_parquet(path),
    }
    sources: list[Any] = [data]
    for name, write in forms.items():
        write(tmp_path / name)
        # A prediction is for every record.
        assert len(list(iter_records(tmp_path / name))) == len(cells)
        sources += [tmp_path / name, [tmp_path / name]]
    for source in sources:
        given = training_data(source, None)
        assert given.examples.texts == texts_of(data, "train")
        weights = data["weight"][[CELLS[cell] == "train" for cell in cells]]
        assert given.examples.weights == list(weights)
        assert given.valid is not None
        assert given.valid.texts == texts_of(data, "valid")
        assert read_examples(source, part="test").texts == texts_of(data, "test")
        notes = "\n".join(given.examples.notes)
        assert "24 train, 32 valid, 16 test by the column 'split'; left out: test" in notes
    read = "texts from the column 'body', labels from 'stars', parts from 'Split', weights from"
    assert any(read in note for note in training_data(data, None).examples.notes)
    column = read_with_column(data, "weight")[1]
    assert len(column.values) == 16


@given(st.lists(st.sampled_from([*CELLS]), min_size=1, max_size=30))
def test_no_record_is_in_two_parts_and_none_is_lost(cells: list[str]) -> None:
    data = table(cells)
    found = list[str]()
    parts = {CELLS[cell] for cell in cells}
    for part in PARTS:
        if part in parts or len(parts) == 1:
            read = read_examples(data, text="body", label="stars", part=part)
            # A table of one part is read whole, whatever is asked for.
            expected = list(data["body"]) if len(parts) == 1 else texts_of(data, part)
            assert read.texts == expected
            found += expected if part in parts else []
        else:
            with pytest.raises(DataError, match=rf"records of the part {part} in the column"):
                read_examples(data, text="body", label="stars", part=part)
    assert sorted(found) == sorted(data["body"])


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("split", "trian", r"expected one of train, .* in the column 'split', found 'trian'"),
        ("split", "", r"found ''; correct it, or leave the column out: --split ''"),
        ("weight", "heavy", r"expected a number of at least 0 in the column 'weight', found 'heav"),
        ("weight", "-1", "found '-1'"),
        ("weight", "nan", "found 'nan'"),
        ("weight", "inf", "found 'inf'"),
    ],
)
def test_a_wrong_cell_is_an_error_with_its_line(
    tmp_path: Path, column: str, cell: str, message: str
) -> None:
    good = {"split": "train", "weight": "2"}[column]
    path = tmp_path / "a.csv"
    path.write_text(f"text,label,{column}\none text,a,{good}\nanother,b,{cell}\n")
    with pytest.raises(DataError, match=rf"a\.csv, line 3: {message}|{message}"):
        read_examples(path)
    assert len(list(iter_records(path))) == 2


def test_columns_that_mean_something_else_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,split,weight\none,a,left,70 kg\ntwo,b,right,60 kg\n")
    found = read_examples(path)
    assert (found.texts, found.weights) == (["one", "two"], None)
    # Nor is a column that was named as the label.
    path.write_text("text,split\none,train\ntwo,test\n")
    assert read_examples(path, label="split").labels == ["train", "test"]


@given(st.lists(st.tuples(st.sampled_from([*CELLS]), st.integers(0, 9)), min_size=3, max_size=30))
def test_a_column_with_another_name_is_used_or_none(rows: list[tuple[str, int]]) -> None:
    cells, weights = map(list, zip(*rows, strict=True))
    weights[cells.index(cells[0])] = 1
    data = table(cells, weight=weights)
    # The usual names mean something else here: by mistake they would be an error, or other numbers.
    renamed = data.rename(columns={"Split": "Fold", "weight": "counts"})
    renamed = renamed.assign(split=["train", *["trained"] * (len(cells) - 1)], weight=7)
    how: Any = {"text": "body", "label": "stars", "part": CELLS[cells[0]]}
    expected = read_examples(data, **how)
    found = read_examples(renamed, **how, split="fold", weight="counts")
    assert (found.texts, found.weights) == (expected.texts, expected.weights)
    everything = read_examples(renamed, **how, split="", weight="")
    assert (everything.texts, everything.weights) == (list(data["body"]), None)
    with pytest.raises(DataError, match=r"column named 'cuonts'.* did you mean --weight counts"):
        read_examples(renamed, **how, split="", weight="cuonts")


def test_weights_that_are_all_0_are_an_error() -> None:
    data = pd.DataFrame({"text": ["a", "b"], "label": [1, 0], "weight": [0.0, 0.0]})
    with pytest.raises(DataError, match="expected weights that are not all 0, found 0 for each"):
        read_examples(data)
    assert read_examples(data.assign(weight=[0.5, np.float32(2)])).weights == [0.5, 2.0]


def test_a_validation_set_that_is_given_replaces_that_of_the_column() -> None:
    data = table(["train", "train", "train", "valid", "dev"])
    own = training_data(data, None).valid
    assert validation_data(None, (), own) is own
    given = validation_data((["a", "b"], ["a", "b"]), ("a", "b"), own)
    assert given is not None
    assert given.texts == ["a", "b"]
    other = validation_data(table(["dev"] * 3), ("a", "b"), own)
    assert other is not None
    assert "left out 2 validation records of the training data" in other.notes
