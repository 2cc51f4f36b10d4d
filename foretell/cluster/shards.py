"""Shards: parts of files that one worker reads at a time. Ray carries these descriptions, never rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from foretell.cluster import storage
from foretell.cluster.addresses import name_of
from foretell.cluster.csv_cuts import csv_cuts
from foretell.cluster.layouts import Layout, layout_of
from foretell.cluster.storage import StoredFile
from foretell.data.records import ReadOptions
from foretell.errors import DataError

MAX_BYTES = 8 << 20
"""Bytes of a shard where the input is of ordinary size: a worker has them in memory."""
MIN_BYTES = 1 << 18
_SHARDS = 64
"""Shards that a small input is divided into, at most, where they keep `MIN_BYTES`."""
_MAX_SHARDS = 10_000
"""A larger input gets larger shards instead of more of them."""
_SEEN = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file, size, stamp: the file as it was when the run was planned (`storage.StoredFile`).
        start, stop: the bytes of the shard; of Parquet those of its row groups.
        format: name of the format (`foretell.data.formats.FORMATS`).
        head: bytes at the beginning of the file that hold the names of the columns and are read before the
            range; 0: none.
        row_groups: first row group, and the one after the last; None: not Parquet.
        is_whole: whether the file is read as one, since its format cannot be divided.
        text, label: the names of the columns; None: the format has none.
    """

    ordinal: int
    file: str
    size: int
    stamp: str
    start: int
    stop: int
    format: str
    head: int = 0
    row_groups: tuple[int, int] | None = None
    is_whole: bool = False
    text: str | None = None
    label: str | None = None

    @property
    def name(self) -> str:
        """The file and the bytes, for messages."""
        short = name_of(self.file)
        return short if self.is_whole else f"{short}, bytes {self.start:,} to {self.stop:,}"

    def to_dict(self) -> dict[str, Any]:
        """Return the shard as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Shard:
        """Return the shard of `to_dict`."""
        groups = values.get("row_groups")
        return cls(**{**values, "row_groups": None if groups is None else tuple(groups)})


def plan(
    files: Sequence[StoredFile], options: ReadOptions, format: str | None, shard_bytes: int | None
) -> tuple[list[Shard], list[Layout]]:
    """Divide files into shards.

    The bytes of each range are exact: a shard begins and ends between two records. Of CSV every byte is read
    for that, of other formats a few at each cut.

    Args:
        files: the input, in order.
        options: the columns that the caller named, and whether labels are needed.
        format: the format of every file; None: by its name or its content.
        shard_bytes: bytes of a shard; None: 8 MiB, less for small inputs and more for very large ones.

    Returns:
        The shards in the order of the input, and the layout of each file.

    Raises:
        DataError: a file that cannot be read, or whose columns are not clear.
    """
    size = shard_bytes or _default_bytes(sum(each.size for each in files))
    shards: list[Shard] = []
    layouts = []
    for file in files:
        try:
            layout = layout_of(file, options, format)
            shards += _shards_of(file, layout, size, len(shards))
        except OSError as error:
            raise DataError(
                expected="a file that can be read", found=error.strerror or str(error), where=file.address
            ) from error
        layouts.append(layout)
    return shards, layouts


def _default_bytes(total: int) -> int:
    small = max(MIN_BYTES, min(MAX_BYTES, total // _SHARDS))
    return max(small, -(-total // _MAX_SHARDS))


def _shards_of(file: StoredFile, layout: Layout, size: int, first: int) -> Iterator[Shard]:
    whole = Shard(
        ordinal=first,
        file=file.address,
        size=file.size,
        stamp=file.stamp,
        start=0,
        stop=file.size,
        format=layout.format,
        is_whole=layout.cut == "whole",
        text=layout.text,
        label=layout.label,
    )
    if layout.cut == "whole":
        yield whole
    elif layout.cut == "row groups":
        yield from _row_group_shards(whole, layout, size)
    else:
        cuts = _line_cuts(file, size) if layout.cut == "lines" else csv_cuts(file, layout.delimiter, size)
        yield from _ranges(whole, [layout.head, *(cut for cut in cuts if cut > layout.head)], layout.head)


def _ranges(whole: Shard, starts: list[int], head: int) -> Iterator[Shard]:
    stops = [*starts[1:], whole.size]
    ranges = [(start, stop) for start, stop in zip(starts, stops, strict=True) if stop > start]
    for number, (start, stop) in enumerate(ranges):
        yield replace(whole, ordinal=whole.ordinal + number, start=start, stop=stop, head=head)


def _line_cuts(file: StoredFile, size: int) -> Iterator[int]:
    """Yield the places after the line end that follows each multiple of `size`."""
    with storage.open_file(file.address) as stream:
        at = size
        while at < file.size:
            stream.seek(at - 1)
            passed = at - 1
            while chunk := stream.read(_SEEN):
                place = chunk.find(b"\n")
                if place >= 0:
                    passed += place + 1
                    break
                passed += len(chunk)
            if passed < file.size:
                yield passed
            at = passed + size


def _row_group_shards(whole: Shard, layout: Layout, size: int) -> Iterator[Shard]:
    first, n = 0, len(layout.row_groups)
    ordinal = whole.ordinal
    while first < n:
        last = first + 1
        while last < n and layout.row_groups[last].stop - layout.row_groups[first].start <= size:
            last += 1
        yield replace(
            whole,
            ordinal=ordinal,
            start=layout.row_groups[first].start,
            stop=layout.row_groups[last - 1].stop,
            row_groups=(first, last),
        )
        ordinal, first = ordinal + 1, last
