"""Examples: texts with labels, from any file that people keep them in, or from Python objects."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foretell.data import named
from foretell.data.columns import Columns, choose_columns
from foretell.data.decode import STDIN, TextSource, existing, note, open_bytes, open_text
from foretell.data.delimited import delimited_records
from foretell.data.formats import (
    check_format,
    fasttext_records,
    folder_records,
    format_of_line,
    format_of_name,
    json_records,
    line_records,
    mapping_record,
    parquet_records,
)
from foretell.data.records import Record, is_nested, label_of, text_of
from foretell.errors import DataError

__all__ = ["Examples", "Part", "Record", "iter_records", "read_examples"]

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Examples:
    """Texts with labels.

    Attributes:
        texts: the texts, none of them empty.
        labels: the label of each.
        notes: what was chosen, dropped or guessed on the way here, each worth saying once.
        name: what to call it.
        dropped: how many records were left out, by reason.
    """

    texts: list[str]
    labels: list[str]
    notes: list[str] = field(default_factory=list)
    name: str = "examples"
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise DataError(
                expected=f"{len(self.texts)} labels, one for each text", found=str(len(self.labels))
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def label_names(self) -> list[str]:
        """The distinct labels, sorted."""
        return sorted(set(self.labels))

    def select(self, places: Iterable[int], name: str | None = None) -> Examples:
        """Return the examples at `places`, without notes."""
        chosen = list(places)
        texts = [self.texts[place] for place in chosen]
        return Examples(texts, [self.labels[place] for place in chosen], [], name or self.name)


def iter_records(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    format: str | None = None,
    need_label: bool = False,
    part: Part | None = None,
    notes: list[str] | None = None,
) -> Iterator[Record]:
    """Read records one by one, in constant memory, in the order of the source.

    Args:
        source: a file, "-" for standard input, a folder with one folder for each label, a named set, a
            DataFrame (anything with columns), an Arrow table, a tuple of two lists (texts and labels), or an
            iterable of `Record`s, mappings, pairs of text and label, or (where no label is needed) texts.
        text: the name of the text column; by default it is found where that is clear.
        label: likewise the label column.
        format: csv, tsv, jsonl, parquet, fasttext, text or folder; by default by name, then by content.
        need_label: whether the records must have labels. If not, a plain file is one text a line.
        part: which part of a named set, or of a folder that holds `train` and `test`.
        notes: a list to which everything worth saying is added.

    Raises:
        DataError: the source cannot be read, or its columns are not clear.
        UsageError: there is no such format.
    """
    said = [] if notes is None else notes
    if not isinstance(source, (str, Path)):
        return _python_records(source, text, label, need_label, said)
    if str(source) in named.NAMED_EXAMPLES and format is None:
        return _named_records(str(source), part or "train", said)
    if str(source) in named.NAMED and format is None:
        raise DataError(
            expected="examples with labels", found=f"the corpus '{source}'", where=str(source),
            fix=f"name a file, or one of {', '.join(sorted(named.NAMED_EXAMPLES))}",
        )  # fmt: skip
    return _file_records(source, text, label, format, need_label, part, said)


def read_examples(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    part: Part = "train",
    format: str | None = None,
) -> Examples:
    """Read all examples of a source; leave out, and say so, what has no text or no label.

    Args:
        source: as `iter_records`, or `Examples`, which come back as they are.
        text, label, format: as `iter_records`.
        part: of a named set or a folder with both parts: "train" to learn from, "test" to evaluate.

    Raises:
        DataError: as `iter_records`, or no labels at all.
    """
    if isinstance(source, Examples):
        return source
    texts: list[str] = []
    labels: list[str] = []
    notes: list[str] = []
    dropped: Counter[str] = Counter()
    records = iter_records(
        source, text=text, label=label, format=format, need_label=True, part=part, notes=notes
    )
    for record in records:
        if not record.text.strip():
            dropped["an empty text"] += 1
        elif record.label is None:
            dropped["no label (empty or NaN)"] += 1
        else:
            texts.append(record.text)
            # Labels repeat: one string for each saves memory.
            labels.append(sys.intern(record.label))
    name = _name(source)
    for reason, count in dropped.items():
        note(notes, f"{name}: dropped {count:,} record{'s' if count > 1 else ''} with {reason}")
    return Examples(texts, labels, notes, name, dict(dropped))


def _name(source: Any) -> str:
    if isinstance(source, (str, Path)):
        return "standard input" if str(source) == STDIN else Path(source).name or str(source)
    return type(source).__name__ if hasattr(source, "columns") else "examples"


def _named_records(name: str, part: Part, notes: list[str]) -> Iterator[Record]:
    if name == "reviews":
        with named.sample("reviews.csv") as path:
            yield from _file_records(path, "text", "label", "csv", True, None, notes)
        return
    reviews = named.imdb(part, notes=notes)
    for text, label in zip(reviews.texts, reviews.labels, strict=True):
        yield Record(text, label, {"text": text, "label": label})


def _file_records(
    source: str | Path,
    text: str | None,
    label: str | None,
    format: str | None,
    need_label: bool,
    part: Part | None,
    notes: list[str],
) -> Iterator[Record]:
    kind = None if format is None else check_format(format)
    path = source if str(source) == STDIN else existing(source, named.NAMED_EXAMPLES)
    if kind is None and isinstance(path, Path):
        kind = format_of_name(path)
    if kind == "folder":
        return folder_records(Path(path), notes, part=part, need_label=need_label)
    if kind == "parquet" or (kind is None and _starts_as_parquet(path)):
        return parquet_records(path, notes, text=text, label=label, need_label=need_label)
    return _text_records(path, text, label, kind, need_label, notes)


def _starts_as_parquet(path: str | Path) -> bool:
    if str(path) == STDIN:
        return False
    with open_bytes(path) as raw:
        return raw.peek(4)[:4] == b"PAR1"


def _text_records(
    path: str | Path,
    text: str | None,
    label: str | None,
    kind: str | None,
    need_label: bool,
    notes: list[str],
) -> Iterator[Record]:
    # Only CSV has line ends inside a field that must stay as they are; whether it is CSV is seen in a line.
    with open_text(path, notes=notes, newline="") as source:
        raw_lines = iter(source.stream)
        first = next(raw_lines, None)
        if first is None:
            raise DataError(expected="records", found="nothing: it is empty", where=source.name)
        if kind is None:
            kind = format_of_line(first, named_columns=text is not None or label is not None)
        lines = itertools.chain([first], raw_lines)
        if kind in ("csv", "tsv"):
            prefer = "\t" if kind == "tsv" else ","
            yield from delimited_records(
                source, text=text, label=label, need_label=need_label, prefer=prefer, lines=lines
            )
            return
        yield from _line_by_line(_plain(lines), source, text, label, kind, need_label)


def _plain(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line.rstrip("\r\n")


def _line_by_line(
    lines: Iterator[str],
    source: TextSource,
    text: str | None,
    label: str | None,
    kind: str,
    need_label: bool,
) -> Iterator[Record]:
    if kind == "jsonl":
        return json_records(lines, source, text=text, label=label, need_label=need_label)
    if kind == "fasttext":
        return fasttext_records(lines, source, need_label=need_label)
    if need_label:
        raise DataError(
            expected="texts with labels (csv, tsv, jsonl, parquet, fastText lines or a folder per label)",
            found="plain lines of text",
            where=source.name,
            fix="give the file its ending, or name the format with --format",
        )
    return line_records(lines)


def _python_records(
    source: Any, text: str | None, label: str | None, need_label: bool, notes: list[str]
) -> Iterator[Record]:
    if hasattr(source, "columns") and hasattr(source, "head"):
        yield from _frame_records(source, text, label, need_label, notes)
        return
    if hasattr(source, "to_batches"):  # an Arrow table, which one cannot iterate over
        source = (row for batch in source.to_batches() for row in batch.to_pylist())
    if isinstance(source, tuple) and len(source) == 2 and all(map(_is_column, source)):
        source = _zipped(*source)
    if not isinstance(source, Iterable):
        raise DataError(
            expected="a path, a DataFrame, or records one can iterate over", found=type(source).__name__
        )
    columns: Columns | None = None
    for number, item in enumerate(source, start=1):
        where = f"record {number}"
        if isinstance(item, Record):
            yield item
        elif isinstance(item, Mapping):
            if columns is None:
                sample = [[text_of(value) for value in item.values()]]
                columns = choose_columns(
                    [str(key) for key in item], sample, text=text, label=label, need_label=need_label,
                    where="the records",
                )  # fmt: skip
            yield mapping_record(item, columns, where)
        elif isinstance(item, (tuple, list)) and len(item) == 2 and not any(map(is_nested, item)):
            yield _pair(item[0], item[1])
        elif isinstance(item, str) and not need_label:
            yield _pair(item, None)
        else:
            expected = "a pair of text and label" if need_label else "a text"
            raise DataError(expected=expected, found=f"{item!r:.40}", where=where)


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, tuple, Mapping, Record))


def _zipped(texts: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    if len(texts) != len(labels):
        raise DataError(expected=f"{len(texts)} labels, one for each text", found=str(len(labels)))
    return zip(texts, labels, strict=True)


def _pair(text: Any, label: Any) -> Record:
    record_label = label_of(label)
    clean = text_of(text)
    return Record(clean, record_label, {"text": clean, "label": record_label or ""})


def _frame_records(
    frame: Any, text: str | None, label: str | None, need_label: bool, notes: list[str]
) -> Iterator[Record]:
    keys = list(frame.columns)
    names = [str(key) for key in keys]
    where = type(frame).__name__
    head = frame.head(100)
    sample = list(zip(*([text_of(value) for value in head[key]] for key in keys), strict=True))
    columns = choose_columns(names, sample, text=text, label=label, need_label=need_label, where=where)
    if text is None:
        note(notes, columns.said(where))
    for row in zip(*(frame[key] for key in keys), strict=True):
        yield mapping_record(dict(zip(names, row, strict=True)), columns, where)
