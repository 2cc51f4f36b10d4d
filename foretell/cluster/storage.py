"""Files by their address: a path of this machine, or a bucket path such as s3://bucket/folder,
through Arrow.

An address is a string. A bucket path may end with options:
s3://bucket/folder?endpoint_override=HOST:PORT. Every failure is an OSError with one line.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from foretell.artifacts.replacement import make_directories, replacing, typed
from foretell.data.decode import existing
from foretell.data.formats import ENDINGS
from foretell.errors import DataError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_READ = 1 << 18
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://(?P<rest>.*)", re.I | re.S)


@dataclass(frozen=True)
class StoredFile:
    """A file that is there.

    Attributes:
        file: its address.
        size: bytes.
        stamp: changes when the file is written anew: the time of its last change, in nanoseconds.
    """

    file: str
    size: int
    stamp: str


def absolute(address: str | Path) -> str:
    """Return an address that is the same in every process: an absolute path, or the bucket path as
    it is.

    A key in a bucket path is refused, since logs would show it.
    """
    match = _SCHEME.fullmatch(str(address))
    if match is None:
        return str(Path(address).expanduser().absolute())
    if match["scheme"].lower() == "file":
        return str(Path(match["rest"]).absolute())
    if "@" in match["rest"].partition("/")[0]:
        raise UsageError(
            "a bucket path without a key",
            "a key before @",
            fix="give it in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a "
            "profile",
        )
    return str(address)


def is_bucket(address: str) -> bool:
    return _SCHEME.fullmatch(address) is not None


def join(folder: str, *names: str) -> str:
    """Return the address of a file below a folder; the options of a bucket path stay at the end."""
    if not is_bucket(folder):
        return str(Path(folder).joinpath(*names))
    path, mark, options = folder.partition("?")
    return "/".join([path.rstrip("/"), *names]) + mark + options


def name_of(address: str) -> str:
    """Return the last part of an address, for messages and for the ending of a file."""
    path = address.partition("?")[0] if is_bucket(address) else address
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


@lru_cache(maxsize=32)
def _file_system(bucket: str) -> FileSystem:
    """Return Arrow's file system of a bucket, "s3://bucket/?options"."""
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(bucket)[0]


@contextlib.contextmanager
def _located(address: str) -> Iterator[tuple[FileSystem, str]]:
    """Yield the file system of an address and the path in it; Arrow's errors become one line."""
    from pyarrow import ArrowException
    from pyarrow.fs import LocalFileSystem

    try:
        if not is_bucket(address):
            yield LocalFileSystem(), address
            return
        parts = urlsplit(address)
        yield (
            _file_system(parts._replace(path="/").geturl()),
            f"{parts.netloc}{parts.path}".rstrip("/"),
        )
    except (OSError, ArrowException) as error:
        code: int = getattr(error, "errno", None) or 0
        reason = f"the bucket refused or failed ({' '.join(str(error).split()):.300})"
        # With its number, OSError is FileNotFoundError and the like.
        raise OSError(
            code, os.strerror(code) if code else reason, address.partition("?")[0]
        ) from error


def find(address: str) -> StoredFile | None:
    """Return the file at an address; None: there is none, or something else."""
    with _located(address) as (file_system, path):
        info = file_system.get_file_info(path)
    return StoredFile(address, info.size, str(info.mtime_ns)) if info.is_file else None


def files_below(folder: str, *, recursive: bool = True) -> list[StoredFile]:
    """Return the files below a folder, sorted by their path; [] where there is no folder."""
    from pyarrow.fs import FileSelector

    with _located(folder) as (file_system, path):
        infos = file_system.get_file_info(
            FileSelector(path, recursive=recursive, allow_not_found=True)
        )
    files = [each for each in sorted(infos, key=lambda info: info.path) if each.is_file]
    return [
        StoredFile(join(folder, x.path[len(path) + 1 :]), x.size, str(x.mtime_ns)) for x in files
    ]


