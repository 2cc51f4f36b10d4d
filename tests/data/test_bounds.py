"""No record, array or sheet takes the memory of the machine, whatever the format and packing.

Each file is small, and is read by a child process that may take 3 GiB: a fork of one process, which
has imported what reads.
"""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.spreadsheets import write_xlsx

from foretell.data.records import MAX_RECORD

LIMIT = 3 << 30
BIG = MAX_RECORD + 10
READ = """
import os, resource, sys
from foretell.data.examples import iter_records
from foretell.errors import DataError
import polars, python_calamine

def read(path):
    base = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (base + %d,) * 2)
    try:
        return f"{sum(1 for _ in iter_records(path))} records"
    except DataError as error:
        return error

for path in sys.stdin:
    if child := os.fork():
        if status := os.waitpid(child, 0)[1]:
            print("status", status, flush=True)
    else:
        try:
            print(read(path.rstrip()), flush=True)
        except BaseException as error:
            print("no typed error", repr(error), flush=True)
        os._exit(0)
"""
FIXTURES = Path(__file__).parents[1] / "fixtures"
MEMORY = "more memory than its size explains"
REFUSED = f"{MEMORY}|cannot be read"
TOO_LARGE = "damaged or too large"
RECORD = "64 Mi characters"
Write = Callable[[Path], object]


def packed(path: Path, start: bytes, repeated: bytes, end: bytes) -> None:
    """Write a line longer than a record may be, or, where it has an end, as long as it may be."""
    repeated *= 1024
    times = (
        (MAX_RECORD - len(repeated)) // len(repeated) if end else MAX_RECORD // len(repeated) + 1
    )
    with gzip.open(path, "wb", 1) as file:
        file.write(start)
        for _ in range(times):
            file.write(repeated)
        file.write(end)


LINES: dict[str, tuple[bytes, bytes, bytes, str]] = {
    "a text.jsonl.gz": (b'{"text": "', b"word ", b"", RECORD),
    "a row.csv.gz": (b'text,n\n"', b'%s\n","' % (b"word " * 20), b"", RECORD),
    "a line.txt.gz": (b"a\n", "é ".encode(), b"\n", "2 records"),
    "columns.csv.gz": (b"text", b",", b"\n", "16,384 columns"),
    "cells.csv.gz": (b"text,n\na,b\n", b"ab,", b"\n", "2 columns"),
    "objects.jsonl.gz": (b'{"text": "a"}\n{"text": "b", "n": [', b"{},", b"0]}\n", "2 records"),
    "an array.json.gz": (b'["a",', b'"%s",' % (b"word " * 20), b'"b"]', "records"),
    "labels.ft.gz": (b"__label__a b\n", b"__label__a ", b"b\n", "2 records"),
}
"""Compressed text: how a file begins, what follows again and again, how it ends, and the answer."""


def one_text(size: int, rows: int = 0) -> pa.Array:
    """Return one text so many times, or as often as its length."""
    places = pa.array(np.zeros(rows or size, np.int16))
    return pa.DictionaryArray.from_arrays(places, ["x" * size])


def lists(values: pa.Array, levels: int = 1) -> pa.Array:
    """Return one list of all the values, in lists of their own."""
    for _ in range(levels):
        values = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    return values


def write_parquet(path: Path, column: Callable[[], pa.Array], name: str = "more") -> None:
    values = column()
    columns = {"text": ["a"] * len(values), name: values} if name != "text" else {name: values}
    pq.write_table(pa.table(columns), path, row_group_size=len(values), compression="zstd")


def many_rows() -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(80 << 20, np.int8)), ["ab"])


PARQUET: dict[str, tuple[Write, str]] = {
    "one text in all rows": (partial(write_parquet, column=lambda: one_text(1 << 14)), "16384 rec"),
    "a large text in some rows": (
        partial(write_parquet, column=lambda: one_text(60 << 20, 60), name="text"),
        "60 records",
    ),
    "a long text": (partial(write_parquet, column=lambda: pa.array(["x" * BIG])), RECORD),
    "a list": (partial(write_parquet, column=lambda: lists(one_text(1 << 15))), RECORD),
    "lists in lists": (
        partial(write_parquet, column=lambda: lists(one_text(1 << 15), 9)),
        RECORD,
    ),
    "lists of groups": (
        partial(
            write_parquet,
            column=lambda: lists(pa.StructArray.from_arrays([one_text(1 << 15)], ["a"]), 2),
        ),
        RECORD,
    ),
    "empty lists": (
        partial(
            write_parquet,
            column=lambda: lists(
                pa.ListArray.from_arrays(pa.array(np.zeros(BIG >> 3, np.int32)), pa.array([1]))
            ),
        ),
        RECORD,
    ),
    "many lists": (
        partial(write_parquet, column=lambda: pa.array([["ab"] * 9, None, []] * (1 << 12))),
        "12288 records",
    ),
    "a list of numbers": (
        partial(write_parquet, column=lambda: lists(pa.array(np.zeros(1 << 24, np.int8)))),
        "1 records",
    ),
    "rows": (partial(write_parquet, column=many_rows, name="text"), TOO_LARGE),
}


