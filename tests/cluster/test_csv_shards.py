"""Which rows of a CSV file each shard of it has."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from cluster.made_files import records_of, shards_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.cluster.shards import open_shard
from foretell.data.examples import iter_records
from foretell.data.records import ReadOptions

BROKEN = ("one", "1,2,3,4", '1,"2"3,4', '"', '"a ""b', '1,"never closed,3', 'a","b', '1,2,"')
"""Lines that are no row of three columns, and those that open a quote which others may close."""

PLAIN = st.characters(exclude_characters="\0")
"""A file with zeros is no text."""

many = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def tables(draw: st.DrawFn, others: Sequence[str], marks: str) -> str:
    """Return a table with three columns, and in any places empty lines and `others`."""
    cells = st.text(st.sampled_from(f'ab {marks};"\n\r\\é漢'), max_size=6) | st.text(
        PLAIN, max_size=4
    )
    quoted = cells.map(lambda cell: '"' + cell.replace('"', '""') + '"')
    rows = st.tuples(st.integers(0, 9).map(str), quoted, quoted).map(marks.join)
    lines = st.lists(rows | st.sampled_from(["", *others]), max_size=12)
    # A row that is whole shows how the file is delimited.
    start = [marks.join(("id", "text", "label")), f'1{marks}"x{marks} y"{marks}z']
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(
        [*start, *draw(lines), draw(st.sampled_from(["", f"2{marks}b{marks}c"]))]
    )


@many
@given(
    st.sampled_from(",;\t|").flatmap(lambda mark: tables((), mark)),
    st.integers(1, 90),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_rows_of_csv_are_those_of_the_file_in_one_piece(
    tmp_path: Path, text: str, size: int, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding, "replace"))
    shards = shards_of(path, size, ReadOptions(text="text"))
    assert records_of(shards) == [(record, False) for record in iter_records(path, text="text")]
    assert [s.stop for s in shards[:-1]] == [s.start for s in shards[1:]]


@pytest.mark.parametrize(
    ("encoding", "word", "mark"),
    [
        ("cp1252", "schöne Grüße", ","),
        ("gb18030", "漢字", ","),
        # In Big5 the second byte of some characters is that of a bar: such a file is not cut.
        ("big5", "育漢字典中文", "|"),
    ],
)
def test_the_encoding_of_a_file_is_that_of_each_part(
    tmp_path: Path, encoding: str, word: str, mark: str
) -> None:
    path = tmp_path / "a.csv"
    rows = (f'{n}{mark}"{word * (n % 3)} ""{n}"""{mark}x\r\n' for n in range(40))
    header = f"id{mark}text{mark}label\r\n"
    path.write_bytes(f"{header}{''.join(rows)}".encode(encoding))
    shards = shards_of(path, 100)
    assert (len(shards) > 5) == (mark == ",")
    assert records_of(shards) == [(record, False) for record in iter_records(path)]


@many
@given(
    tables(BROKEN, ","),
    st.integers(1, 90),
    st.binary(max_size=3).filter(lambda more: b"\0" not in more),
)
def test_broken_rows_are_the_same_however_the_file_is_cut(
    tmp_path: Path, text: str, size: int, more: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("utf-8", "replace") + b"\n3,\xc3\xa9" + more + b",d\n4,e,f\n")
    (whole,) = shards_of(path, 1 << 20, ReadOptions(text="text"))
    assert records_of(shards_of(path, size, ReadOptions(text="text"))) == records_of([whole])


@pytest.mark.parametrize("size", [1, 20, 1 << 20])
@pytest.mark.parametrize(
    "broken", ["one", "1,2,3", '"one" two,2', '"never closed,1', "\xff,1", 'a","b', '"""x,1']
)
def test_a_broken_row_is_a_row_with_a_problem(tmp_path: Path, broken: str, size: int) -> None:
    path = tmp_path / "a.csv"
    lines = ["text,n", '"a, ""b""\r\nc",1', "é,2", broken, "", "plain,4", '"e, f",5', "g,6"]
    path.write_bytes("\n".join(lines).encode().replace("\xff".encode(), b"\xff"))
    rows = [row for shard in shards_of(path, size) for row in open_shard(shard)]
    texts = ['a, "b"\r\nc', "é", "", "plain", "e, f", "g"]
    assert [record.text for record, _ in rows] == texts
    problems = [problem for _, problem in rows if problem]
    assert len(problems) == 1
    assert "a.csv" in problems[0]
    assert " line " in problems[0]
    if broken != "\xff,1":
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        (shard,) = shards_of(tmp_path / "a.csv.gz", size)
        assert [record.text for record, _ in open_shard(shard)] == texts


@pytest.mark.parametrize(
    "content",
    [
        # Without a header; a first line for Excel; quotes that are escaped, or plain characters.
        b"a long and winding text,x\nanother long text,y\na third long text,x\n",
        b"sep=;\r\ntext;n\r\na;1\r\nb;2\r\n",
        b'text,n\n"a \\"b\\"",1\n"c, \\"",2\n',
        b'text\tn\n"a\t1\nb"c"\t2\n',
    ],
)
def test_every_dialect_is_cut_as_it_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    shards = shards_of(path, 1)
    assert len(shards) == len(list(iter_records(path))) > 1
    assert records_of(shards) == [(record, False) for record in iter_records(path)]


def test_a_long_record_does_not_take_the_time_of_its_lines_squared(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,n\n"' + 'x","\n' * 100_000 + '" y,1\nlast,2\n')
    began = time.process_time()
    rows = [row for shard in shards_of(path, 1000) for row in open_shard(shard)]
    assert time.process_time() - began < 20
    assert rows[-1][0].text == "last"
