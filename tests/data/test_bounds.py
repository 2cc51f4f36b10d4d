"""No record, array or sheet takes the memory of the machine, whatever the format and packing.

Each file is read by a child process with 3 GiB of address space.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from data.spreadsheets import write_xlsx

from foretell.data.records import MAX_RECORD

LIMIT = 3 << 30
BIG = MAX_RECORD + 10
READ = """
import resource, sys
from foretell.data.examples import iter_records
from foretell.errors import DataError
import polars, python_calamine
base = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (base + %d,) * 2)
count = 0
try:
    for record in iter_records(sys.argv[1]):
        count += 1
    print(count)
except DataError as error:
    print(error)
"""


def packed(path: Path, start: bytes, repeated: bytes) -> None:
    with gzip.open(path, "wb", 1) as file:
        file.write(start)
        for _ in range(BIG // (len(repeated) << 10) + 1):
            file.write(repeated * 1024)


def dictionary(path: Path) -> None:
    """Write one text of 4 MiB in 1,024 rows, as a few kilobytes."""
    text = pl.Series("text", ["x" * (1 << 22)])
    pl.DataFrame([text.new_from_index(0, 1024)]).write_parquet(path)


def long_cell(path: Path) -> None:
    pl.DataFrame({"text": ["x" * BIG]}).write_parquet(path)


def far_cell(path: Path) -> None:
    write_xlsx(path, {"one": [["text"], ["a"]]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, re.sub(rb"</sheetData>", far, part))


@pytest.mark.parametrize(
    ("name", "write", "answer"),
    [
        ("a.jsonl.gz", lambda path: packed(path, b'{"text": "', b"word "), "64 Mi characters"),
        ("b.csv.gz", lambda path: packed(path, b'text,n\n"', b'word\n","'), "64 Mi characters"),
        ("dictionary.parquet", dictionary, "1024"),
        ("long.parquet", long_cell, "64 Mi characters"),
        ("a.xlsx", far_cell, "cells"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_a_record_is_bounded(
    tmp_path: Path, name: str, write: Callable[[Path], None], answer: str
) -> None:
    path = tmp_path / name
    write(path)
    assert path.stat().st_size < 4 << 20
    child = [sys.executable, "-c", READ % LIMIT, str(path)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=120, check=False)
    assert answer in done.stdout, done.stderr[-500:]
