"""Examples from files and from Python, also with a further column; texts without labels, and
hints.
"""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data import examples, named
from foretell.data.estimator_inputs import evaluation_data, labelled_rows, training_data
from foretell.data.examples import (
    EMPTY,
    Column,
    Examples,
    iter_records,
    read_label_hints,
    read_with_column,
    unlabelled_texts,
)
from foretell.data.records import Record
from foretell.data.split import make_split
from foretell.errors import DataError, ForetellError


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
    assert [(record.text, record.label) for record in iter_records("-")] == expected


def test_records_stream_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("text,label\n")
        for number in range(4_000):
            file.write(f'"{number} {"word " * 200}",pos\n')
    tracemalloc.start()
    count = sum(1 for _ in iter_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4_000
    assert peak < path.stat().st_size / 4


def test_each_text_that_is_kept_has_its_value(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "text,label,source\ngood,1, web \nbad,-1,\n,-1,web\nfine,0,mail\n"
    )
    examples, column = read_with_column(tmp_path / "a.csv", "source")
    assert (examples.texts, examples.labels) == (["good", "bad", "fine"], ["1", "-1", "0"])
    assert column == Column("source", ["web", EMPTY, "mail"])
    assert "a.csv: dropped 1 record with an empty text" in examples.notes
    with pytest.raises(
        DataError, match=r"the column 'id': expected .* at most 200 values, found 201"
    ):
        Column("id", [str(i) for i in range(201)])


def test_python_gives_a_column_by_name_or_by_values() -> None:
    frame = pd.DataFrame({"text": ["good", "bad"], "label": [1, 0], "year": [2020, 2021]})
    for source, y, by in ((frame, None, "year"), (frame["text"], frame["label"], frame["year"])):
        examples, column = evaluation_data(source, y, by)
        assert (examples.texts, examples.labels) == (["good", "bad"], ["1", "0"])
        assert column == Column("year", ["2020", "2021"])
    for by, message in (
        (["x"], "2 values, one for each text, found 1"),
        ("year", "found the name 'year'"),
    ):
        with pytest.raises(DataError, match=message):
            evaluation_data(["good", "bad"], [1, 0], by)


def test_unlabelled_texts_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "plain.txt": "one line\n\n  \nanother line\n",
        "table.csv": 'id,text,label\n1,"two\nlines",good\n2,,bad\n3,last,\n',
        "rows.jsonl": json.dumps({"body": "from json", "note": "another", "label": ["a", "b"]}),
        "empty.txt": "\n \n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert unlabelled_texts(tmp_path / "table.csv") == ["two\nlines", "last"]
    assert unlabelled_texts(tmp_path / "rows.jsonl", text="body") == ["from json"]
    assert unlabelled_texts(tmp_path / "plain.txt") == ["one line", "another line"]
    # Strings in a list are texts, not names of files.
    assert unlabelled_texts(["a.csv", "", "b"]) == ["a.csv", "b"]
    assert unlabelled_texts(pd.Series(["a", None, "b"])) == ["a", "b"]
    assert unlabelled_texts(pd.DataFrame({"body": ["a", "b"], "label": [1, 2]})) == ["a", "b"]
    monkeypatch.setattr(named, "imdb", lambda part, **_: [Record(f"a {part} review", "pos")])
    assert unlabelled_texts("imdb") == ["a unsup review", "a train review"]
    for source, message in (
        (tmp_path / "empty.txt", r"empty\.txt: expected texts without labels, found none"),
        (tmp_path / "missing.txt", r"missing\.txt"),
        ([""], "unlabelled: expected texts without labels"),
        (["a", 3], "record 2: expected a text, found 3"),
    ):
        with pytest.raises(ForetellError, match=message):
            unlabelled_texts(source)


@pytest.mark.parametrize(
    ("labels", "labelled"),
    [
        ([0, -1, 1, -1], [0, 2]),
        (np.array([0, -1, 1]), [0, 2]),
        (np.array([0.0, -1.0, np.nan, 1.0]), [0, 3]),
        (pd.Series([1, None, -1, 2], dtype="Int64", index=[9, 8, 7, 6]), [0, 3]),
        (["a", None, "", " ", float("nan"), "b", -1], [0, 5]),
        ([-1, -1], []),
    ],
)
def test_rows_without_a_label(labels: Any, labelled: list[int]) -> None:
    assert labelled_rows(labels)[0] == labelled


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], np.array([-1.0, 1.0]), [-1, "spam", None]])
def test_minus_one_with_one_other_label_is_a_label(labels: Any) -> None:
    places, notes = labelled_rows(labels)
    assert [list(labels)[place] for place in places] == [
        each for each in labels if each is not None
    ]
    assert notes == ("-1 counts as a label, because only one other label occurs",)