def open_file(address: str) -> io.BufferedReader:
    """Open a file for reading at any place, and by lines, which end at newlines alone."""
    with _located(address) as (file_system, path):
        return io.BufferedReader(cast(io.RawIOBase, file_system.open_input_file(path)), _READ)


def read_range(address: str, start: int, stop: int | None = None) -> bytes:
    """Return the bytes from `start` to `stop` or to the end; fewer where the file ends before."""
    with _located(address), open_file(address) as stream:
        stream.seek(start)
        return stream.read() if stop is None else stream.read(stop - start)


def put(address: str, content: bytes) -> None:
    """Write a small file: a reader sees the old one, the new one, or none; never a part."""
    with new_file(address) as path:
        path.write_bytes(content)


def remove(address: str) -> None:
    """Delete a file; nothing happens where there is none."""
    with contextlib.suppress(FileNotFoundError), _located(address) as (file_system, path):
        file_system.delete_file(path)


@contextlib.contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """Yield a path of this machine with the content of a file: the file itself, or a temporary
    copy.
    """
    if not is_bucket(address):
        yield Path(address)
        return
    from pyarrow.fs import LocalFileSystem, copy_files

    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        copy = Path(folder) / name_of(address)
        with _located(address) as (file_system, path):
            copy_files(path, str(copy), file_system, LocalFileSystem())
        yield copy


@contextlib.contextmanager
def new_file(address: str) -> Iterator[Path]:
    """Yield a path to write what becomes the file at `address`: by a rename, or as one object of a
    bucket.

    After an error it is deleted, and `address` is as before.
    """
    if not is_bucket(address):
        make_directories(Path(address).parent)
        with replacing(Path(address)) as path:
            yield path
        return
    from pyarrow.fs import LocalFileSystem, copy_files

    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        path = Path(folder) / name_of(address)
        yield path
        with _located(address) as (file_system, key):
            copy_files(str(path), key, LocalFileSystem(), file_system)


def input_files(sources: Sequence[str | Path]) -> list[StoredFile]:
    """Return the files that the sources name; those of a folder or glob are sorted by path.

    A file without content holds no record and is left out. Of a folder, files with an ending of
    `ENDINGS` are read, at any depth; those whose name, or whose folder's name, begins with "." or
    "_" are not.
    """
    if not sources or "-" in map(str, sources):
        found = "standard input (-)" if sources else "none"
        raise UsageError(
            "files, folders or bucket paths that every worker can read", found, fix="name a file"
        )
    files: dict[str, StoredFile] = {}
    for source in sources:
        address = absolute(source)
        fix = "check the address, its permissions and the key"
        with typed(DataError, "files that can be read", address, fix):
            for each in _files_of(address):
                if each.file in files:
                    raise DataError("each file once", "one named twice", where=each.file)
                files[each.file] = each
    filled = [each for each in files.values() if each.size]
    if not filled:
        raise DataError("files with records", "only empty ones", where=sources[0])
    return filled


def _files_of(address: str) -> list[StoredFile]:
    if (stored := find(address)) is not None:
        return [stored]
    is_glob = not is_bucket(address) and glob.has_magic(address) and not Path(address).is_dir()
    if is_glob:
        matches = sorted(glob.glob(address, recursive=True))  # noqa: PTH207 - of any root
        found = [each for match in matches if (each := find(match)) is not None]
    else:
        folder = address.partition("?")[0] if is_bucket(address) else str(existing(address))
        found = [each for each in files_below(address) if _is_read(each.file[len(folder) :])]
    if not found:
        expected = (
            "a file that matches" if is_glob else "files with records (.csv, .jsonl, .parquet, …)"
        )
        raise DataError(expected, "none", where=address, fix="check the address")
    return found


def _is_read(path: str) -> bool:
    path = path.partition("?")[0].replace("\\", "/").strip("/")
    name = name_of(path).lower().removesuffix(".gz").removesuffix(".bz2")
    return name.endswith(ENDINGS) and not any(
        part.startswith((".", "_")) for part in path.split("/")
    )
