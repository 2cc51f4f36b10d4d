"""Examples in each format, from each kind of source."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foretell.data.examples import Examples, Record, iter_records, read_examples
from foretell.errors import DataError, UsageError

ROWS = [("a fine\nfilm, “truly”", "pos"), ("dull", "neg"), ("é中😀", "pos")]


def pairs(records: Iterator[Record]) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in records]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = [json.dumps({"id": i, "body": text, "label": label}) for i, (text, label) in enumerate(ROWS)]
    path.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    assert pairs(iter_records(path, need_label=True)) == ROWS
    assert next(iter_records(path)).fields["id"] == "0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"text": "a"}\n{"text": ', r"a\.jsonl, line 2: expected one JSON object"),
        ("[1, 2]\n", "a list; write one object a line"),
        ("[\n{}\n]", "write one object a line"),
        ('{"text": ["a"]}', "one value in 'text', found a list"),
        ('{"id": 1, "words": 2}', "clearly the text, found the columns id, words"),
    ],
)
def test_bad_json_lines_are_told(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(data)
    with pytest.raises(DataError, match=message):
        list(iter_records(tmp_path / "a.jsonl"))


def test_labels_in_json_may_be_numbers_truths_or_nothing(tmp_path: Path) -> None:
    values = ["1", "2.0", "true", "null", "NaN", '" a "']
    lines = [f'{{"text": "t", "label": {value}}}\n' for value in values]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    labels = [record.label for record in iter_records(tmp_path / "a.jsonl")]
    assert labels == ["1", "2", "True", None, None, "a"]


def test_half_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a \\ud83d b"}\n')
    assert next(iter_records(tmp_path / "a.jsonl")).text == "a � b"


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz", "unnamed"])
def test_parquet(tmp_path: Path, name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": [1, 2, 3], "text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]})
    out = io.BytesIO()
    pq.write_table(table, out)
    data = out.getvalue()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert pairs(iter_records(tmp_path / name, need_label=True)) == ROWS


def test_a_broken_parquet_file_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="a Parquet file"):
        list(iter_records(tmp_path / "a.parquet"))


def test_fasttext_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("__label__pos , a film\n__label__neg\tdull one\n\nno label here\n")
    found = pairs(iter_records(tmp_path / "a.txt"))
    assert found == [(", a film", "pos"), ("dull one", "neg"), ("no label here", None)]
    (tmp_path / "b.ft").write_text("__label__a __label__b text\n")
    with pytest.raises(DataError, match=r"b\.ft, line 1: expected one label, found 2: a, b"):
        read_examples(tmp_path / "b.ft")


def test_plain_lines_are_one_record_each_the_empty_ones_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one, two\r\n\r\n{three}\n")
    assert [record.text for record in iter_records(tmp_path / "a.txt")] == ["one, two", "", "{three}"]
    with pytest.raises(DataError, match="found plain lines of text"):
        read_examples(tmp_path / "a.txt")


def test_a_folder_for_each_label_with_parts(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("neg", "pos", "unsup"):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            (folder / "1.txt").write_text(f"{part} {label}\n")
    (tmp_path / "train" / "pos" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "train" / "pos" / "2.txt").touch()
    train = read_examples(tmp_path)
    assert list(zip(train.texts, train.labels, strict=True)) == [("train neg", "neg"), ("train pos", "pos")]
    assert train.dropped == {"an empty text": 1}
    assert read_examples(tmp_path, part="test").texts == ["test neg", "test pos"]
    with pytest.raises(DataError, match="a folder for each label"):
        read_examples(tmp_path / "train" / "neg")


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


def test_frames_by_duck_typing() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "review": ["good", None, "fine", "bad", " "],
        "stars": [5.0, 1.0, np.nan, 1.0, 2.0],
    })  # fmt: skip
    examples = read_examples(frame)
    assert (examples.texts, examples.labels) == (["good", "bad"], ["5", "1"])
    assert examples.dropped == {"an empty text": 2, "no label (empty or NaN)": 1}
    with pytest.raises(
        DataError, match="DataFrame: expected a column named 'x', found the columns review, stars"
    ):
        read_examples(frame, text="x")


def test_python_records_of_each_shape() -> None:
    expected = (["a", "b"], ["x", "y"])
    shapes = (
        [("a", "x"), ("b", "y")],
        (["a", "b"], np.array(["x", "y"])),
        iter([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]),
        (Record(text, label) for text, label in (("a", "x"), ("b", "y"))),
    )
    for shape in shapes:
        examples = read_examples(shape)
        assert (examples.texts, examples.labels) == expected
    assert pairs(iter_records(["a", "b"])) == [("a", None), ("b", None)]
    with pytest.raises(DataError, match="record 1: expected a pair of text and label"):
        read_examples(["a"])
    with pytest.raises(DataError, match="2 labels, one for each text, found 1"):
        read_examples((["a", "b"], ["x"]))
    with pytest.raises(DataError, match="record 1: expected a pair of text and label"):
        read_examples([(["a"], "x")])
    with pytest.raises(DataError, match="found int"):
        read_examples(3)


def test_arrow_tables_and_numpy_arrays() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"body": ["a", "b"], "stars": np.array([1, 2], dtype=np.float32)})
    assert pairs(iter_records(table, need_label=True)) == [("a", "1"), ("b", "2")]
    assert pairs(iter_records(np.array(["a", "b"]))) == [("a", None), ("b", None)]


def test_a_name_nearly_right_is_offered() -> None:
    with pytest.raises(DataError, match=r"did you mean imdb\?"):
        read_examples("imbd")


def test_the_sample_reviews_have_labels() -> None:
    try:
        examples = read_examples("reviews")
    except DataError as error:
        pytest.skip(str(error))
    assert len(examples) > 100
    assert len(examples.label_names) >= 2


def test_a_corpus_and_an_unknown_format_are_refused() -> None:
    with pytest.raises(DataError, match="the corpus 'meditations'"):
        read_examples("meditations")
    with pytest.raises(UsageError, match="a format: csv"):
        iter_records("-", format="xml")


def test_every_text_has_a_label() -> None:
    with pytest.raises(DataError, match="2 labels"):
        Examples(["a", "b"], ["x"])


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