def test_a_mapping_and_a_file_give_hints(tmp_path: Path) -> None:
    (tmp_path / "hints.csv").write_text("label,text\nneg,bad awful\npos,good\npos,a great film\n")
    of_file = read_label_hints(tmp_path / "hints.csv")
    assert (of_file.labels, of_file.texts) == (
        ["neg", "pos", "pos"],
        ["bad awful", "good", "a great film"],
    )
    of_mapping = read_label_hints({10: ["bad", "awful"], 9: "good"})
    assert (of_mapping.label_names, of_mapping.texts) == (["9", "10"], ["bad awful", "good"])
    hints = read_label_hints({"pos": "good", "postive": "x"})
    examples = Examples(["a", "b"], ["pos", "neg"])
    message = r"the labels of the training texts \(neg, pos\), found postive; correct the name"
    with pytest.raises(DataError, match=message):
        make_split(examples, hints=hints)


@pytest.mark.parametrize("words", [" ", [], 3, ["bad", None]])
def test_other_things_than_words_are_no_hints(words: Any) -> None:
    with pytest.raises(DataError, match="label hints, 'neg': expected words"):
        read_label_hints({"pos": "good", "neg": words})
    with pytest.raises(DataError, match="words for two labels or more, found only 'pos'"):
        read_label_hints({"pos": "good"})


def test_what_is_read_otherwise_than_one_may_expect_is_noted(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("text,label,text\n" + "a,x,c\n" + "b,NA,d\n" * 3)
    found = examples.read_examples(data, multi_label=";", text="text (3)")
    assert found.texts == ["c"]
    assert any("';' is in none" in note for note in found.notes)
    assert any("3 records with unknown labels (empty, NaN, NA" in note for note in found.notes)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    (tmp_path / "b.csv").write_text("text,label\nfine,pos\n")
    (tmp_path / "a.csv").write_text("label,text\nneg,awful\npos,great\n")
    (tmp_path / "c.jsonl").write_text('{"text": "poor", "label": "neg"}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("names", "texts"),
    [
        ("*.csv", ["awful", "great", "fine"]),
        (["c.jsonl", "b.csv"], ["poor", "fine"]),
        (["b.csv", "a.csv", "*.jsonl"], ["fine", "awful", "great", "poor"]),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_several_files_are_one_source_in_the_given_order(
    parts: Path, names: str | list[str], texts: list[str], kind: type[str | Path]
) -> None:
    """The files of a pattern are sorted by name."""
    source = (
        kind(parts / names) if isinstance(names, str) else [kind(parts / name) for name in names]
    )
    read = examples.read_examples(source)
    assert read.texts == texts
    assert len(read.labels) == len(texts)
    assert any(f"files with {len(texts)} records" in note for note in read.notes)
    assert list(training_data(source, None).examples.texts) == texts


def test_a_file_with_other_columns_is_named(parts: Path) -> None:
    (parts / "d.csv").write_text("text,label,date\ngood,pos,today\n")
    with pytest.raises(
        DataError, match=r"d\.csv: expected the columns of .*a\.csv, label, text, found date"
    ):
        examples.read_examples(parts / "*.csv")
    assert len(examples.read_examples(parts / "*.csv", text="text", label="label")) == 4
    with pytest.raises(DataError, match=r"no\*: expected files that match"):
        examples.read_examples("no*")


@pytest.mark.parametrize("texts", [["good?", "b[a]d*"], ["x" * 9_000, "y\0"]])
def test_texts_without_labels_are_not_taken_for_files(texts: list[str]) -> None:
    with pytest.raises(DataError, match="y is None"):
        training_data(texts, None)


def test_a_part_of_some_examples_has_their_weights() -> None:
    whole = Examples(["a", "b", "c"], ["x", "y", "x"], weights=[1.0, 2.0, 3.0])
    part = whole.select([2, 1])
    assert (part.texts, part.labels, part.weights) == (["c", "b"], ["x", "y"], [3.0, 2.0])
