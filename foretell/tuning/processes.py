"""Workers as processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from foretell.errors import UsageError
from foretell.machine import usable_processors

Message = dict[str, Any]
Inbox = queue.SimpleQueue[tuple["Worker", Message | None]]
"""What workers send, with the worker; None: the worker has ended."""

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
_STOP_SECONDS = 5.0


class Worker(Protocol):
    """A process that trains trials, wherever it runs."""

    name: str

    def send(self, message: Message) -> None:
        """Send it a message."""

    def stop(self) -> None:
        """End it at once."""


class Workers(Protocol):
    """Starts workers."""

    count: int

    def start(self, place: int, inbox: Inbox) -> Worker:
        """Start the worker of a place, from 0 to below `count`; what it sends arrives in `inbox`."""


class ProcessWorkers:
    """Starts workers as processes, each on processors of its own.

    Args:
        count: workers at a time; None: half as many as there are processors, at least one.
        data: the folder with the data.
        log: the file for what the libraries of the workers print.
        vectors: a file of word vectors, or "glove"; None: no vectors.

    Raises:
        UsageError: `count` is below 1 or above the number of processors.
    """

    def __init__(self, count: int | None, data: Path, log: Path, vectors: str | None = None) -> None:
        self.count = checked_count(count, usable_processors())
        self._data, self._log, self._vectors = data, log, vectors

    def start(self, place: int, inbox: Inbox) -> Worker:
        """Start a worker on its share of the processors."""
        each = usable_processors() // self.count
        numbers: Sequence[int] = ()
        if hasattr(os, "sched_getaffinity"):
            numbers = sorted(os.sched_getaffinity(0))[place * each : (place + 1) * each]
        options = ["--processors", ",".join(map(str, numbers))] if numbers else []
        options += [] if self._vectors is None else ["--vectors", self._vectors]
        with self._log.open("ab") as log:
            process = start_process(self._data, options, each, log)
        return _Process(f"worker {place + 1}", process, inbox)


def checked_count(count: int | None, processors: int) -> int:
    """Return the number of workers; None: half as many as there are processors, at least one.

    Raises:
        UsageError: it is below 1, or above `processors`.
    """
    if count is None:
        return max(1, processors // 2)
    if not 1 <= count <= processors:
        raise UsageError(
            expected=f"1 to {processors} (a processor or more for each)", found=str(count), where="workers"
        )
    return count


def start_process(
    data: Path, options: Sequence[str], threads: int, log: IO[bytes] | int
) -> subprocess.Popen[str]:
    """Start a worker's process, in a session of its own: Ctrl-C reaches the driver alone."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(_THREADS, str(threads))}
    return subprocess.Popen(
        [sys.executable, "-m", "foretell.tuning.worker", str(data), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env=environment,
        start_new_session=True,
    )


class _Process:
    """A worker in a process of this machine."""

    def __init__(self, name: str, process: subprocess.Popen[str], inbox: Inbox) -> None:
        self.name = name
        self._process, self._inbox = process, inbox
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Send it a message; to a process that has ended, nothing."""
        assert self._process.stdin is not None
        # ValueError: the pipe was closed by `stop`.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """Kill it: nothing of a trial is worth waiting for."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self._thread.join(_STOP_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # Of a process that was killed the last line may be incomplete.
            if line.endswith("\n"):
                self._inbox.put((self, json.loads(line)))
        self._inbox.put((self, None))
