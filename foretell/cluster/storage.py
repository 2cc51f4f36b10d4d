"""Files and objects by their address: one set of functions for this machine's paths and for buckets."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from foretell.artifacts.replacement import make_directories, replace_file, sync_directory, sync_file
from foretell.cluster import buckets
from foretell.cluster.addresses import is_bucket, join, name_of


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is there.

    Attributes:
        address: where.
        size: bytes.
        stamp: changes when the file is written anew: the time of its last change, in nanoseconds.
    """

    address: str
    size: int
    stamp: str


def find(address: str) -> StoredFile | None:
    """Return the file at an address; None: there is none, or a folder.

    Raises:
        OSError: it cannot be looked up.
    """
    if is_bucket(address):
        found = buckets.stat(address)
        return None if found is None else StoredFile(address, *found)
    try:
        status = Path(address).stat()
    except FileNotFoundError:
        return None
    if not Path(address).is_file():
        return None
    return StoredFile(address, status.st_size, str(status.st_mtime_ns))


def files_below(folder: str, *, recursive: bool = True) -> list[StoredFile]:
    """Return the files below a folder, sorted by their path; [] where there is no folder.

    Raises:
        OSError: the folder cannot be listed.
    """
    if is_bucket(folder):
        found = buckets.listed(folder, recursive=recursive)
        return [StoredFile(join(folder, path), size, stamp) for path, size, stamp in found]
    root = Path(folder)
    paths = sorted(root.rglob("*") if recursive else root.iterdir()) if root.is_dir() else []
    stored = (find(str(path)) for path in paths)
    return [each for each in stored if each is not None]


def open_file(address: str) -> IO[bytes]:
    """Open a file for reading at any place."""
    return buckets.open_object(address) if is_bucket(address) else Path(address).open("rb")


def read_range(address: str, start: int, stop: int) -> bytes:
    """Return the bytes from `start` to `stop`; fewer where the file ends before."""
    if is_bucket(address):
        return buckets.read_range(address, start, stop)
    with Path(address).open("rb") as stream:
        stream.seek(start)
        return stream.read(stop - start)


def read_whole(address: str) -> bytes | None:
    """Return the content of a small file; None: there is none."""
    try:
        with open_file(address) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None


def put(address: str, content: bytes) -> None:
    """Write a small file: a reader sees the old one, the new one, or none; never a part."""
    if is_bucket(address):
        buckets.put(address, content)
        return
    path = Path(address)
    make_directories(path.parent)
    replace_file(path, content)


def remove(address: str) -> None:
    """Delete a file; nothing happens where there is none."""
    if is_bucket(address):
        buckets.remove(address)
    else:
        Path(address).unlink(missing_ok=True)


@contextlib.contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """Yield a path of this machine with the content of a file: the file itself, or a temporary copy."""
    if not is_bucket(address):
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        yield buckets.download(address, Path(folder))


@contextlib.contextmanager
def scratch(address: str) -> Iterator[Path]:
    """Yield the path of a new file for what will become `address`; it is deleted at the end.

    Beside `address` where that is a path, so that `commit` only renames it.
    """
    if is_bucket(address):
        with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
            yield Path(folder) / name_of(address)
        return
    path = Path(address)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def commit(temporary: Path, address: str) -> None:
    """Give a finished file its address: synced, then renamed; or uploaded as one object."""
    if is_bucket(address):
        buckets.upload(temporary, address)
        return
    sync_file(temporary)
    temporary.replace(address)
    sync_directory(Path(address).parent)
