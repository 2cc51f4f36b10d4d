"""Rings of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from foretell.ring.authentication import new_secret
from foretell.ring.collectives import Ring
from foretell.ring.connections import Connection
from foretell.ring.meeting import Meeting, join

T = TypeVar("T")
SECONDS = 10.0


def in_ring(workers: int, work: Callable[[Ring], T], seconds: float = SECONDS) -> list[T]:
    """Run a function as each worker of a ring, in a thread each, and return the results by rank."""
    results: dict[int, T] = {}
    failures: list[BaseException] = []

    def run(rank: int, found: Callable[[], tuple[Ring, list[Connection]]]) -> None:
        try:
            ring, controls = found()
            try:
                results[rank] = work(ring)
            finally:
                ring.close()
                for control in controls:
                    control.close()
        except BaseException as error:
            failures.append(error)

    secret = new_secret()
    meeting = Meeting(secret, seconds=seconds)

    def joined(rank: int) -> tuple[Ring, list[Connection]]:
        ring, control = join(meeting.address, secret, rank, seconds=seconds)
        return ring, [control]

    def found(rank: int) -> Callable[[], tuple[Ring, list[Connection]]]:
        return (lambda: meeting.wait(workers, seconds)) if rank == 0 else (lambda: joined(rank))

    threads = [threading.Thread(target=run, args=(rank, found(rank))) for rank in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meeting.close()
    if failures:
        raise failures[0]
    return [results[rank] for rank in range(workers)]
