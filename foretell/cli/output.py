"""Everything that the command line writes: text, JSON Lines, CSV, and how far a command is.

Texts, labels and file names may hold terminal control sequences. Nothing here sends one to a
terminal: text for people is always sanitised, JSON escapes them, and CSV is sanitised where stdout
is a terminal.
"""

from __future__ import annotations

import csv
import io
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TextIO, TypeVar, cast

from foretell.artifacts.replacement import new_file
from foretell.cli.workbook import Workbook
from foretell.data.cells import csv_cell, flat, json_line
from foretell.errors import SeenTextsWarning, UsageError
from foretell.progress import write_stderr
from foretell.readable import UNSAFE, isolated, on_one_line, pairs, visible

Format = Literal["text", "jsonl", "csv"]
Item = TypeVar("Item")

AnswerFile = TextIO | Workbook | None
"""A file that answers are written to; None: stdout."""


def show(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """Write text for people to stdout, sanitised."""
    print(visible(text), end=end, flush=flush)


def note(text: str, *, end: str = "\n") -> None:
    """Write text for people to stderr, sanitised, at once."""
    write_stderr(visible(text) + end)


def show_notes(notes: Iterable[str]) -> None:
    """Write what was chosen or guessed while data was read to stderr."""
    for each in notes:
        note(each)


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Write to stderr, as notes, the warnings of a block that a model has seen some texts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SeenTextsWarning)
        yield
    show_notes(str(each.message) for each in caught)


def as_json(value: object) -> str:
    """Return `value` as JSON on one line: letters as they are, control characters escaped."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json_line(value))


class Writer:
    """Writes records to stdout, one after another, in one output format.

    >>> writer = Writer("csv", ["word", "probability"])
    "word","probability"
    >>> writer.write({"word": "the", "probability": 0.5}, "the  0.5000")
    "the",0.5

    Args:
        format: text writes the line for people, jsonl the whole record, csv the `columns` of the
            record, with an apostrophe before a text that a spreadsheet would run as a formula.
        columns: the keys of a record that are columns of CSV, in order.
        file: where they are written instead of to stdout; to a workbook as to CSV.
    """

    def __init__(self, format: Format, columns: Sequence[str], file: AnswerFile = None) -> None:
        self._format = format
        self._file = file
        self._columns = columns
        if format == "csv":
            self._write_row(columns)

    def write(self, record: Mapping[str, object], text: str = "") -> None:
        """Write `record`, or `text`, which shows it to people; several lines for several values."""
        if self._format == "jsonl":
            self._print(as_json(record))
        elif self._format == "csv":
            self._write_row([record.get(column, "") for column in self._columns])
        else:
            show(text)

    def _write_row(self, values: Iterable[object]) -> None:
        if isinstance(self._file, Workbook):
            self._file.add(flat(value, as_json) for value in values)
            return
        row = io.StringIO(newline="")
        # Texts have quotes: a spreadsheet may separate cells by semicolons, too.
        csv.writer(row, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC).writerow(
            csv_cell(value, as_json) for value in values
        )
        text = row.getvalue().removesuffix("\r\n")
        is_shown = self._file is None and sys.stdout.isatty()
        self._print(visible(text) if is_shown else text)

    def _print(self, line: str) -> None:
        # A workbook has rows alone.
        print(line, file=cast("TextIO | None", self._file))


_FORMATS: dict[str, tuple[Format, str]] = {
    ".csv": ("csv", "utf-8-sig"),
    ".jsonl": ("jsonl", "utf-8"),
    ".xlsx": ("csv", ""),
}
"""The format and the encoding of a file by its ending; a workbook has none."""


@contextmanager
def answer_file(out: str | None, format: Format) -> Iterator[tuple[Format, AnswerFile]]:
    """Yield how and where answers are written: to a file that gets its name at the end, or None.

    Args:
        out: a file whose ending is that of its format, or None. Spreadsheet programs recognise the
            encoding of a .csv by the mark at its beginning.
        format: the format that was asked for: "text" where none was.

    Raises:
        UsageError: another ending, or another format than that of the ending.
        ForetellError: the file cannot be written.
    """
    if out is None:
        yield format, None
        return
    path = Path(out)
    by_ending, encoding = _FORMATS.get(path.suffix.lower(), (None, ""))
    if by_ending is None or format not in ("text", by_ending):
        found = path.name
        if by_ending is not None:
            found = f"{found} and --format {format}"
        raise UsageError("a name that ends in .xlsx, .csv or .jsonl", found, where="--out")
    if not encoding:
        with new_file(path) as new, Workbook(new) as workbook:
            yield by_ending, workbook
        return
    with new_file(path) as new, new.open("w", encoding=encoding, errors="replace") as file:
        yield by_ending, file


def write_report(
    format: Format,
    record: Mapping[str, object],
    text: str,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
) -> None:
    """Write a report: `text` for people, `record` as one JSON object, or its `rows` as CSV."""
    writer = Writer(format, columns)
    for row in rows if format == "csv" else [record]:
        writer.write(row, text)


def aligned(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as columns of equal width: text to the left, numbers to the right."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    lines = ("  ".join(map(_padded, row, widths)) for row in cells)
    return "\n".join(map(str.rstrip, lines))


def _padded(cell: str, width: int) -> str:
    shown = isolated(cell)
    space = " " * (width - len(cell))
    return space + shown if cell.lstrip("-")[:1].isdigit() else shown + space


def listed(rows: Iterable[tuple[str, object]], *, indent: int = 0) -> str:
    """Return names and values, one pair a line, the values in one column."""
    return pairs(((_shown(name), _shown(value)) for name, value in rows), indent)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    cell = str(value)
    if "\n" in cell or UNSAFE.search(cell):
        return on_one_line(cell)
    return cell


def counted(items: Iterable[Item], what: str, *, streams: bool = False) -> Iterator[Item]:
    """Yield the items, and show on stderr how many were used, where it is a terminal.

    Args:
        items: anything.
        what: the work, such as "classifying".
        streams: whether stdout is written meanwhile; on a terminal it shows by itself how far the
            command is.
    """
    if not sys.stderr.isatty() or (streams and sys.stdout.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    columns = ("{task.description}", "{task.completed:,}")
    console = Console(stderr=True, highlight=False)
    # The answers on stdout are no part of what is shown.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        yield from bars.track(items, description=what)
