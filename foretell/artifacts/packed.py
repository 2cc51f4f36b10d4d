"""The model directory of a Python object: copied, pickled and deleted with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from foretell.artifacts import manifest
from foretell.artifacts.directory import check_writable, write_files


def pack(path: Path) -> dict[str, bytes]:
    """Return the verified files of a model directory without run/, name to content.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: see each class.
    """

    def read(listed: manifest.Manifest) -> dict[str, bytes]:
        files = {name: manifest.read_verified(path, name, entry) for name, entry in listed.entries.items()}
        return {**files, manifest.MANIFEST: listed.content}

    return manifest.read_consistently(path, read)


def unpack(files: dict[str, bytes], path: str | Path) -> None:
    """Write the files of `pack` as a model directory at `path`, completely or not at all.

    Raises:
        ArtifactError: `path` is not a model directory, or cannot be written; it is unchanged.
    """
    check_writable(path)
    write_files(files, path)


class Home:
    """The model directory of a model in memory: one that the user named, or a temporary one.

    A temporary directory is deleted with the last reference to its `Home` in the process that made it; a
    forked child does not delete it. Pickled, a `Home` contains the files, and opens in a temporary directory.

    Attributes:
        path: the model directory.
    """

    path: Path

    def __init__(self, path: str | Path | None = None) -> None:
        if path is not None:
            self.path = Path(path)
            return
        folder = tempfile.mkdtemp(prefix="foretell-")
        self.path = Path(folder) / "model"
        weakref.finalize(self, _delete, folder, os.getpid())

    def save(self, path: str | Path) -> None:
        """Copy the model directory to `path`, without run/."""
        unpack(pack(self.path), path)

    def __getstate__(self) -> dict[str, dict[str, bytes]]:
        return {"files": pack(self.path)}

    def __setstate__(self, state: dict[str, dict[str, bytes]]) -> None:
        Home.__init__(self)
        unpack(state["files"], self.path)


def _delete(folder: str, pid: int) -> None:
    # A forked child has the object, too, and ends while its parent still uses the files.
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
