"""Parquet files: whole, damaged, and without the package that reads them."""

from __future__ import annotations

import gzip
import io
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.data.examples import iter_records, read_examples
from foretell.errors import DataError, MissingExtraError

ROWS = [("a fine\nfilm, “truly”", "pos"), ("dull", "neg"), ("é中😀", "pos")]


def parquet(columns: dict[str, object], **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def data() -> bytes:
    return parquet({"id": [1, 2, 3], "text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]})


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.parquet.gz", "unnamed"])
def test_parquet(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = list(iter_records(tmp_path / name, need_label=True))
    assert [(record.text, record.label) for record in found] == ROWS
    assert found[0].fields["id"] == 1


def test_parquet_on_standard_input(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert [record.text for record in iter_records("-")] == [text for text, _ in ROWS]


def test_the_columns_that_were_chosen_are_noted(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"body": ["a", None], "stars": [1.0, 2.0]}))
    examples = read_examples(tmp_path / "a.parquet")
    assert (examples.texts, examples.labels) == (["a"], ["1"])
    assert examples.notes[0] == "a.parquet: texts from the column 'body', labels from 'stars'"


def test_a_column_of_lists_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"text": [["a"]]}))
    with pytest.raises(DataError, match="expected one value in 'text', found a list"):
        list(iter_records(tmp_path / "a.parquet"))


def test_a_broken_parquet_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="expected a whole Parquet file, found a damaged one"):
        list(iter_records(tmp_path / "a.parquet"))


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_damage_anywhere_is_a_typed_error(tmp_path: Path, compression: str) -> None:
    rows = range(200)
    whole = parquet(
        {
            "text": [f"text é {i}" for i in rows],
            "label": ["a", "b"] * 100,
            "when": pa.array(rows, "timestamp[s]"),
        },
        compression=compression,
    )
    r = random.Random(1)
    errors = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[r.randrange(4, len(whole))] ^= 1 << r.randrange(8)
        (tmp_path / "a.parquet").write_bytes(damaged[: r.choice([len(whole), r.randrange(len(whole))])])
        try:
            list(iter_records(tmp_path / "a.parquet"))
        except DataError:
            errors += 1
    assert errors > 100


def test_without_the_package_the_command_that_installs_it_is_given(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[train\]'$"):
        list(iter_records(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    "error", [RuntimeError(""), MemoryError("malloc"), TypeError("x"), KeyError(), OSError()]
)
def test_whatever_polars_raises_is_a_damaged_file(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: object, **__: object) -> None:
        raise error

    (tmp_path / "data.parquet").write_bytes(data)
    monkeypatch.setattr("polars.LazyFrame.collect_batches", fail)
    with pytest.raises(DataError, match="a damaged one"):
        list(iter_records(tmp_path / "data.parquet"))
