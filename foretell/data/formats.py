"""The formats of examples: one entry of `FORMATS` for each, and how the format of a source is
recognised.

A new format is a function that reads the records of a `RecordSource` lazily, and an entry in the
table. Tables are read by `tables` and `frames`; JSON, fastText lines, plain lines and folders are
here.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foretell.data.columns import columns_of_rows
from foretell.data.decode import PARQUET, ZIP, open_text
from foretell.data.frames import parquet_records
from foretell.data.record_source import RecordSource
from foretell.data.records import (
    MAX_RECORD,
    Record,
    characters_of,
    check_size,
    first_rows,
    label_of,
    spelled,
)
from foretell.data.tables import csv_records, workbook_records
from foretell.errors import DataError, UsageError
from foretell.readable import listed

_FIX = "write one object a line, without brackets around them"
_SAMPLE = 100
_PREFIX = "__label__"
_LABEL = re.compile(rf"\s*{_PREFIX}(\S*)")
_PARTS = ("train", "test")
# An array of objects, lists or strings, at its very beginning; a plain text may well begin with a
# bracket.
_ARRAY = re.compile(r"""\s*\[\s*($|[{\[]\s*["\[{}\]]|[{\[]\s*$|"(\\.|[^"\\])*"\s*(,|\]?\s*$))""")

PlacedRow = tuple[str, dict[str, object]]
"""The place of a row, for errors, and the row."""


@dataclass(frozen=True)
class Format:
    """A format of examples.

    Attributes:
        name: by which the user can ask for it.
        read: reads the records of a source, in constant memory where the format allows. DataError:
            it is damaged, or its columns are not clear, with the place. MissingExtraError: it needs
            an extra.
        recognise: whether a source has this format, by its beginning.
        endings: of file names in this format (before .gz and .bz2).
    """

    name: str
    read: Callable[[RecordSource], Iterator[Record]]
    recognise: Callable[[RecordSource], bool]
    endings: tuple[str, ...] = ()


def json_records(source: RecordSource) -> Iterator[Record]:
    """Read the records of JSON Lines, or of a JSON array.

    Each value is an object with a member for each column, or a string (a text without a label).
    """
    is_array = source.first_line.lstrip().startswith("[")
    rows = _array(source) if is_array else _lines(source)
    # Labels are judged by several records; without them each record is given as soon as it is read.
    count = _SAMPLE if source.options.need_label else 1
    first = first_rows(rows, count, lambda row: characters_of(row[1]))
    if not first:
        raise DataError("records", "none", where=source.name)
    columns = columns_of_rows([row for _, row in first], source.options, source.name)
    if any(list(row) != ["text"] for _, row in first):
        columns.add_note(source.short, source.options, source.notes)
    for where, row in itertools.chain(first, rows):
        yield columns.record(row, where)


def _row(value: object, where: str) -> PlacedRow:
    """Return the members of an object; a string is a text."""
    if isinstance(value, str):
        return where, {"text": value}
    if isinstance(value, dict):
        return where, value
    found = "a list" if isinstance(value, list) else f"the value {value!r:.40}"
    raise DataError("an object or a string", found, where=where)


def finite_number(text: str) -> float:
    """Return a number with a fraction or an exponent, or NaN, which stands for no value.

    Raises:
        ValueError: float64 does not have it, or an infinity: it would become the text "inf".
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"a number beyond those of float64: {text[:20]}")
    return number


_DECODER = json.JSONDecoder(parse_float=finite_number, parse_constant=finite_number)


def json_row(line: str, where: str) -> PlacedRow:
    """Return the members of the object on a line of JSON Lines; DataError: there is none."""
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        start = line.strip()[:40]
        column = error.colno if isinstance(error, json.JSONDecodeError) else 1
        where = f"{where}, column {column}"
        fix = "write one object a line (jq -c .)" if start.startswith("{") else ""
        if start.startswith("{'"):
            fix = "this is Python: write each object by json.dumps"
        raise DataError("one JSON value on the line", repr(start), where=where, fix=fix) from error
    return _row(value, where)


def _lines(source: RecordSource) -> Iterator[PlacedRow]:
    for number, line in enumerate(source.plain_lines(), start=1):
        if line.strip():
            yield json_row(line, f"{source.name}, line {number}")


def _array(source: RecordSource) -> Iterator[PlacedRow]:
    text = source.whole()
    try:
        values = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        # The message of a JSONDecodeError has line and column.
        found = "too many levels" if isinstance(error, RecursionError) else str(error)
        raise DataError("one JSON array", found, where=source.name, fix=_FIX) from error
    return (_row(value, f"{source.name}, item {i}") for i, value in enumerate(values, start=1))


def fasttext_records(source: RecordSource) -> Iterator[Record]:
    """Read fastText lines: `__label__positive the text`. A line without a label has none."""
    for number, line in enumerate(source.plain_lines(), start=1):
        labels = []
        end = 0
        while head := _LABEL.match(line, end):
            labels.append(head[1])
            end = head.end()
        words = line[end:].lstrip()
        if source.options.multi_label and labels:
            listed = tuple(dict.fromkeys(labels))
            yield Record(words, None, {"text": words, "label": ", ".join(listed)}, labels=listed)
        elif len(labels) > 1 and source.options.need_label:
            raise DataError(
                "one label",
                f"{len(labels)}: {', '.join(labels[:5])}",
                where=f"{source.name}, line {number}",
                fix="keep one label a line",
            )
        elif labels or words:
            label = label_of(labels[0]) if labels else None
            yield Record(words, label, {"text": words, "label": label or ""})


def line_records(source: RecordSource) -> Iterator[Record]:
    """Read one text a line. Every line is a record, an empty one too, so that answers can be lined
    up.
    """
    if source.options.need_label:
        raise DataError(
            "texts with labels (csv, tsv, jsonl, parquet, fastText lines or a folder per label)",
            "plain lines of text",
            where=source.name,
            fix=f"give the file the ending of its format, or name it with "
            f"{spelled('format', 'FORMAT')}",
        )
    for line in source.plain_lines():
        yield Record(line, None, {"text": line})


def folder_records(source: RecordSource) -> Iterator[Record]:
    """Read the texts of a folder, one in each file, labelled by the folder that it is in.

    If the folder has the folders `train` and `test`, that of `options.part` is read, or else
    `test`. Without folders, tables are read as files are that are given one by one; where labels
    are not needed, every other file is a text without a label.
    """
    path = _part_of_folder(source)
    try:
        entries = sorted(filter(_is_visible, path.iterdir()))
    except OSError as error:
        raise DataError("a folder that can be read", str(error.strerror), where=path) from error
    folders = list(filter(Path.is_dir, entries))
    files = list(filter(Path.is_file, entries))
    if not folders:
        yield from _flat_folder(files, source, path)
    elif files:
        source.add_note(
            f"left out {len(files):,} files beside the folders: {listed(_names(files), 5)}"
        )
    for folder in folders:
        if folder.name == "unsup" and source.options.need_label:
            source.add_note("left out the folder 'unsup', which has no labels")
            continue
        yield from _label_folder(folder, source)


def _part_of_folder(source: RecordSource) -> Path:
    path = Path(source.path)
    part = source.options.part
    parts = [name for name in _PARTS if (path / name).is_dir()]
    if len(parts) < 2 and part not in parts:
        return path
    chosen = part if part in parts else parts[-1]
    source.add_note(f"read its folder '{chosen}'")
    return path / str(chosen)


def _flat_folder(files: list[Path], source: RecordSource, path: Path) -> Iterator[Record]:
    """Read the files of a folder without folders."""
    expected = "files of text"
    fate = "read as one text each"
    tables = [file for file in files if _ending(file) in TABLES]
    others = sorted({*files} - {*tables})
    texts = others
    if source.options.need_label:
        expected = "a folder for each label"
        fate = "left out"
        texts = []
    if not tables and not texts:
        names = listed(_names(files), 5) or "nothing"
        raise DataError(
            expected,
            names,
            where=path,
            fix="put the texts into folders named by their labels, or give one of the files",
        )
    if tables:
        source.add_note(f"read {len(tables):,} tables: {listed(_names(tables), 5)}")
    for table in tables:
        yield from read_source(RecordSource(table, source.options, source.notes))
    if tables and others:
        source.add_note(f"{fate}: {listed(_names(others), 5)}")
    for file in texts:
        yield _file_record(file, source.notes)


def _label_folder(folder: Path, source: RecordSource) -> Iterator[Record]:
    files = sorted(filter(_is_visible, filter(Path.is_file, folder.rglob("*"))))
    if tables := [file for file in files if _ending(file) in TABLES]:
        source.add_note(
            f"each table in the folder '{folder.name}' is one text, as any file there: "
            f"{listed(_names(tables), 5)}; give tables themselves to read their rows"
        )
    for file in files:
        yield _file_record(file, source.notes, folder.name)


def _names(files: Iterable[Path]) -> list[str]:
    return [file.name for file in files]


def _file_record(file: Path, notes: list[str], label: str | None = None) -> Record:
    # An empty file is one empty record, not an error: there may be thousands of good ones beside
    # it.
    text = ""
    if file.stat().st_size:
        with open_text(file, notes=notes) as source:
            text = source.read(MAX_RECORD + 1)
        check_size(len(text), str(file))
    text = text.strip("\n")
    fields = {"file": str(file), "text": text}
    return Record(text, label, fields if label is None else {**fields, "label": label})


def _is_visible(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))


def _is_json(source: RecordSource) -> bool:
    line = source.first_line
    return line.lstrip().startswith("{") or _ARRAY.match(line) is not None


def _is_table(source: RecordSource) -> bool:
    """Whether a source without the ending of a table is one: by its header, or by columns that are
    named.

    A .txt file is one only by its header, and only where labels are needed: its lines may have
    commas.
    """
    is_text = _ending(source.path) in (".txt", ".text")
    if is_text and not source.options.need_label:
        return False
    cells = {cell.strip().strip('"').casefold() for cell in re.split(r"[,;\t|]", source.first_line)}
    is_header = (len(cells) > 1 and "text" in cells) or bool(cells & {"label", "sentiment"})
    return is_header or (bool(source.options.named) and not is_text)


def _is_workbook(source: RecordSource) -> bool:
    # Excel since 2007, and OpenDocument.
    return source.start.startswith(ZIP) and (
        b"xl/" in source.start or b"opendocument.sp" in source.start
    )


_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_TABLE = (
    Format("folder", folder_records, lambda source: source.is_folder),
    Format(
        "parquet",
        parquet_records,
        lambda source: source.start.startswith(PARQUET),
        (".parquet", ".pq"),
    ),
    Format("excel", workbook_records, _is_workbook, _SHEETS),
    Format(
        "fasttext",
        fasttext_records,
        lambda source: source.first_line.lstrip().startswith(_PREFIX),
        (".ft", ".fasttext"),
    ),
    Format("jsonl", json_records, _is_json, (".jsonl", ".ndjson")),
    Format("json", json_records, lambda _: False, (".json",)),
    Format(
        "tsv", lambda source: csv_records(source, prefer="\t"), lambda _: False, (".tsv", ".tab")
    ),
    Format("csv", csv_records, _is_table, (".csv",)),
    Format("text", line_records, lambda _: True),
)

FORMATS: dict[str, Format] = {each.name: each for each in _TABLE}
"""The formats by name, in the order in which they are recognised."""

TABLES = [ending for each in _TABLE for ending in each.endings]
ENDINGS = (*TABLES, ".txt", ".text")
"""The endings (before .gz and .bz2) of files with records; others can be given too."""


def format_named(name: str) -> Format:
    """Return the format of this name; raise UsageError where there is none."""
    if name not in FORMATS:
        raise UsageError(f"a format: {', '.join(sorted(FORMATS))}", f"'{name}'")
    return FORMATS[name]


def format_of(source: RecordSource) -> Format:
    """Return the format of a source: by the ending of its name, or else by its beginning."""
    ending = _ending(source.path)
    by_name = (each for each in FORMATS.values() if ending in each.endings and not source.is_folder)
    by_content = (each for each in FORMATS.values() if each.recognise(source))
    return next(by_name, None) or next(by_content)


def read_source(source: RecordSource) -> Iterator[Record]:
    """Read the records of a source, in the format that was asked for or recognised, and close
    it.
    """
    asked = source.options.format
    with source:
        yield from (format_of(source) if asked is None else format_named(asked)).read(source)


def _ending(path: str | Path) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".bz2"):
        suffixes.pop()
    return "".join(suffixes[-1:])
