"""A model directory that travels with a Python object: copied whole, packed to be pickled, gone with it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from foretell.artifacts import manifest
from foretell.artifacts.directory import check_writable, write_files


def pack(path: Path) -> dict[str, bytes]:
    """Return every file of a model directory but run/, verified, name to content.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: as each says.
    """
    entries = manifest.read_manifest(path)
    files = {name: manifest.read_verified(path, name, entry) for name, entry in entries.items()}
    return {**files, manifest.MANIFEST: (path / manifest.MANIFEST).read_bytes()}


def unpack(files: dict[str, bytes], path: str | Path) -> None:
    """Write what `pack` returned as a model directory at `path`, whole or not at all.

    Raises:
        ArtifactError: something foreign is at `path`, or it cannot be written. What was there is still whole.
    """
    check_writable(path)
    write_files(files, path)


class Home:
    """Where a model in memory has its files: a directory that the user named, or a temporary one.

    A temporary directory is deleted with the last reference to its `Home`. Pickled, a `Home` is the files
    themselves, and opens in a temporary directory.

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
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def save(self, path: str | Path) -> None:
        """Copy the model directory to `path`, without run/."""
        unpack(pack(self.path), path)

    def __getstate__(self) -> dict[str, Any]:
        return {"files": pack(self.path)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Home.__init__(self)
        unpack(state["files"], self.path)
