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

    from foretell.data.record_source import RecordSource
    from foretell.errors import DataError

_BATCH = 1024
_SECONDS = 20
_WAIT_TIMES = 6
_OF_NESTED = 16
"""Characters that a list or a group takes the memory of, as an object of Python."""


def tried(kind: str, source: RecordSource, damaged: Callable[[str], DataError]) -> Path:
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


def characters_in(values: pl.Series) -> int:
    """Return how many characters a column has, in lists and groups too.

    Each value counts for one besides, and a list or a group for `_OF_NESTED`.
    """
    import polars as pl

    kind = values.dtype
    if isinstance(kind, pl.List | pl.Array):
        return _OF_NESTED * len(values) + characters_in(values.explode())
    if isinstance(kind, pl.Struct):
        return _OF_NESTED * len(values) + sum(map(characters_in, values.struct.unnest()))
    lengths = None
    if kind == pl.String:
        lengths = values.str.len_bytes()
    elif kind == pl.Binary:
        lengths = values.bin.size()
    elif isinstance(kind, pl.Categorical | pl.Enum):
        lengths = values.cat.len_bytes()
    return len(values) + (0 if lengths is None else int(lengths.cast(pl.UInt64).sum()))


def visible_sheets(workbook: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets of cells that are not hidden."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    wanted = (SheetTypeEnum.WorkSheet, SheetVisibleEnum.Visible)
    return [each.name for each in workbook.sheets_metadata if (each.typ, each.visible) == wanted]


def read(kind: str, path: str) -> None:
    """Read a file, and keep nothing of it."""
    if kind == "parquet":
        for batch in parquet_batches(Path(path)):
            sum(map(characters_in, batch))
        return
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_path(path)
    for name in visible_sheets(workbook):
        workbook.get_sheet_by_name(name)


if __name__ == "__main__":
    work_limited(read)
