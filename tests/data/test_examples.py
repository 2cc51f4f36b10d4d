"""Examples from files and from Python, also with a further column; texts without labels, and hints."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data import named
from foretell.data.estimator_inputs import evaluation_data
from foretell.data.examples import EMPTY, Column, Examples, iter_records, read_examples, read_with_column
from foretell.data.records import Record
from foretell.data.split import make_split
from foretell.data.unlabelled import (
    labelled_rows,
    read_label_hints,
    unlabelled_texts,
)
from foretell.errors import DataError, ForetellError, UsageError


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
        examples, column = evaluation_data(source, y, by)
        assert (examples.texts, examples.labels) == (["good", "bad"], ["1", "0"])
        assert column == Column("year", ["2020", "2021"])
    assert evaluation_data(["good"], ["pos"], None)[1] is None
    with pytest.raises(DataError, match="2 values, one for each text, found 1"):
        evaluation_data(["good", "bad"], [1, 0], ["x"])
    with pytest.raises(DataError, match="a value for each text, found the name 'year'"):
        evaluation_data(["good", "bad"], [1, 0], "year")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plain.txt").write_text("one line\n\n  \nanother line\n")
    (tmp_path / "table.csv").write_text('id,text,label\n1,"two\nlines",good\n2,,bad\n3,last,\n')
    rows = [{"body": "from json", "note": "a much longer text than the body has, which is not meant"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_labels_are_not_looked_at(folder: Path) -> None:
    assert unlabelled_texts(folder / "table.csv") == ["two\nlines", "last"]


def test_the_column_is_chosen(folder: Path) -> None:
    assert unlabelled_texts(folder / "rows.jsonl", text="body") == ["from json"]
    with pytest.raises(
        DataError, match=r"body, note; name one of them with --text COLUMN \(Python: text='COLUMN'\)$"
    ):
        unlabelled_texts(folder / "rows.jsonl", text="nosuch")


def test_nothing_to_read_is_an_error(folder: Path) -> None:
    (folder / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"empty\.txt: expected texts without labels, found none"):
        unlabelled_texts(folder / "empty.txt")
    with pytest.raises(ForetellError, match=r"missing\.txt"):
        unlabelled_texts(folder / "missing.txt")


def test_imdb_means_its_unlabelled_and_training_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {part: named.Reviews([f"a {part} review"], ["pos"]) for part in ("test", "train", "unsup")}
    monkeypatch.setattr(named, "imdb", lambda part, **_: parts[part])
    assert unlabelled_texts("imdb") == ["a unsup review", "a train review"]


@pytest.mark.parametrize(
    ("labels", "labelled"),
    [
        ([0, -1, 1, -1], (0, 2)),
        (np.array([0, -1, 1]), (0, 2)),
        (np.array([0.0, -1.0, np.nan, 1.0]), (0, 3)),
        (pd.Series([1, None, -1, 2], dtype="Int64", index=[9, 8, 7, 6]), (0, 3)),
        (pd.Categorical(["a", None, "b"]), (0, 2)),
        (["a", None, "", " ", float("nan"), "b", -1], (0, 5)),
        (np.array(["a", None, "b"], dtype=object), (0, 2)),
        ([True, False], (0, 1)),
        ([None, None], ()),
        ([-1, -1], ()),
        ([], ()),
    ],
)
def test_rows_without_a_label(labels: Any, labelled: tuple[int, ...]) -> None:
    assert labelled_rows(labels)[0] == list(labelled)


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], np.array([-1.0, 1.0]), [-1, "spam", None]])
def test_minus_one_with_one_other_label_is_a_label(labels: Any) -> None:
    places, notes = labelled_rows(labels)
    assert [list(labels)[place] for place in places] == [each for each in labels if each is not None]
    assert notes == ("-1 counts as a label, because only one other label occurs",)


def test_minus_one_in_a_file_is_a_label(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,-1\nb,0\nc,1\nd,\n")
    assert read_examples(tmp_path / "a.csv").labels == ["-1", "0", "1"]


def test_strings_in_a_list_are_texts(folder: Path) -> None:
    assert unlabelled_texts(["a.csv", "", "b"]) == ["a.csv", "b"]
    assert unlabelled_texts(pd.Series(["a", None, "b"])) == ["a", "b"]
    assert unlabelled_texts(pd.DataFrame({"body": ["a", "b"], "label": [1, 2]})) == ["a", "b"]
    assert unlabelled_texts(folder / "plain.txt") == ["one line", "another line"]
    with pytest.raises(DataError, match="unlabelled: expected texts without labels"):
        unlabelled_texts([""])
    with pytest.raises(DataError, match="record 2: expected a text, found 3"):
        unlabelled_texts(["a", 3])


def test_a_mapping_and_a_file_give_the_same_words(tmp_path: Path) -> None:
    path = tmp_path / "hints.csv"
    path.write_text("label,text\nneg,bad awful\npos,good\npos,a great film\n")
    of_file = read_label_hints(path)
    assert list(zip(of_file.labels, of_file.texts, strict=True)) == [
        ("neg", "bad awful"),
        ("pos", "good"),
        ("pos", "a great film"),
    ]
    of_mapping = read_label_hints({"neg": ["bad", "awful"], 1: "good"})
    assert (of_mapping.labels, of_mapping.texts) == (["neg", "1"], ["bad awful", "good"])
    assert of_file.name == of_mapping.name == "label hints"


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ({"pos": "good"}, "words for two labels or more, found only 'pos'"),
        ({}, "words for two labels or more, found none"),
        ({"pos": "good", "neg": " "}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": []}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": 3}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": ["bad", None]}, "label hints, 'neg': expected words"),
    ],
)
def test_other_things_than_words_are_refused(hints: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_label_hints(hints)


def test_a_label_that_no_text_has_is_refused() -> None:
    hints = read_label_hints({"pos": "good", "postive": "great", "neg": "bad"})
    examples = Examples(["fine", "dull"], ["pos", "neg"])
    message = r"the labels of the training texts \(neg, pos\), found postive; correct the name"
    with pytest.raises(DataError, match=message):
        make_split(examples, fraction=0, seed=0, hints=hints)
