"""How workers find each other: all connect to the first one, which then tells each where the next one is."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.errors import ForetellError, LostWorkerError
from foretell.ring.authentication import Purpose, admit, introduce
from foretell.ring.collectives import Ring
from foretell.ring.connections import WAIT_SECONDS, Connection, Message, connect, listening

_LOOK_SECONDS = 0.1
_MAX_HANDSHAKES = 64


@dataclass
class Meeting:
    """The place where workers meet, of the worker with rank 0.

    Args:
        secret: of the run.
        host: the address of this machine on which it listens; other machines reach it there.
        seconds: the longest wait for a worker in the ring.

    Attributes:
        address: host and port that the others connect to.
    """

    secret: bytes
    host: str = "127.0.0.1"
    seconds: float = WAIT_SECONDS
    _server: socket.socket = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._server = listening(self.host)
        self.address: tuple[str, int] = (self.host, self._server.getsockname()[1])

    def wait(
        self, workers: int, within: float, check: Callable[[], None] = lambda: None
    ) -> tuple[Ring, list[Connection]]:
        """Wait until all workers are there, and join the ring.

        Args:
            workers: how many there are, this one included; at least 2.
            within: seconds.
            check: is called several times a second; an exception ends the wait.

        Returns:
            The ring, and the connections to the ranks 1, 2, ….

        Raises:
            LostWorkerError: some are not there in time.
        """
        members: dict[int, Connection] = {}
        try:
            self._admit_all(members, workers, time.monotonic() + within, check)
            with contextlib.closing(listening(self.host)) as server:
                places = [list(server.getsockname()[:2])]
                places += [members[rank].receive(["place"]).values["address"] for rank in range(1, workers)]
                for rank in range(1, workers):
                    address = places[(rank + 1) % workers]
                    members[rank].send(Message("next", {"address": address, "workers": workers}))
                ring = _join(server, 0, workers, places[1], self.secret, self.seconds)
        except BaseException:
            for connection in members.values():
                connection.close()
            raise
        return ring, [members[rank] for rank in range(1, workers)]

    def _admit_all(
        self, members: dict[int, Connection], workers: int, deadline: float, check: Callable[[], None]
    ) -> None:
        with _Door(self._server, self.secret, "control", self.seconds) as door:
            while len(members) < workers - 1:
                check()
                if time.monotonic() >= deadline:
                    found = f"{len(members) + 1} of them"
                    raise LostWorkerError(expected=f"{workers} workers in time", found=found)
                for rank, connection in door.arrived(_LOOK_SECONDS):
                    if 0 < rank < workers and rank not in members:
                        members[rank] = connection
                    else:
                        connection.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.close()


def join(
    address: tuple[str, int],
    secret: bytes,
    rank: int,
    *,
    host: str = "127.0.0.1",
    seconds: float = WAIT_SECONDS,
) -> tuple[Ring, Connection]:
    """Join the ring of a `Meeting`, from another process.

    Args:
        address: of the meeting.
        secret: of the run.
        rank: of this worker, 1 or more.
        host: the address of this machine that the other workers reach.
        seconds: the longest wait for a worker.

    Returns:
        The ring, and the connection to rank 0.

    Raises:
        LostWorkerError: nobody answers, or a worker does not know the secret.
    """
    control = connect(address, "worker 1", seconds)
    try:
        introduce(control, secret, "control", rank)
        with contextlib.closing(listening(host)) as server:
            control.send(Message("place", {"address": list(server.getsockname()[:2])}))
            # The others may still be starting.
            told = control.receive(["next"], patient=True).values
            ring = _join(server, rank, int(told["workers"]), told["address"], secret, seconds)
    except BaseException:
        control.close()
        raise
    return ring, control


def _join(
    server: socket.socket, rank: int, workers: int, address: list[object], secret: bytes, seconds: float
) -> Ring:
    """Connect to the next worker while the previous one connects to this one."""
    found: list[Connection | ForetellError] = []
    previous = (rank - 1) % workers
    thread = threading.Thread(
        target=lambda: found.append(_accepted(server, previous, secret, seconds)), daemon=True
    )
    thread.start()
    following = (rank + 1) % workers
    next_one = connect((str(address[0]), int(str(address[1]))), f"worker {following + 1}", seconds)
    try:
        introduce(next_one, secret, "ring", rank)
        thread.join()
        before = found[0]
        if isinstance(before, ForetellError):
            raise before
    except BaseException:
        next_one.close()
        raise
    return Ring(rank, workers, next_one, before)


def _accepted(server: socket.socket, rank: int, secret: bytes, seconds: float) -> Connection | ForetellError:
    """Return the connection from the worker of a rank, or why there is none."""
    deadline = time.monotonic() + seconds
    with _Door(server, secret, "ring", seconds) as door:
        # Closed: this worker has given up.
        while time.monotonic() < deadline and server.fileno() >= 0:
            for arrived, connection in door.arrived(_LOOK_SECONDS):
                if arrived == rank:
                    return connection
                connection.close()
    return LostWorkerError(expected="the worker before this one", found="none", where=f"worker {rank + 1}")


class _Door:
    """Admits the clients of a server that know the secret, each in a thread: a silent one delays nobody.

    Args:
        server: it listens.
        secret: of the run.
        purpose: what connections to the server are for.
        seconds: the longest wait for a worker later on.
    """

    def __init__(self, server: socket.socket, secret: bytes, purpose: Purpose, seconds: float) -> None:
        self._server, self._secret, self._purpose, self._seconds = server, secret, purpose, seconds
        self._found: queue.SimpleQueue[tuple[int, Connection]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def arrived(self, within: float) -> list[tuple[int, Connection]]:
        """Return the rank and the connection of each client that was admitted, after `within` seconds."""
        self._server.settimeout(within)
        with contextlib.suppress(OSError):
            sock, _ = self._server.accept()
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) >= _MAX_HANDSHAKES:
                sock.close()
            else:
                self._threads.append(threading.Thread(target=self._admit, args=(sock,), daemon=True))
                self._threads[-1].start()
                self._threads[-1].join(within)
        return self._drained()

    def _drained(self) -> list[tuple[int, Connection]]:
        found = []
        while not self._found.empty():
            found.append(self._found.get())
        return found

    def _admit(self, sock: socket.socket) -> None:
        connection = Connection(sock, "a client", self._seconds)
        try:
            rank = admit(connection, self._secret, self._purpose)
        except LostWorkerError:
            connection.close()
            return
        connection.peer = f"worker {rank + 1}"
        self._found.put((rank, connection))

    def __enter__(self) -> _Door:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        for _rank, connection in self._drained():
            connection.close()
