"""Workers that are threads of this process: the same sockets and steps, without Ray."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence

from foretell.errors import LostWorkerError
from foretell.ring.authentication import new_secret
from foretell.ring.collectives import Ring
from foretell.ring.connections import Connection
from foretell.ring.meeting import Meeting
from foretell.training.interrupt import Interrupt
from foretell.training.words.parallel.member import serve

SECONDS = 30.0


class ThreadWorkers:
    """Starts workers as threads.

    Args:
        workers: how many, the first one included.
        average_every: steps between two averages.

    Attributes:
        controls: the connections to the members, to cut them in tests.
        starts: how often a team was started.
    """

    def __init__(self, workers: int, average_every: int = 1) -> None:
        self.workers, self.average_every = workers, average_every
        self.controls: list[Connection] = []
        self.starts = 0
        self._ring: Ring | None = None
        self._threads: list[threading.Thread] = []

    def count(self, streams: int) -> int:
        return min(self.workers, streams)

    def gather(self, count: int, seconds: float, interrupt: Interrupt) -> tuple[Ring, Sequence[Connection]]:
        self.starts += 1
        secret = new_secret()
        with contextlib.closing(Meeting(secret, seconds=SECONDS)) as meeting:
            for rank in range(1, count):
                thread = threading.Thread(target=self._serve, args=(meeting.address, secret, rank))
                self._threads.append(thread)
                thread.start()
            self._ring, self.controls = meeting.wait(count, min(seconds, SECONDS), interrupt.check)
        return self._ring, self.controls

    def _serve(self, address: tuple[str, int], secret: bytes, rank: int) -> None:
        with contextlib.suppress(LostWorkerError):
            serve(address, secret, rank, seconds=SECONDS)

    def end(self) -> str:
        for connection in (*self.controls, *([self._ring] if self._ring else [])):
            connection.close()
        for thread in self._threads:
            thread.join()
        self._threads = []
        return ""
