"""Read a file once in a process of its own, before this process reads it.

Parquet and workbooks are read by other projects' libraries, which hold a row group or a sheet as a
whole. A small file can make that very large: one text that many rows or lists refer to, cells that
are repeated, contents that are longer than their archive says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.limited import run_limited, work_limited

if TYPE_CHECKING:
    import polars as pl
    from python_calamine import CalamineWorkbook

    from foretell.data.source import Source
    from foretell.errors import DataError

_BATCH = 1024
_SECONDS = 20
_WAIT_TIMES = 6


def tried(kind: str, source: Source, damaged: Callable[[str], DataError]) -> Path:
    """Return the file of a source of a kind, "parquet" or "workbook", that can be read.

    What cannot be read, or needs more memory or processor time than its size explains, is an error
    that `damaged` makes of the reason.
    """
    size = source.size()
    file = source.file()
    seconds = _SECONDS + (size >> 20)
    try:
        run_limited(__file__, kind, file, size=size, seconds=seconds, wait=_WAIT_TIMES * seconds)
    except ValueError as error:
        raise damaged(str(error)) from error
    return file


def parquet_batches(path: Path, start: int = 0, count: int | None = None) -> Iterator[pl.DataFrame]:
    """Yield rows of a Parquet file, some at a time; without a count all from the first one on."""
    import polars as pl

    rows = pl.scan_parquet(path, glob=False).slice(start, count)
    yield from rows.collect_batches(chunk_size=_BATCH, lazy=True)


def parquet_length(path: Path) -> int:
    """Return how many rows a Parquet file has."""
    import polars as pl

    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def visible_sheets(workbook: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets of cells that are not hidden."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    wanted = (SheetTypeEnum.WorkSheet, SheetVisibleEnum.Visible)
    return [each.name for each in workbook.sheets_metadata if (each.typ, each.visible) == wanted]


def read(kind: str, path: str) -> None:
    """Read a file, and keep nothing of it."""
    if kind == "parquet":
        from polars import selectors

        for batch in parquet_batches(Path(path)):
            # A list or a group may be very large as Python's objects alone.
            for _ in batch.select(selectors.nested()).iter_rows(buffer_size=1):
                pass
        return
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_path(path)
    for name in visible_sheets(workbook):
        workbook.get_sheet_by_name(name)


if __name__ == "__main__":
    work_limited(read)
