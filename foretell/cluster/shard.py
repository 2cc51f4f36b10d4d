"""A shard: a part of a file that one worker reads at a time, and how it is opened. Ray carries
these descriptions, never rows.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from foretell.cluster.storage import StoredFile, local_copy, name_of
from foretell.data.columns import Columns
from foretell.data.record_source import RecordSource
from foretell.data.records import ReadOptions, Record
from foretell.data.tables import Csv
from foretell.errors import DataError

_NO_COLUMNS = Columns((), None)

Row = tuple[Record, str]
"""A record, and why it could not be read: "" where it was."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A part of a file.

    Attributes:
        ordinal: place in the order of the whole input, from 0.
        file: as it was when the run was planned.
        start, stop: the bytes of the shard, of Parquet the rows, the second not included.
        format: name of the format (`foretell.data.formats.FORMATS`).
        is_whole: whether the file is read as one, since it cannot be divided.
        columns: which are read, if the format has any.
        csv, encoding: how a CSV file is read that is divided.
    """

    ordinal: int
    file: StoredFile
    start: int
    stop: int
    format: str
    is_whole: bool
    columns: Columns = _NO_COLUMNS
    csv: Csv | None = None
    encoding: str = ""

    @property
    def name(self) -> str:
        """The file and the part of it, for messages."""
        short = name_of(self.file.file)
        if self.is_whole:
            return short
        if self.format == "parquet":
            return f"{short}, rows {self.start + 1:,} to {self.stop:,}"
        return f"{short}, bytes {self.start:,} to {self.stop:,}"

    def divided(self, cuts: Iterable[int]) -> list[Shard]:
        """Return the parts between the places of `cuts`, in order."""
        ends = itertools.pairwise([self.start, *cuts, self.stop])
        return [replace(self, start=start, stop=stop) for start, stop in ends if start < stop]


@contextlib.contextmanager
def opened(
    file: str, content: bytes | None, options: ReadOptions, name: str = ""
) -> Iterator[RecordSource]:
    """Yield a part of a file as a source of this name; None: the whole file."""
    with contextlib.ExitStack() as stack:
        if content is None:
            path = stack.enter_context(local_copy(file))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="foretell-"))
            path = Path(folder) / f"part{''.join(Path(name_of(file)).suffixes[-2:])}"
            path.write_bytes(content)
        source = stack.enter_context(RecordSource(path, options, []))
        source.name = source.short = name or name_of(file)
        yield source


def opened_shard(shard: Shard, content: bytes | None) -> AbstractContextManager[RecordSource]:
    """Open a shard, or its bytes, as a source with its columns."""
    options = ReadOptions(text=shard.columns.text, label=shard.columns.label)
    return opened(shard.file.file, content, options, shard.name)


def tried(read: Callable[..., Record], *given: object) -> Row:
    """Return the record that a call reads; an error is the reason why there is none."""
    try:
        return read(*given), ""
    except ValueError as error:
        return Record(""), str(error)


def decoded(content: bytes, encoding: str, where: str) -> str:
    """Decode the bytes of a cell or a line; DataError: they are not in this encoding."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"text in {encoding}",
            f"the byte 0x{content[error.start]:02x}, which cannot be decoded",
            where=where,
        ) from error
