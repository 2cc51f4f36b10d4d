"""Buckets through Arrow's file systems. Every failure is an OSError, as that of a local file is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qsl, urlsplit

from foretell.cluster.addresses import name_of

CONNECT_SECONDS = 10.0
"""Seconds to wait for a connection to S3."""
ATTEMPTS = 3
"""Attempts of each request to S3. A shard is tried again besides."""
_COPIED = 1 << 20


@lru_cache(maxsize=32)
def _file_system(scheme: str, bucket: str, options: str) -> Any:
    """Return the file system of a bucket. `bucket` counts, because its region does."""
    from pyarrow import fs

    if scheme != "s3":
        query = f"?{options}" if options else ""
        return fs.FileSystem.from_uri(f"{scheme}://{bucket}/{query}")[0]
    known = {"endpoint_override", "scheme", "region"}
    given = {key: value for key, value in parse_qsl(options) if key in known}
    return fs.S3FileSystem(
        **given,
        connect_timeout=CONNECT_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def _located(address: str) -> tuple[Any, str]:
    """Return the file system of a bucket path, and the path in it."""
    parts = urlsplit(address)
    file_system = _file_system(parts.scheme.lower(), parts.netloc, parts.query)
    # A file system of another scheme may have its own rule for paths; Arrow's have the bucket first.
    return file_system, f"{parts.netloc}{parts.path}".rstrip("/")


@contextmanager
def _as_os_errors(address: str) -> Iterator[None]:
    """Turn Arrow's errors into OSError with one line, which names the bucket path."""
    from pyarrow import ArrowException

    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, ArrowException) as error:
        reason = " ".join(str(error).split())
        raise OSError(
            0, f"the bucket refused or failed ({reason:.300})", address.partition("?")[0]
        ) from error


def stat(address: str) -> tuple[int, str] | None:
    """Return the size of an object and a stamp that changes with it; None: there is none."""
    file_system, path = _located(address)
    from pyarrow.fs import FileType

    with _as_os_errors(address):
        info = file_system.get_file_info(path)
    if info.type != FileType.File:
        return None
    return info.size, str(info.mtime_ns)


def listed(address: str, *, recursive: bool) -> list[tuple[str, int, str]]:
    """Return the path below a folder, the size and the stamp of each object, sorted; [] where none is."""
    from pyarrow.fs import FileSelector, FileType

    file_system, path = _located(address)
    selector = FileSelector(path, recursive=recursive, allow_not_found=True)
    with _as_os_errors(address):
        found = file_system.get_file_info(selector)
    return sorted(
        (info.path[len(path) + 1 :], info.size, str(info.mtime_ns))
        for info in found
        if info.type == FileType.File
    )


def open_object(address: str) -> IO[bytes]:
    """Open an object for reading at any place."""
    file_system, path = _located(address)
    with _as_os_errors(address):
        return cast(IO[bytes], file_system.open_input_file(path))


def read_range(address: str, start: int, stop: int) -> bytes:
    """Return the bytes from `start` to `stop`; fewer where the object ends before."""
    with open_object(address) as stream, _as_os_errors(address):
        stream.seek(start)
        return bytes(stream.read(stop - start))


def put(address: str, content: bytes) -> None:
    """Write an object; a reader sees it whole or not at all."""
    file_system, path = _located(address)
    with _as_os_errors(address), file_system.open_output_stream(path) as stream:
        stream.write(content)


def upload(file: Path, address: str) -> None:
    """Write a file as an object; a reader sees it whole or not at all."""
    file_system, path = _located(address)
    with file.open("rb") as source, _as_os_errors(address), file_system.open_output_stream(path) as stream:
        shutil.copyfileobj(source, stream, _COPIED)


def download(address: str, folder: Path) -> Path:
    """Copy an object into a folder, under its own name."""
    copy = folder / name_of(address)
    with open_object(address) as source, _as_os_errors(address), copy.open("wb") as file:
        shutil.copyfileobj(source, file, _COPIED)
    return copy


def remove(address: str) -> None:
    """Delete an object; nothing happens where there is none."""
    file_system, path = _located(address)
    with _as_os_errors(address):
        try:
            file_system.delete_file(path)
        except FileNotFoundError:
            return
