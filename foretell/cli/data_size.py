"""How much data a command will read, for the time remaining: bytes of files, rows of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.inputs import STDIN, names_source
from foretell.text.utf8 import utf8_bytes

if TYPE_CHECKING:
    from foretell.data.records import Record

_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
# What a field of a JSON object takes beside its key and its value: ` "":"",`.
_JSON_FIELD = 7


@dataclass(frozen=True)
class DataSize:
    """The size of data and of a record in the same unit.

    Attributes:
        total: of all data; None: unknown (standard input, a compressed file).
        of: of one record. In bytes it is an estimate, a few per cent off: how the file writes a record is not
            known.
    """

    total: int | None
    of: Callable[[Record], int]


def size_of_records(arguments: Sequence[str], *, literal: bool = False) -> DataSize:
    """Return how large the data is that the arguments of `foretell.cli.inputs.read_records` give."""
    sources = [argument for argument in arguments if names_source(argument, literal=literal)]
    if not sources:
        return DataSize(len(arguments), lambda _: 1)
    rows = _parquet_rows(arguments[0]) if len(arguments) == 1 else None
    if rows is not None:
        return DataSize(rows, lambda _: 1)
    is_json = any(Path(source).suffix.lower() in _JSON_ENDINGS for source in sources)
    return DataSize(bytes_of(sources), _json_bytes if is_json else _table_bytes)


def bytes_of(sources: Iterable[str]) -> int | None:
    """Return the bytes that the files and folders hold; None where one is not a plain file of known size."""
    total = 0
    for source in sources:
        path = Path(source)
        files = [path] if source != STDIN and path.is_file() else []
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
        # The bytes of compressed and binary files are no measure of the texts in them.
        if not files or any(file.suffix.lower() in (".gz", ".parquet", ".pq", ".xlsx") for file in files):
            return None
        total += sum(file.stat().st_size for file in files)
    return total


def _table_bytes(record: Record) -> int:
    return sum(utf8_bytes(str(value)) + 1 for value in record.fields.values())


def _json_bytes(record: Record) -> int:
    return sum(utf8_bytes(str(value)) + utf8_bytes(key) + _JSON_FIELD for key, value in record.fields.items())


def _parquet_rows(source: str) -> int | None:
    if Path(source).suffix.lower() not in (".parquet", ".pq"):
        return None
    try:
        import polars as pl

        return int(pl.scan_parquet(source, glob=False).select(pl.len()).collect().item())
    except Exception:
        # What is wrong with the file is reported when it is read.
        return None
