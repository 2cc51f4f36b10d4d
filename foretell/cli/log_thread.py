"""The log of a service on stderr, one JSON object a line: a slow reader does not delay requests."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING

from foretell.service.events import log

if TYPE_CHECKING:
    from prometheus_client import Counter

    from foretell.service.logs import ServiceMetrics

MAX_LINES = 1_000
"""Lines that wait to be written; what is logged while so many wait is dropped, and counted."""

FLUSH_SECONDS = 1.0
"""Seconds at the end of the process in which lines that wait are written."""


class LogThread(logging.Handler):
    """Writes records as lines from a thread of its own.

    Nobody waits for whoever should read them: while too many lines wait, further ones are dropped
    and counted, and a line says how many once it can be written.

    Args:
        file: the file descriptor to write to.
        dropped: the metric that counts dropped lines.
    """

    def __init__(self, file: int, dropped: Counter) -> None:
        super().__init__()
        self._file = file
        self._dropped = dropped
        self._n_dropped = 0
        self._lines: queue.Queue[str] = queue.Queue(MAX_LINES)
        # A daemon: at its end the process does not wait for a write that nobody reads.
        threading.Thread(target=self._run, name="foretell-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """logging: let a record be written."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._n_dropped += 1
            self._dropped.inc()

    def flush(self) -> None:
        """logging: at the end of the process, wait a moment for the lines that wait."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run(self) -> None:
        """Write lines, and how many were dropped."""
        n_told = 0
        while True:
            self._write(f"{self._lines.get()}\n".encode("ascii"))
            n_dropped = self._n_dropped
            if n_dropped > n_told and self._lines.empty():
                log("log_lines_dropped", logging.WARNING, lines=n_dropped - n_told)
                n_told = n_dropped
            self._lines.task_done()

    def _write(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._file, line) :]
            except OSError:
                # The reader has ended, or another program has made their terminal non-blocking.
                self._dropped.inc()
                return


def log_to_stderr(metrics: ServiceMetrics, *, quiet: bool) -> None:
    """Send the records of the service, uvicorn and asyncio to stderr as JSON lines; `quiet`: only
    failures.
    """
    # Imported late: `foretell serve --help` works without the packages of the service.
    from foretell.service.logs import JsonLines

    # Not sys.stderr: the thread may hold its lock for ever, and the end of Python waits for it.
    handler = LogThread(2, metrics.dropped)
    handler.setFormatter(JsonLines())
    for name, level in (
        ("foretell.service", logging.WARNING if quiet else logging.INFO),
        ("uvicorn.error", logging.ERROR),
        ("asyncio", logging.ERROR),
    ):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)
