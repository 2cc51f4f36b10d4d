"""The other formats of examples: JSON Lines, Parquet, fastText lines, plain lines, a folder per label."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, get_args

from foretell.data.columns import Columns, choose_columns
from foretell.data.decode import STDIN, TextSource, note, open_bytes, open_text
from foretell.data.records import Record, is_nested, label_of, text_of
from foretell.errors import DataError, MissingExtraError, UsageError

Format = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "text", "folder"]
FORMATS: tuple[str, ...] = get_args(Format)

_ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".ft": "fasttext", ".fasttext": "fasttext",
}  # fmt: skip
_PREFIX = "__label__"
_PARTS = ("train", "test")


def format_of_name(path: Path) -> Format | None:
    """Return the format that a path's ending says (before .gz), "folder" for a folder, or None."""
    if path.is_dir():
        return "folder"
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _ENDINGS.get(suffixes[-1]) if suffixes else None


def check_format(name: str) -> Format:
    """Return `name` as a format.

    Raises:
        UsageError: there is no such format.
    """
    for known in get_args(Format):
        if name == known:
            found: Format = known
            return found
    raise UsageError(expected=f"a format: {', '.join(FORMATS)}", found=f"'{name}'")


def format_of_line(line: str, *, named_columns: bool) -> Format:
    """Guess the format from the first line of a source whose name does not say it."""
    start = line.lstrip()
    if start.startswith(_PREFIX):
        return "fasttext"
    if start.startswith("{"):
        return "jsonl"
    cells = [cell.strip().strip('"').casefold() for cell in re.split(r"[,;\t|]", line)]
    if named_columns or ("text" in cells and len(cells) > 1) or len({"label", "sentiment"} & set(cells)):
        return "tsv" if "\t" in line else "csv"
    return "text"


def json_records(
    lines: Iterator[str], source: TextSource, *, text: str | None, label: str | None, need_label: bool
) -> Iterator[Record]:
    """Read one JSON object (or one JSON string, a text) a line.

    Raises:
        DataError: a line that is not one JSON object, or no clear columns.
    """
    columns: Columns | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{source.name}, line {number}"
        row = _json_object(line, where)
        if columns is None:
            sample = [[text_of(value) for value in row.values()]]
            names = list(row)
            columns = choose_columns(
                names, sample, text=text, label=label, need_label=need_label, where=source.name
            )
            if text is None and names != ["text"]:
                note(source.notes, columns.said(Path(source.name).name))
        yield mapping_record(row, columns, where)


def _json_object(line: str, where: str) -> dict[str, Any]:
    expected, fix = "one JSON object on the line", ""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        found = line.strip()[:40]
        if found[:1] in ("[", "{"):
            fix = f"write one object a line (jq -c '{'.[]' if found[0] == '[' else '.'}')"
        raise DataError(expected=expected, found=repr(found), where=where, fix=fix) from error
    if isinstance(row, str):
        return {"text": row}
    if not isinstance(row, dict):
        kind = "a list" if isinstance(row, list) else f"the value {row!r:.40}"
        fix = "write one object a line (jq -c '.[]')" if isinstance(row, list) else ""
        raise DataError(expected=expected, found=kind, where=where, fix=fix)
    return row


def mapping_record(row: Mapping[str, Any], columns: Columns, where: str) -> Record:
    """Make a record of a mapping from column to value.

    Raises:
        DataError: the text or the label is a list or an object.
    """
    for name in (columns.text, columns.label):
        if name is not None and is_nested(value := row.get(name)):
            raise DataError(expected=f"one value in '{name}'", found=f"a {type(value).__name__}", where=where)
    label = None if columns.label is None else label_of(row.get(columns.label))
    return Record(
        text_of(row.get(columns.text)), label, {str(key): text_of(cell) for key, cell in row.items()}
    )


