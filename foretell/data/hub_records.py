"""Records of a data set on the Hugging Face Hub, from the files of one split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foretell.data.decode import note
from foretell.data.formats import Format, format_of
from foretell.data.options import Part, ReadOptions
from foretell.data.records import Record
from foretell.data.source import Source
from foretell.hf.datasets import DatasetFiles, fetch_dataset, parse_dataset


def hub_records(
    address: str, options: ReadOptions, notes: list[str], chosen: Format | None = None
) -> Iterator[Record]:
    """Read the records of a split; it is downloaded first.

    Args:
        address: `hf://owner/name[@revision][#[configuration/]split]`.
        options: `part` says which split, where the address names none.
        notes: the address with its commit hash is added.
        chosen: the format of the files; None: by their names.

    Raises:
        UsageError, MissingExtraError, HubError, DataError: see `fetch_dataset` and the readers.
    """
    files = fetch(address, options.part, notes)
    return read_files(files, options, notes, chosen)


def fetch(address: str, part: Part | None, notes: list[str]) -> DatasetFiles:
    """Return the files of a split; a note has the commit hash."""
    files = fetch_dataset(parse_dataset(address), part)
    note(notes, f"data set: {files.address} ({_size(files.paths)})")
    return files


def read_files(
    files: DatasetFiles, options: ReadOptions, notes: list[str], chosen: Format | None = None
) -> Iterator[Record]:
    """Yield the records of files, in their order."""
    for path in files.paths:
        with Source(path, options, notes) as source:
            # The files of a split are one source for the user.
            source.name = source.short = str(files.address)
            yield from (chosen or format_of(source)).read(source)


def _size(paths: Sequence[Path]) -> str:
    return f"{sum(path.stat().st_size for path in paths) / 1e6:,.1f} MB"
