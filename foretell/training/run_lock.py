"""The lock of a run: one process at a time trains for a model directory.

It is a file beside the run's folder, so that it is held while the folder is deleted and made anew.
"""

from __future__ import annotations

import contextlib
import os
from os.path import samestat
from pathlib import Path
from typing import IO

from foretell.artifacts.replacement import typed
from foretell.errors import RunError


class RunLock:
    """Holds the lock of the run in `folder` until `close`, or until the process ends.

    Args:
        folder: the run's folder, which need not exist; its parent must.

    Raises:
        RunError: another process holds it, or the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.with_name(f".{folder.name}.lock")
        is_held = False
        while not is_held:
            with typed(RunError, "a folder that can be written", folder.parent):
                self._file = self.path.open("a", encoding="utf-8")
            if not lock(self._file):
                self._file.close()
                raise RunError(
                    "one training at a time",
                    "another process that trains there",
                    where=folder,
                    fix="wait for it, or choose another out",
                )
            # Another process may have deleted the file since it was opened: its lock is worth
            # nothing.
            with contextlib.suppress(FileNotFoundError):
                is_held = os.name == "nt" or samestat(
                    os.fstat(self._file.fileno()), self.path.stat()
                )
            if not is_held:
                self._file.close()

    def close(self) -> None:
        """Release the lock. Calling it again does nothing."""
        if not self._file.closed:
            # Before it is released: the file is deleted by whoever holds it, and by no one else.
            self.path.unlink(missing_ok=True)
            self._file.close()


def lock(file: IO[str] | IO[bytes]) -> bool:
    """Lock an open file until it is closed; return False where another process has locked it.

    On Windows, which has no `flock`, nothing is locked: nothing guards against two trainings in one
    folder.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
