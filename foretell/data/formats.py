"""The formats of examples: one entry of `FORMATS` for each, and how the format of a source is recognised.

A new format is a function that reads the records of a `Source` lazily, and an entry in the table. Readers of
several lines have modules of their own; fastText lines, plain lines and folders are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foretell.data.decode import open_text
from foretell.data.frames import parquet_records
from foretell.data.json_records import json_records
from foretell.data.records import Record, label_of
from foretell.data.signatures import PARQUET, is_spreadsheet
from foretell.data.source import Source
from foretell.data.tables import csv_records, tsv_records, workbook_records
from foretell.errors import DataError, UsageError

_PREFIX = "__label__"
_PARTS = ("train", "test")
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


def fasttext_records(source: Source) -> Iterator[Record]:
    """Read fastText lines: `__label__positive the text`. A line without a label has none.

    Raises:
        DataError: a line with two labels, where labels are needed.
    """
    for number, line in enumerate(source.plain_lines(), start=1):
        words = line
        labels = []
        while (words := words.lstrip()).startswith(_PREFIX):
            head, *rest = words.split(None, 1)
            words = rest[0] if rest else ""
            labels.append(head[len(_PREFIX) :])
        if source.options.multi_label and labels:
            listed = tuple(dict.fromkeys(labels))
            yield Record(words, None, {"text": words, "label": ", ".join(listed)}, labels=listed)
        elif len(labels) > 1 and source.options.need_label:
            found, where = f"{len(labels)}: {', '.join(labels[:5])}", f"{source.name}, line {number}"
            raise DataError(expected="one label", found=found, where=where, fix="keep one label a line")
        elif labels or words:
            label = label_of(labels[0]) if labels else None
            yield Record(words, label, {"text": words, "label": label or ""})


def line_records(source: Source) -> Iterator[Record]:
    """Read one text a line. Every line is a record, an empty one too, so that answers can be lined up.

    Raises:
        DataError: labels are needed.
    """
    if source.options.need_label:
        named = source.options.arguments.spell("format", "FORMAT")
        raise DataError(
            expected="texts with labels (csv, tsv, jsonl, parquet, fastText lines or a folder per label)",
            found="plain lines of text",
            where=source.name,
            fix="give the file the ending of its format" + (f", or name it with {named}" if named else ""),
        )
    for line in source.plain_lines():
        yield Record(line, None, {"text": line})


def folder_records(source: Source) -> Iterator[Record]:
    """Read the texts of a folder, one in each file, labelled by the folder that it is in.

    If the folder has the folders `train` and `test`, that of `options.part` is read, or else `test`. Where
    labels are not needed, files directly in the folder are texts without a label.

    Raises:
        DataError: no files, or no folders where labels are needed.
    """
    path, part, need_label = Path(source.path), source.options.part, source.options.need_label
    parts = [name for name in _PARTS if (path / name).is_dir()]
    if len(parts) == 2 or part in parts:
        chosen = part if part in parts else parts[-1]
        source.add_note(f"read its folder '{chosen}'")
        path = path / str(chosen)
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    files = [entry for entry in _visible(path) if entry.is_file()]
    if not folders and (need_label or not files):
        names = ", ".join(entry.name for entry in files[:5]) or "nothing"
        raise DataError(
            expected="a folder for each label" if need_label else "files of text",
            found=f"{names}{' …' if len(files) > 5 else ''}",
            where=str(path),
            fix="put the texts into folders named by their labels, or give one of the files",
        )
    for file in () if folders else files:
        text = _whole_text(file, [])
        yield Record(text, None, {"file": str(file), "text": text})
    for folder in folders:
        if folder.name == "unsup" and need_label:
            source.add_note("left out the folder 'unsup', which has no labels")
            continue
        for file in sorted(entry for entry in folder.rglob("*") if entry.is_file() and _is_visible(entry)):
            text = _whole_text(file, source.notes)
            yield Record(text, folder.name, {"file": str(file), "text": text, "label": folder.name})


def _whole_text(file: Path, notes: list[str]) -> str:
    # An empty file is one empty record, not an error: there may be thousands of good ones beside it.
    if file.stat().st_size == 0:
        return ""
    with open_text(file, notes=notes) as source:
        return source.stream.read().strip("\n")


def _visible(path: Path) -> Sequence[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if _is_visible(entry))
    except OSError as error:
        found = str(error.strerror)
        raise DataError(expected="a folder that can be read", found=found, where=str(path)) from error


def _is_visible(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))


def _is_table(source: Source) -> bool:
    """Whether a source without the ending of a table is one: by its header, or by columns that are named.

    A .txt file is one only by its header, and only where labels are needed: its lines may have commas.
    """
    is_text = _ending(source.path) in (".txt", ".text")
    if is_text and not source.options.need_label:
        return False
    line = source.first_line
    cells = {cell.strip().strip('"').casefold() for cell in re.split(r"[,;\t|]", line)}
    is_header = (len(cells) > 1 and "text" in cells) or bool(cells & {"label", "sentiment"})
    is_named = source.options.text is not None or source.options.label is not None
    return is_header or (is_named and not is_text)


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
        lambda source: source.first_line.lstrip().startswith(_PREFIX),
        (".ft", ".fasttext"),
    ),
    Format("jsonl", json_records, _is_json, (".jsonl", ".ndjson")),
    Format("json", json_records, lambda _: False, (".json",)),
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


def read_source(source: Source) -> Iterator[Record]:
    """Read the records of a source, in the format that was asked for or recognised, and close it."""
    asked = source.options.format
    with source:
        yield from (format_of(source) if asked is None else format_named(asked)).read(source)


def _ending(path: str | Path) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