def parquet_records(
    path: str | Path,
    notes: list[str],
    *,
    text: str | None,
    label: str | None,
    need_label: bool,
) -> Iterator[Record]:
    """Read a Parquet file batch by batch.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: not a Parquet file, or no clear columns.
    """
    where = "standard input" if str(path) == STDIN else str(path)
    pa, pq = _pyarrow(where)
    with contextlib.ExitStack() as stack:
        raw: IO[bytes] = open_bytes(path)
        if str(path) != STDIN:
            stack.enter_context(raw)
        # Parquet is read from its end, so what cannot seek is written to a temporary file first.
        file = raw if raw.seekable() else _copy(raw, stack.enter_context(tempfile.TemporaryFile()))
        try:
            table = pq.ParquetFile(file)
            names = list(table.schema_arrow.names)
            columns: Columns | None = None
            for batch in table.iter_batches(batch_size=1024):
                rows = batch.to_pylist()
                if columns is None:
                    sample = [[text_of(value) for value in row.values()] for row in rows[:100]]
                    columns = choose_columns(
                        names, sample, text=text, label=label, need_label=need_label, where=where
                    )
                    if text is None:
                        note(notes, columns.said(Path(where).name))
                yield from (mapping_record(row, columns, where) for row in rows)
        except pa.ArrowException as error:
            raise DataError(expected="a Parquet file", found=f"{error!s:.80}", where=where) from error


def _pyarrow(where: str) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            expected="pyarrow, to read Parquet",
            found="that it is not installed",
            where=where,
            fix="pip install 'foretell[train]'",
        ) from error
    return pa, pq


def _copy(raw: IO[bytes], spool: IO[bytes]) -> IO[bytes]:
    while chunk := raw.read(1 << 20):
        spool.write(chunk)
    spool.seek(0)
    return spool


def fasttext_records(lines: Iterator[str], source: TextSource, *, need_label: bool) -> Iterator[Record]:
    """Read fastText lines: `__label__positive the text`; a line without a label has none.

    Raises:
        DataError: a line with two labels (one text has one label here).
    """
    for number, line in enumerate(lines, start=1):
        words = line.rstrip("\n")
        labels = []
        while (words := words.lstrip()).startswith(_PREFIX):
            head, *rest = words.split(None, 1)
            words = rest[0] if rest else ""
            labels.append(head[len(_PREFIX) :])
        if len(labels) > 1 and need_label:
            raise DataError(
                expected="one label", found=f"{len(labels)}: {', '.join(labels[:5])}",
                where=f"{source.name}, line {number}", fix="keep one label a line",
            )  # fmt: skip
        if not labels and not words:
            continue
        label = label_of(labels[0]) if labels else None
        yield Record(words, label, {"text": words, "label": label or ""})


def line_records(lines: Iterator[str]) -> Iterator[Record]:
    """Read one text a line. Every line is a record, an empty one too, so that answers can be lined up."""
    for line in lines:
        text = line.rstrip("\n")
        yield Record(text, None, {"text": text})


def folder_records(path: Path, notes: list[str], *, part: str | None, need_label: bool) -> Iterator[Record]:
    """Read a folder with one folder for each label, one text in each file.

    Args:
        path: the folder. If it holds `train` and `test`, the folder of `part` is meant.
        notes: where to say what was left out.
        part: "train", "test", or None for "test" where there is one.
        need_label: if not, files directly in the folder are read as texts without a label.

    Raises:
        DataError: no files, or no folders where labels are needed.
    """
    parts = [name for name in _PARTS if (path / name).is_dir()]
    if len(parts) == 2 or (parts and part in parts):
        chosen = part if part in parts else parts[-1]
        note(notes, f"{path.name}: read its folder '{chosen}'")
        path = path / chosen
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    if not folders:
        yield from _unlabelled(path, need_label)
        return
    for folder in folders:
        if folder.name == "unsup" and need_label:
            note(notes, f"{path.name}: left out the folder 'unsup', which has no labels")
            continue
        for file in sorted(entry for entry in folder.rglob("*") if entry.is_file() and _is_visible(entry)):
            text = _whole_text(file, notes)
            yield Record(text, folder.name, {"file": str(file), "text": text, "label": folder.name})


def _unlabelled(path: Path, need_label: bool) -> Iterator[Record]:
    files = [entry for entry in _visible(path) if entry.is_file()]
    if need_label or not files:
        found = ", ".join(entry.name for entry in files[:5]) or "nothing"
        raise DataError(
            expected="a folder for each label" if need_label else "files of text",
            found=f"{found}{' …' if len(files) > 5 else ''}",
            where=str(path),
            fix="put the texts into folders named by their labels, or give one of the files",
        )
    for file in files:
        text = _whole_text(file, [])
        yield Record(text, None, {"file": str(file), "text": text})


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
        raise DataError(
            expected="a folder that can be read", found=str(error.strerror), where=str(path)
        ) from error


def _is_visible(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))
