"""Several files that are read as one source: a list of paths, or a pattern such as "data/*.csv"."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from foretell.errors import DataError
from foretell.hub.client import is_address


def several_files(source: object) -> list[str | Path] | None:
    """Return the files of a list, in its order, or those of a pattern, sorted; None: it is neither.

    Strings in a list are texts, unless each of them names a file, a folder or a pattern of files.

    Raises:
        DataError: no file matches a pattern.
    """
    if isinstance(source, str | Path):
        return _matching(str(source))
    if not isinstance(source, list) or not source or not all(map(_is_path, source)):
        return None
    files: list[str | Path] = []
    for each in source:
        files += _matching(str(each)) or [each]
    return files


def _is_path(value: object) -> bool:
    if isinstance(value, Path):
        return True
    return isinstance(value, str) and (is_address(value) or _exists(value) or bool(_files(value)))


def _exists(name: str) -> bool:
    # Path.exists() raises for a text that is too long for a name.
    return os.path.exists(name)  # noqa: PTH110


def _files(pattern: str) -> list[str]:
    # Path.glob() takes no absolute pattern.
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207


def _matching(name: str) -> list[str | Path] | None:
    """Return the sorted files of a pattern; None: it is none, or the name of a file."""
    if not glob.has_magic(name) or is_address(name) or _exists(name):
        return None
    found = _files(str(Path(name).expanduser()))
    if not found:
        raise DataError("files that match the pattern", "none", where=f"{name:.200}")
    return [*found]
