"""The seconds that a training has taken so far, on disk: a resumed one continues with the time that is left.

They are noted every few seconds by a thread of its own, in whatever stage the training is, so that a process
that is killed loses no more.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

from foretell.artifacts.replacement import replace_file
from foretell.errors import RunError

SECONDS_BETWEEN_NOTES = 5.0


class SpentTime:
    """A file with the seconds that a training has taken.

    Args:
        path: the file; it need not exist.
        seconds: returns how many seconds the training has taken.
    """

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        self._path, self._seconds = path, seconds
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self) -> None:
        """Write the seconds.

        Raises:
            RunError: the disk is full.
        """
        with self._writing:
            try:
                replace_file(self._path, json.dumps({"seconds": self._seconds()}).encode())
            except OSError as error:
                raise RunError(
                    expected="a folder that can be written", found=str(error), where=str(self._path.parent)
                ) from error

    def start(self, every: float = SECONDS_BETWEEN_NOTES) -> None:
        """Note the seconds at this interval, until `stop`. What cannot be written waits for the next."""
        self._thread = threading.Thread(target=self._note_on, args=(every,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what `start` began; nothing is written after this returns."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _note_on(self, every: float) -> None:
        while not self._ended.wait(every):
            # A finished run has no folder any more.
            with contextlib.suppress(RunError):
                self.note()


def read_spent_time(path: Path) -> float:
    """Return the seconds that are noted in a file; 0 where none are."""
    try:
        seconds = json.loads(path.read_bytes())["seconds"]
        # Written so that NaN gives 0 too.
        return float(seconds) if 0 <= seconds < float("inf") else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
