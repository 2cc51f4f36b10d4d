"""How much data there is: bytes of files, rows of Parquet, numbers of texts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.cli.inputs import Notes, bytes_of, read_records, size_of_records, utf8_bytes
from foretell.cli.options import TextInput


def counted(*arguments: str) -> tuple[int | None, int]:
    """Return the size of the data and the sum of the sizes of its records."""
    size = size_of_records(arguments)
    records = read_records(arguments, TextInput(), notes=Notes())
    return size.total, sum(map(size.of, records))


def test_texts_are_counted() -> None:
    assert counted("good", "bad", "") == (3, 3)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_records_of_a_file_add_up_to_about_its_bytes(tmp_path: Path, ending: str) -> None:
    texts = [f"good thing, number {number}, é and 漢" for number in range(200)]
    file = tmp_path / f"data.{ending}"
    if ending == "csv":
        file.write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))
    elif ending == "jsonl":
        lines = (json.dumps({"id": str(i), "text": text}, ensure_ascii=False) for i, text in enumerate(texts))
        file.write_text("\n".join(lines) + "\n")
    else:
        file.write_text("\n".join(texts) + "\n")
    total, seen = counted(str(file))
    assert total == file.stat().st_size
    assert seen == pytest.approx(total, rel=0.1)


def test_rows_of_parquet_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), file)
    assert counted(str(file)) == (3, 3)


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    (tmp_path / "b.txt").write_text("123")
    assert bytes_of([str(tmp_path)]) == 8


def test_the_size_of_what_is_compressed_or_piped_is_not_known(tmp_path: Path) -> None:
    packed = tmp_path / "data.txt.gz"
    packed.write_bytes(gzip.compress(b"text\n" * 1000))
    assert bytes_of([str(packed)]) is None
    assert bytes_of(["-"]) is None
    assert bytes_of([str(tmp_path / "missing.txt")]) is None
    assert size_of_records(["-"]).total is None


def test_bytes_of_a_text() -> None:
    for text in ("", "abc", "é漢🙂"):
        assert utf8_bytes(text) == len(text.encode())
