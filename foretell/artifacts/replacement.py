"""Replace a directory by a finished one, so that a reader sees the old one or the new one.

The new directory is written beside the old one and synced. Then one system call exchanges their
names: `renameat2(RENAME_EXCHANGE)` on Linux, `renamex_np(RENAME_SWAP)` on macOS. Where neither
exists (Windows, some network file systems) two renames are needed, and a crash between them leaves
the old one under a temporary name.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from foretell.errors import ForetellError

_TEMPORARY = ".foretell-new"
_ABANDONED_AFTER_SECONDS = 24 * 3600.0
_PRIVATE = 0o700
_OPEN_FILES = ("/dev/fd/", "/dev/std", "/proc/")
_AT_FDCWD = -100
_SWAP = 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV}


@contextlib.contextmanager
def typed(
    kind: type[ForetellError], expected: str, where: Path | str, fix: str = ""
) -> Iterator[None]:
    """Raise an error of the system in the block as one of foretell's; `found` is what the system
    says.
    """
    try:
        yield
    except OSError as error:
        raise kind(expected, error.strerror or error, where=where, fix=fix) from error


@contextlib.contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """Yield an empty directory beside `target`, and delete it at the end if it is still there.

    Directories that a killed process left there more than a day ago are deleted too.
    """
    make_directories(target.parent)
    _remove_abandoned(target)
    new = target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}{_TEMPORARY}")
    # It gets the permissions of an older one when it takes its place.
    new.mkdir(mode=_PRIVATE if target.exists() else 0o777)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until a file that another library has written is on disk."""
    # Windows syncs only what was opened for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path, name: str = "") -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file written there replaces `path` at the end,
    synced.

    A reader sees the old file or the new one, also if the power fails. An error leaves the old one.
    The temporary name is random if none is given, since two processes may write the same file.

    The new file has the permissions of the old one. A link stays: what it leads to is replaced. To
    a device, a FIFO or an open file of the process (/dev/stdout) the content is written at the end.

    Raises:
        OSError: it cannot be written.
    """
    if _is_stream(path):
        with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
            new = Path(folder) / "new"
            yield new
            with new.open("rb") as content, path.open("wb") as out:
                shutil.copyfileobj(content, out)
        return
    path = path.resolve()
    new = path.with_name(name or f"{_prefix(path)}{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        new.unlink(missing_ok=True)
        if path.exists():
            new.touch(_PRIVATE)
            _keep_mode(new, path)
        yield new
        sync_file(new)
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
    sync_directory(path.parent)


def _is_stream(path: Path) -> bool:
    is_open = str(path.absolute()).startswith(_OPEN_FILES)
    return is_open or (path.exists() and not path.is_file() and not path.is_dir())


def _keep_mode(new: Path, old: Path) -> None:
    new.chmod(stat.S_IMODE(old.stat().st_mode))


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Do the same as `replacing`, with a ForetellError where the file cannot be written."""
    with typed(ForetellError, "a file that can be written", path), replacing(path) as new:
        yield new


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that one process writes, completely or not at all; what a killed process left is
    replaced.

    Raises:
        OSError: it cannot be written; the old file is unchanged.
    """
    with replacing(path, f".{path.name}.tmp") as new:
        new.write_bytes(content)


def make_directories(path: Path) -> None:
    """Make a directory and its parents where they are missing, and wait until their names are on
    disk.
    """
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Wait until the entries of a directory are on disk."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync directories.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def take_place(new: Path, target: Path) -> None:
    """Give `new` the name `target`; a directory that had this name then has the name `new`.

    After an OSError `target` is unchanged.
    """
    if target.exists():
        _keep_mode(new, target)
    try:
        # Succeeds where `target` does not exist or is an empty directory.
        new.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        if not _exchange(new, target):
            _exchange_in_two_steps(new, target)
    # Both are complete on disk by now. If this fails, a power cut may leave either of them under
    # the name.
    with contextlib.suppress(OSError):
        sync_directory(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one system call; return False where the system has none."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    one_name = os.fsencode(one)
    other_name = os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        result = libc.renamex_np(one_name, other_name, _SWAP)
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(_AT_FDCWD, one_name, _AT_FDCWD, other_name, _SWAP)
    else:
        return False
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _exchange_in_two_steps(new: Path, target: Path) -> None:
    aside = new.with_name(f"{new.name}-old")
    target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(new)


def _prefix(target: Path) -> str:
    # Cut, because file systems limit the length of names.
    return f".{target.name[:40]}."


def _remove_abandoned(target: Path) -> None:
    before = time.time() - _ABANDONED_AFTER_SECONDS
    prefix = _prefix(target)
    for path in target.parent.iterdir():
        if path.name.startswith(prefix) and path.name.endswith(_TEMPORARY):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
