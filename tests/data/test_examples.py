"""Examples from files and from Python, also with a further column."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from foretell.data.estimator_inputs import evaluation_data
from foretell.data.examples import EMPTY, Column, iter_records, read_examples, read_with_column
from foretell.data.records import Record
from foretell.errors import DataError, UsageError


def pairs(records: Iterator[Record]) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in records]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("good\nbad, too\n", [("good", None), ("bad, too", None)]),
        ('{"text": "x", "label": "y"}\n', [("x", "y")]),
        ("text,label\nx,y\n", [("x", "y")]),
        ("__label__y x\n", [("x", "y")]),
    ],
)
def test_standard_input_is_recognised(
    monkeypatch: pytest.MonkeyPatch, data: str, expected: list[tuple[str, str | None]]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data.encode())))
    assert pairs(iter_records("-")) == expected


def test_a_corpus_and_an_unknown_format_are_refused() -> None:
    with pytest.raises(DataError, match="the corpus 'meditations'"):
        read_examples("meditations")
    with pytest.raises(UsageError, match="a format: csv"):
        iter_records("-", format="xml")
    with pytest.raises(DataError, match="expected a part of imdb: train or test, found valid"):
        read_examples("imdb", part="valid")


def test_records_stream_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("text,label\n")
        for number in range(40_000):
            file.write(f'"{number} {"word " * 60}",pos\n')
    tracemalloc.start()
    count = sum(1 for _ in iter_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000
    assert peak < path.stat().st_size / 4


CSV = "text,label,source\ngood,pos, web \nbad,neg,\n,neg,web\nfine,pos,mail\n"


def test_each_text_that_is_kept_has_its_value(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    examples, column = read_with_column(tmp_path / "a.csv", "source")
    assert (examples.texts, examples.labels) == (["good", "bad", "fine"], ["pos", "neg", "pos"])
    assert column == Column("source", ["web", EMPTY, "mail"])
    assert examples.dropped == {"an empty text": 1}
    assert any("dropped 1 record with an empty text" in note for note in examples.notes)


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
