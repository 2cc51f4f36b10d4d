"""Read a file once in a process of its own, before this process reads it.

Parquet and workbooks are read by other projects' libraries, which hold a row group or a sheet as a
whole. A small file can make that very large: one text that many rows or lists refer to, cells that
are repeated, contents that are longer than their archive says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.limited import BYTES_TIMES, MAX_BYTES, LimitError, run_limited, work_limited

if TYPE_CHECKING:
    import polars as pl
    from python_calamine import CalamineWorkbook

    from foretell.data.source import Source

_BATCH = 1024
_SECONDS = 20
_WAIT_TIMES = 6
# What the stacks of a thread have of the memory: the libraries start some for each processor.
_STACKS = 1 << 23


def tried(kind: str, source: Source) -> Path:
    """Return the file of a source of a kind, "parquet" or "workbook", when it has been read once.

    Raises:
        DataError: it needs more memory or processor time than its size explains.
        ValueError: it is damaged; what the library says.
    """
    from foretell.errors import DataError

    size = source.size()
    file = source.file()
    memory = MAX_BYTES + BYTES_TIMES * size + _STACKS * (os.cpu_count() or 1)
    seconds = _SECONDS + (size >> 20)
    try:
        run_limited(
            __file__, kind, file, memory=memory, seconds=seconds, wait=_WAIT_TIMES * seconds
        )
    except LimitError as error:
        most = f"{MAX_BYTES >> 30} GiB of memory and {BYTES_TIMES} times its size"
        raise DataError(
            expected=f"a file that is read in {most}",
            found=str(error),
            where=source.name,
            fix="divide it, or save the data as JSON Lines",
        ) from error
    return file


def parquet_batches(path: Path) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield the rows of a Parquet file, some at a time, and the most characters that a row has."""
    import polars as pl

    for batch in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=_BATCH, lazy=True):
        sizes = [_size(pl.col(name), dtype) for name, dtype in batch.schema.items()]
        if len(batch):
            yield batch, sum(batch.select(sizes).max().row(0))


def _size(cells: pl.Expr, dtype: object) -> pl.Expr:
    """Return the characters of each cell, at least; a value in a list or a group has 8 besides."""
    import polars as pl

    if isinstance(dtype, pl.Array):
        return _size(cells.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        held = cells.list.eval(_size(pl.element(), dtype.inner)).list.sum()
    elif isinstance(dtype, pl.Struct):
        fields = [_size(cells.struct.field(each.name), each.dtype) for each in dtype.fields]
        held = pl.sum_horizontal(fields)
    elif dtype == pl.Binary:
        held = cells.bin.size()
    elif dtype in (pl.Categorical, pl.Enum):
        held = cells.cat.len_bytes()
    elif dtype == pl.String:
        held = cells.str.len_bytes()
    else:
        held = cells.is_null()
    return held.cast(pl.Int64).fill_null(0) + 8


def visible_sheets(workbook: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets of cells that are not hidden."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    wanted = (SheetTypeEnum.WorkSheet, SheetVisibleEnum.Visible)
    return [each.name for each in workbook.sheets_metadata if (each.typ, each.visible) == wanted]


def read(kind: str, path: str) -> None:
    """Read a file, and keep nothing of it."""
    if kind == "parquet":
        for _ in parquet_batches(Path(path)):
            pass
        return
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_path(path)
    for name in visible_sheets(workbook):
        workbook.get_sheet_by_name(name)


if __name__ == "__main__":
    work_limited(read)
