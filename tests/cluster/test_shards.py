"""Which files are read, and how each is cut into shards."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from cluster.made_files import records_of, shards_of, texts_of, write_jsonl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.cluster.shards import open_shard
from foretell.cluster.storage import absolute, input_files, join, name_of
from foretell.data.examples import iter_records
from foretell.data.records import ReadOptions
from foretell.errors import DataError, UsageError


def whole(path: Path) -> list[str]:
    return [record.text for record in iter_records(path)]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        # A byte order mark, blank lines and no line end at the end.
        (
            "a.jsonl",
            b'\xef\xbb\xbf{"text":"a"}\n\n  \r\n{"text":"b"}\r\n{"text":"c"}',
            ["a", "b", "c"],
        ),
        (
            "a.txt",
            "one\n\ntwo\r\nthree é\n\nfour".encode(),
            ["one", "", "two", "three é", "", "four"],
        ),
        ("a.ft", b"__label__a one\n__label__b two\n__label__a three\n", ["one", "two", "three"]),
    ],
)
def test_cuts_are_at_line_ends(tmp_path: Path, name: str, content: bytes, texts: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for size in (1, 4, 20, 1000):
        shards = shards_of(path, size)
        assert texts_of(shards) == texts == whole(path)
        assert [0, *(shard.stop for shard in shards)] == [*(s.start for s in shards), len(content)]
    assert len(shards_of(path, 1)) > 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=9), min_size=1, max_size=12), st.integers(1, 60), st.booleans())
def test_lines_of_any_texts_are_each_in_one_shard(
    tmp_path: Path, texts: list[str], size: int, is_escaped: bool
) -> None:
    path = tmp_path / "a.jsonl"
    lines = (json.dumps({"text": text}, ensure_ascii=is_escaped) for text in texts)
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace", newline="")
    assert texts_of(shards_of(path, size)) == whole(path)


def test_a_line_that_is_no_json_is_a_row_with_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text":"a"}\n{"text":\n[1]\n{"text":["x"]}\n{"text":Infinity}\n{"text":"b"}\n'
    )
    (shard,) = shards_of(path, 1000)
    rows = list(open_shard(shard))
    assert [record.text for record, _ in rows] == ["a", "", "", "", "", "b"]
    assert [bool(problem) for _, problem in rows] == [False, *[True] * 4, False]
    assert "line 2, column 9: expected one JSON value on the line" in rows[1][1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl.gz", gzip.compress(b'{"text":"a"}\n{"text":"b"}\n', mtime=0)),
        ("a.json", b'[{"text":"a"},\n{"text":"b"}]'),
        ("a.txt", "a\nb\n".encode("utf-16")),
        ("a.txt.bz2", bz2.compress(b"a\nb\n")),
        ("a.csv.gz", gzip.compress(b'text;n\n"a;\nb";1\nc;2\n', mtime=0)),
        ("a.tsv", "text\tn\né\t1\nb\t2\n".encode("utf-16")),
    ],
)
def test_what_cannot_be_divided_is_one_shard(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (shard,) = shards_of(path, 1)
    assert shard.is_whole
    assert texts_of([shard]) == whole(path)
    # A header without rows is no shard.
    (tmp_path / "empty.csv").write_text("id,text,label\n")
    assert len(shards_of(tmp_path, 1)) == 1


def test_the_columns_of_the_first_rows_hold_for_every_shard(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"body": f"t{i}", "title": "x"} if i < 20 else {"title": "only"} for i in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    shards = shards_of(path, 100, ReadOptions(text="body"))
    assert texts_of(shards) == [f"t{i}" for i in range(20)] + [""] * 20
    # Unclear columns are an error before anything runs.
    (tmp_path / "b.csv").write_text("alpha,beta,gamma\n1,2,3\n")
    with pytest.raises(DataError, match="one column that is clearly the text"):
        shards_of(tmp_path / "b.csv", 100)


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 10)
    (shard,) = shards_of(path, 1 << 20)
    write_jsonl(path, 11)
    with pytest.raises(
        DataError, match="as it was when the run began, on every node, found a later change"
    ):
        open_shard(shard)
    path.unlink()
    with pytest.raises(DataError, match="on every node, found nothing; use a shared file system"):
        open_shard(shard)


@pytest.mark.parametrize(("size", "count"), [(1, 20), (400, None), (1 << 20, 1)])
def test_rows_of_parquet_are_those_of_the_file_in_one_piece(
    tmp_path: Path, size: int, count: int | None
) -> None:
    path = tmp_path / "a.parquet"
    days = pl.date(2026, 1, 1) + pl.duration(days=pl.col("id"))
    cells = {"id": range(20), "text": [f"text {k}" for k in range(20)], "label": ["a", None] * 10}
    pl.DataFrame(cells).with_columns(day=days).write_parquet(path, row_group_size=7)
    pl.DataFrame({"text": []}).write_parquet(tmp_path / "empty.parquet")
    shards = shards_of(tmp_path, size)
    assert records_of(shards) == [(record, False) for record in iter_records(path)]
    assert count is None or len(shards) == count
    assert len({shard.name for shard in shards}) == len(shards)


NAMES = (
    "b.jsonl",
    "a/c.csv.gz",
    "a/d.txt",
    "notes.md",
    ".x.txt",
    "_foretell/run.json",
    "a/.y/z.txt",
)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with files to read, hidden ones, and an empty one."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a text\n")
    (tmp_path / "a" / "0.txt").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ([""], ["a/c.csv.gz", "a/d.txt", "b.jsonl"]),
        (["a/*"], ["a/c.csv.gz", "a/d.txt"]),
        (["**/*.txt"], ["a/d.txt"]),
        # Sources keep their order.
        (["b.jsonl", "a/d.txt"], ["b.jsonl", "a/d.txt"]),
    ],
)
def test_the_files_of_folders_and_globs(filled: Path, sources: list[str], names: list[str]) -> None:
    found = input_files([f"{filled}/{source}".rstrip("/") for source in sources])
    assert [Path(each.file).relative_to(filled).as_posix() for each in found] == names


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["nothing.jsonl"], "expected a file or folder that exists, found nothing"),
        (["*.csv"], "expected a file that matches, found none"),
        (["_foretell"], "expected files with records"),
        (["a/0.txt"], "expected files with records, found only empty ones"),
        (["a", "a/d.txt"], "named twice"),
    ],
)
def test_a_source_that_gives_nothing_is_an_error(
    filled: Path, sources: list[str], message: str
) -> None:
    (filled / "_foretell" / "run.json").unlink()
    with pytest.raises(DataError, match=message):
        input_files([filled / source for source in sources])


def test_addresses() -> None:
    bucket = "s3://bucket/folder/?endpoint_override=127.0.0.1:9000"
    assert (
        join(bucket, "a", "b.txt") == "s3://bucket/folder/a/b.txt?endpoint_override=127.0.0.1:9000"
    )
    assert name_of(join(bucket, "b.txt")) == "b.txt"
    assert absolute("x.txt") == str(Path("x.txt").absolute())
    assert absolute("file:///x.txt") == "/x.txt"
    for sources, found in ((["-"], "standard input"), ([], "none")):
        with pytest.raises(UsageError, match=f"found {found}"):
            input_files(sources)
    with pytest.raises(UsageError, match="a key before @") as caught:
        absolute("s3://id:verysecret@bucket/folder")
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_the_columns_that_a_model_has_joined_are_read(tmp_path: Path, name: str) -> None:
    rows = [{"id": n, "subject": f"no login {n}", "body": "error 5"} for n in range(5)]
    lines = {
        "a.csv": ["id,subject,body", *(",".join(map(str, row.values())) for row in rows)],
        "a.jsonl": list(map(json.dumps, rows)),
        "a.json": [json.dumps(rows)],
    }
    (tmp_path / name).write_text("\n".join(lines[name]))
    joined = [f"subject: no login {n}\nbody: error 5" for n in range(5)]
    by_model = ReadOptions(text_columns=("subject", "body"))
    by_user = ReadOptions(text=("subject", "body"), text_columns=("id", "body"))
    for options in (by_model, by_user):
        assert texts_of(shards_of(tmp_path / name, 60, options)) == joined
