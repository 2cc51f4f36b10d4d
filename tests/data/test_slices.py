"""Examples with the values of one more column."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from foretell.data.slices import EMPTY, Column, evaluation_data, read_with_column
from foretell.errors import DataError

CSV = "text,label,source\ngood,pos, web \nbad,neg,\n,neg,web\nfine,pos,mail\n"


def test_each_text_that_is_kept_has_its_value(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    examples, column = read_with_column(tmp_path / "a.csv", "source")
    assert (examples.texts, examples.labels) == (["good", "bad", "fine"], ["pos", "neg", "pos"])
    assert column == Column("source", ["web", EMPTY, "mail"])
    assert examples.dropped == {"an empty text": 1}
    assert any("dropped 1 record with an empty text" in note for note in examples.notes)


def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    with pytest.raises(DataError, match="named 'team', found the columns text, label, source"):
        read_with_column(tmp_path / "a.csv", "team")


def test_a_column_of_identifiers_is_an_error() -> None:
    with pytest.raises(DataError, match=r"the column 'id': expected .* at most 200 .*, found 201"):
        Column("id", [str(i) for i in range(201)])


def test_python_gives_a_column_by_name_or_by_values() -> None:
    frame = pd.DataFrame({"text": ["good", "bad"], "label": [1, 0], "year": [2020, 2021]})
    for source, y, by in ((frame, None, "year"), (frame["text"], frame["label"], frame["year"])):
        examples, column = evaluation_data(source, y, None, None, by)
        assert (examples.texts, examples.labels) == (["good", "bad"], ["1", "0"])
        assert column == Column("year", ["2020", "2021"])
    assert evaluation_data(["good"], ["pos"], None, None, None)[1] is None
    with pytest.raises(DataError, match="2 values, one for each text, found 1"):
        evaluation_data(["good", "bad"], [1, 0], None, None, ["x"])
    with pytest.raises(DataError, match="a value for each text, found the name 'year'"):
        evaluation_data(["good", "bad"], [1, 0], None, None, "year")
