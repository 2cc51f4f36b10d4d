"""The formats of examples: one entry of `FORMATS` for each, and how the format of a source is recognised.

A new format is a function that reads the records of a `Source` lazily, and an entry in the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foretell.data.delimited import csv_records, tsv_records
from foretell.data.folder import folder_records
from foretell.data.json_records import json_records
from foretell.data.parquet import parquet_records
from foretell.data.plain_records import PREFIX, fasttext_records, line_records
from foretell.data.records import Record
from foretell.data.signatures import PARQUET, is_spreadsheet
from foretell.data.source import Source
from foretell.data.workbook import workbook_records
from foretell.errors import UsageError

# An array of objects, lists or strings, at its very beginning; a plain text may well begin with a bracket.
_ARRAY = re.compile(r"""\s*\[\s*($|[{\[]\s*["\[{}\]]|[{\[]\s*$|"(\\.|[^"\\])*"\s*(,|\]?\s*$))""")


@dataclass(frozen=True, slots=True)
class Format:
    """A format of examples.

    Attributes:
        name: by which the user can ask for it.
        read: reads the records of a source, in constant memory where the format allows.
        recognise: whether a source has this format, by its beginning.
        endings: of file names in this format (before .gz).
    """

    name: str
    read: Callable[[Source], Iterator[Record]]
    recognise: Callable[[Source], bool]
    endings: tuple[str, ...] = ()


def _never(_: Source) -> bool:
    return False


def _is_table(source: Source) -> bool:
    line = source.first_line
    cells = {cell.strip().strip('"').casefold() for cell in re.split(r"[,;\t|]", line)}
    is_header = ("text" in cells and re.search(r"[,;\t|]", line) is not None) or bool(
        cells & {"label", "sentiment"}
    )
    return source.options.names_columns or is_header


def _is_json(source: Source) -> bool:
    line = source.first_line
    return line.lstrip().startswith("{") or _ARRAY.match(line) is not None


_TABLE = (
    Format("folder", folder_records, lambda source: source.is_folder),
    Format("parquet", parquet_records, lambda source: source.start.startswith(PARQUET), (".parquet", ".pq")),
    Format(
        "excel",
        workbook_records,
        lambda source: is_spreadsheet(source.start),
        (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    ),
    Format(
        "fasttext",
        fasttext_records,
        lambda source: source.first_line.lstrip().startswith(PREFIX),
        (".ft", ".fasttext"),
    ),
    Format("jsonl", json_records, _is_json, (".jsonl", ".ndjson")),
    Format("json", json_records, _never, (".json",)),
    Format(
        "tsv", tsv_records, lambda source: _is_table(source) and "\t" in source.first_line, (".tsv", ".tab")
    ),
    Format("csv", csv_records, _is_table, (".csv",)),
    Format("text", line_records, lambda _: True),
)

FORMATS: dict[str, Format] = {each.name: each for each in _TABLE}
"""The formats by name, in the order in which they are recognised."""


def format_named(name: str) -> Format:
    """Return the format of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(expected=f"a format: {', '.join(sorted(FORMATS))}", found=f"'{name}'")
    return FORMATS[name]


def format_of(source: Source) -> Format:
    """Return the format of a source: by the ending of its name, or else by its beginning.

    Raises:
        DataError: neither text nor a known format, or nothing at all.
    """
    ending = _ending(source.path)
    by_name = (each for each in FORMATS.values() if ending in each.endings and not source.is_folder)
    by_content = (each for each in FORMATS.values() if each.recognise(source))
    return next(by_name, None) or next(by_content)


def _ending(path: str | Path) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
