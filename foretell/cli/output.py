"""Everything that the command line writes: text, JSON Lines, CSV, and how far a command is.

Texts, labels and file names may hold terminal control sequences. Nothing here sends one to a terminal: text
for people is always sanitised, JSON escapes them, and CSV is sanitised where stdout is a terminal.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

from foretell.progress import write_stderr
from foretell.readable import UNSAFE, json_line, visible

Format = Literal["text", "jsonl", "csv", "csv-raw"]

# The beginnings that a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_AS_TEXT = "'"
_ROW_END = "\r\n"


def show(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """Write text for people to stdout, sanitised."""
    print(visible(text), end=end, flush=flush)


def note(text: str, *, end: str = "\n") -> None:
    """Write text for people to stderr, sanitised, at once."""
    write_stderr(visible(text) + end)


def drop_stdout() -> None:
    """Drop what is written to stdout from now on: its reader has closed the pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def on_one_line(text: str) -> str:
    """Return `text` sanitised, with every run of white space as one space."""
    return visible(" ".join(text.split()))


def as_json(value: object) -> str:
    """Return `value` as JSON on one line: letters as they are, control characters escaped."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json_line(value))


def _one_cell(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)


class _Rows:
    """Takes rows of CSV from Python's writer, which quotes a lone \\r only where a row ends with one."""

    def __init__(self, *, sanitised: bool) -> None:
        self._sanitised = sanitised

    def write(self, row: str) -> None:
        row = row.removesuffix(_ROW_END)
        sys.stdout.write((visible(row) if self._sanitised else row) + "\n")


class Writer:
    """Writes records to stdout, one after another, in one output format.

    >>> writer = Writer("csv", ["word", "probability"])
    word,probability
    >>> writer.write({"word": "the", "probability": 0.5}, "the  0.5000")
    the,0.5

    Args:
        format: text writes the line for people, jsonl the whole record, csv and csv-raw the `columns` of the
            record. csv puts an apostrophe before a text that a spreadsheet would run as a formula, as
            spreadsheets mark a text; csv-raw leaves every text as it is.
        columns: the keys of a record that are columns of CSV, in order.
    """

    def __init__(self, format: Format, columns: Sequence[str]) -> None:
        self._format, self._columns = format, columns
        self._csv = csv.writer(_Rows(sanitised=sys.stdout.isatty()), lineterminator=_ROW_END)
        if format in ("csv", "csv-raw"):
            self._csv.writerow([self._cell(column) for column in columns])

    def write(self, record: Mapping[str, object], text: str) -> None:
        """Write `record`, or `text`, which shows it to people; several lines for several values."""
        if self._format == "jsonl":
            print(as_json(record))
        elif self._format in ("csv", "csv-raw"):
            self._csv.writerow([self._cell(record.get(column, "")) for column in self._columns])
        else:
            show(text)

    def _cell(self, value: object) -> object:
        """Return a value as one cell of a table."""
        cell = "; ".join(map(_one_cell, value)) if isinstance(value, list | tuple) else value
        if isinstance(cell, bool | dict):
            cell = as_json(cell)
        # Numbers stay what they are: -1.5 is no formula.
        is_formula = self._format == "csv" and isinstance(cell, str) and cell.startswith(_FORMULA)
        return f"{_AS_TEXT}{cell}" if is_formula else cell


def write_report(
    format: Format,
    record: Mapping[str, object],
    text: str,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
) -> None:
    """Write a report: `text` for people, `record` as one JSON object, or its `rows` as CSV."""
    writer = Writer(format, columns)
    for row in [record] if format in ("text", "jsonl") else rows:
        writer.write(row, text)


def aligned(rows: Iterable[Sequence[object]], *, indent: int = 0) -> str:
    """Return rows as columns of equal width: text to the left, numbers to the right."""
    cells = [[_shown(value) for value in row] for row in rows]
    if not cells:
        return ""
    widths = [max(len(row[i]) if i < len(row) else 0 for row in cells) for i in range(max(map(len, cells)))]
    lines = (
        "  ".join(f"{c:>{w}}" if _is_number(c) else f"{c:<{w}}" for c, w in zip(row, widths, strict=False))
        for row in cells
    )
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def listed(rows: Iterable[tuple[str, object]], *, indent: int = 0) -> str:
    """Return names and values, one pair a line, the values in one column."""
    pairs = [(_shown(name), _shown(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{' ' * indent}{name:<{width}}  {value}".rstrip() for name, value in pairs)


def excerpt(text: str, width: int = 70) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width and len(text) <= 4 * width else f"{line[: width - 1].rstrip()}…"


def megabytes(size: int) -> str:
    """Return a number of bytes as "3.4 MB", small ones as "43 kB"."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    cell = str(value)
    return on_one_line(cell) if "\n" in cell or UNSAFE.search(cell) else cell


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:2].lstrip("-")[:1].isdigit()


_SECONDS = 0.1
"""Between two changes of the line."""

Item = TypeVar("Item")
Advance = Callable[[int], None]


@contextmanager
def counter(what: str, total: int | None, *, streams: bool = False) -> Iterator[Advance | None]:
    """Show how far a command is on stderr while the context is open, where stderr is a terminal.

    Args:
        what: the work, such as "classifying".
        total: how much there is to do; None: unknown, so that no time remaining is shown.
        streams: whether stdout is written meanwhile; on a terminal it shows by itself how far the command is.

    Yields:
        A function that takes how much was done since it was last called; None where nothing is shown, so that
        callers need not even count.
    """
    if not sys.stderr.isatty() or (streams and sys.stdout.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    known = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    unknown = (BarColumn(bar_width=24), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), *(unknown if total is None else known))
    # The answers are on their way to stdout meanwhile: they are no part of what is shown.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task(what, total=total)
        waiting, shown = 0, time.monotonic()

        def advance(done: int) -> None:
            nonlocal waiting, shown
            waiting += done
            if time.monotonic() - shown >= _SECONDS:
                bars.advance(task, waiting)
                waiting, shown = 0, time.monotonic()

        yield advance


def counted(items: Iterable[Item], advance: Advance | None, size: Callable[[Item], int]) -> Iterable[Item]:
    """Return the items, each counted with its size when the next one is asked for."""
    return items if advance is None else _counted(items, advance, size)


def _counted(items: Iterable[Item], advance: Advance, size: Callable[[Item], int]) -> Iterator[Item]:
    for item in items:
        yield item
        advance(size(item))