def with_rows(path: Path, rows: bytes, shared: bytes = b"") -> None:
    """Write a workbook with further rows, as XML, and a text that cells may refer to."""
    write_xlsx(path, {"one": [["text"], ["a"]]})
    sheet = "xl/worksheets/sheet1.xml"
    parts = contents(path)
    end = b"</sheetData>"
    parts[sheet] = parts[sheet].replace(end, rows + end)
    parts["xl/sharedStrings.xml"] = b"<sst><si><t>%s</t></si></sst>" % shared
    archive(path, parts)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def archive(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)


def understated(path: Path) -> None:
    """Write a workbook whose archive says that its sheet is as long as its beginning."""
    with_rows(path, FAR)
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("xl/worksheets/sheet1.xml")
    start = contents(path)[info.filename][:100]
    true = struct.pack("<LLL", info.CRC, info.compress_size, info.file_size)
    told = struct.pack("<LLL", zlib.crc32(start), info.compress_size, len(start))
    content = path.read_bytes()
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, told))


def repeated(path: Path) -> None:
    """Write an OpenDocument sheet with a row of one cell that fills the rest of the sheet."""
    parts = contents(FIXTURES / "reviews.ods")
    row = b"<table:table-row>"
    cell = b"<table:table-cell "
    rows = row.replace(b">", b' table:number-rows-repeated="1048000">')
    cells = cell + b'table:number-columns-repeated="16000" '
    start, found, rest = parts["content.xml"].rpartition(row)
    assert found
    parts["content.xml"] = start + rows + rest.replace(cell, cells, 1)
    archive(path, parts)


def record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of a binary workbook."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    return head + bytes([len(content)]) + content


def binary(path: Path) -> None:
    """Write a binary workbook with cells in the first and the last place of a sheet."""

    def wide(text: str) -> bytes:
        return struct.pack("<L", len(text)) + text.encode("utf-16-le")

    def row(number: int, column: int) -> bytes:
        cell = struct.pack("<LLd", column, 0, 1.0)
        return record(0, struct.pack("<LLHHBL", number, 0, 300, 0, 0, 0)) + record(5, cell)

    places = struct.pack("<LLLL", 0, (1 << 20) - 1, 0, (1 << 14) - 1)
    sheet = record(129) + record(148, places) + record(145)
    sheet += row(0, 0) + row((1 << 20) - 1, (1 << 14) - 1) + record(146) + record(130)
    listed = record(156, struct.pack("<LL", 0, 1) + wide("r1") + wide("one"))
    workbook = record(131) + record(143) + listed + record(144) + record(132)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    related = f'<Relationship Id="r1" Type="{kind}" Target="worksheets/sheet1.bin"/>'
    parts = {
        "xl/workbook.bin": workbook,
        "xl/_rels/workbook.bin.rels": f"<Relationships>{related}</Relationships>".encode(),
        "xl/worksheets/sheet1.bin": sheet,
    }
    archive(path, parts)


FAR = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
ONE = b'<row><c t="s"><v>0</v></c></row>'
WORKBOOKS: dict[str, tuple[Write, str]] = {
    "a far cell.xlsx": (lambda path: with_rows(path, FAR), MEMORY),
    "single quotes.xlsx": (lambda path: with_rows(path, FAR.replace(b'"', b"'")), MEMORY),
    "a shared text.xlsx": (
        lambda path: with_rows(path, ONE * 2_000, b"x" * (1 << 20)),
        MEMORY,
    ),
    "understated.xlsx": (understated, REFUSED),
    "repeated.ods": (repeated, REFUSED),
    "far.xlsb": (binary, MEMORY),
}
FILES: dict[str, tuple[Write, str]] = {
    **{
        name: (partial(packed, start=start, repeated=more, end=end), answer)
        for name, (start, more, end, answer) in LINES.items()
    },
    **{f"{name}.parquet": case for name, case in PARQUET.items()},
    **WORKBOOKS,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", READ % LIMIT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process


@pytest.mark.parametrize("name", FILES)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_record_is_bounded(tmp_path: Path, name: str, reader: Any) -> None:
    write, answer = FILES[name]
    path = tmp_path / name
    write(path)
    assert path.stat().st_size < 4 << 20
    print(path, file=reader.stdin, flush=True)
    assert re.search(answer, reader.stdout.readline())
