"""Sums, exchanges and copies of arrays among all workers of a ring.

Each worker sends to the next one and receives from the one before. A sum is a reduce-scatter and an
all-gather (Patarasuk & Yuan 2009): with N workers each sends 2(N−1)/N times the vector, the least possible.
Every worker gets the same bits, since each part is added up once and then copied.
"""

from __future__ import annotations

import itertools
import selectors
import struct
import time

import numpy as np

from foretell.arrays import Array, Float32s, Integers
from foretell.ring.connections import MAX_ARRAYS, Connection
from foretell.ring.sealing import TAG_BYTES, bytes_of

_FRAME = struct.Struct("!QQ")
_CHUNK = 1 << 20


class Ring:
    """The two neighbours of one worker.

    Args:
        rank: of this worker, from 0.
        workers: how many there are, at least 2.
        next: connection to the worker of rank + 1.
        previous: connection from the worker of rank − 1.
    """

    def __init__(self, rank: int, workers: int, next: Connection, previous: Connection) -> None:
        self.rank, self.workers = rank, workers
        self._next, self._previous = next, previous
        self._number = 0

    @property
    def sent_bytes(self) -> int:
        """Return how many bytes this worker has sent to the next one."""
        return self._next.sent_bytes

    def sum(self, vector: Float32s) -> None:
        """Replace a vector by its sum over all workers, which all give the same length.

        Raises:
            LostWorkerError: a neighbour is gone, stuck, or gives another length.
        """
        count = self.workers
        bounds = [len(vector) * k // count for k in range(count + 1)]
        parts = [vector[start:stop] for start, stop in itertools.pairwise(bounds)]
        space = np.empty(max(map(len, parts)), np.float32)
        for step in range(count - 1):
            mine = parts[(self.rank - step - 1) % count]
            received = space[: len(mine)]
            self._exchange(parts[(self.rank - step) % count], received)
            mine += received
        for step in range(count - 1):
            self._exchange(parts[(self.rank + 1 - step) % count], parts[(self.rank - step) % count])

    def gather_rows(self, rows: Integers, values: Float32s) -> tuple[Integers, Float32s]:
        """Return the rows of all workers, in the order of their ranks.

        Args:
            rows: int32 [row], which rows of a matrix this worker has.
            values: float32 [row, column], their values.

        Returns:
            rows and values of all workers, one after another; a row may be there several times.

        Raises:
            LostWorkerError: a neighbour is gone or stuck, or sends something else.
        """
        width = 4 + 4 * values.shape[1]
        own = np.frombuffer(rows.astype("<i4").tobytes() + values.astype("<f4").tobytes(), np.uint8)
        blocks = {self.rank: own}
        for step in range(self.workers - 1):
            sent = blocks[(self.rank - step) % self.workers]
            received = self._exchange(sent, None)
            if len(received) % width:
                raise self._previous.lost("rows of another width")
            blocks[(self.rank - step - 1) % self.workers] = received
        ids, all_values = [], []
        for rank in range(self.workers):
            block, count = blocks[rank], len(blocks[rank]) // width
            ids.append(block[: 4 * count].view("<i4"))
            all_values.append(block[4 * count :].view("<f4").reshape(count, values.shape[1]))
        return np.concatenate(ids), np.concatenate(all_values)

    def copy_from_first(self, vector: Float32s) -> None:
        """Replace a vector by that of rank 0, which all have in the same length.

        Raises:
            LostWorkerError: a neighbour is gone or stuck.
        """
        if not vector.size:
            return
        view = vector.data.cast("B")
        for start in range(0, len(view), _CHUNK):
            piece = view[start : start + _CHUNK]
            if self.rank > 0:
                self._previous.read_sealed(piece)
            if self.rank < self.workers - 1:
                self._next.write(self._next.sealed(piece))

    def close(self) -> None:
        """Close both connections."""
        self._next.close()
        self._previous.close()

    def _exchange(self, out: Array, into: Array | None) -> Array:
        """Send an array to the next worker while one of the previous arrives.

        Both at once: where all workers only sent, the buffers would fill and nobody would read.

        Args:
            out: what is sent.
            into: where the other arrives, with its length; None: any length.

        Returns:
            what has arrived: `into`, or uint8 [byte].
        """
        self._number += 1
        frame = _FRAME.pack(self._number, out.nbytes)
        outgoing = _Outgoing(frame, self._next.sealed(bytes_of(out), frame))
        incoming = _Incoming(self._previous, self._number, into)
        # Usually the buffers of the system take all of it at once.
        with selectors.DefaultSelector() as selector:
            selector.register(self._next.socket, selectors.EVENT_WRITE, outgoing)
            selector.register(self._previous.socket, selectors.EVENT_READ, incoming)
            last = time.monotonic()
            while selector.get_map():
                ready = selector.select(self._next.seconds)
                if ready:
                    last = time.monotonic()
                elif time.monotonic() - last >= self._next.seconds:
                    waiting = self._next if incoming.is_done else self._previous
                    raise waiting.lost(TimeoutError())
                for key, _ in ready:
                    step: _Outgoing | _Incoming = key.data
                    if step.advance(self._next if step is outgoing else self._previous):
                        selector.unregister(key.fileobj)
        return incoming.array


class _Outgoing:
    """Bytes that are sent."""

    def __init__(self, *pieces: bytes | bytearray) -> None:
        self._pieces = [memoryview(piece) for piece in pieces]

    def advance(self, connection: Connection) -> bool:
        """Send what the system takes, and return whether that was all."""
        try:
            count = connection.socket.send(self._pieces[0])
        except OSError as error:
            raise connection.lost(error) from error
        connection.sent_bytes += count
        self._pieces[0] = self._pieces[0][count:]
        if not self._pieces[0]:
            self._pieces.pop(0)
        return not self._pieces


class _Incoming:
    """A frame that arrives."""

    def __init__(self, connection: Connection, number: int, into: Array | None) -> None:
        self._connection, self._number, self._into = connection, number, into
        self._frame, self._sealed = bytearray(_FRAME.size), bytearray()
        self._view = memoryview(self._frame)
        self._has_frame = self.is_done = False
        self.array: Array = np.empty(0, np.uint8)

    def advance(self, connection: Connection) -> bool:
        """Receive what is there, and return whether the frame is complete."""
        try:
            count = connection.socket.recv_into(self._view)
        except OSError as error:
            raise connection.lost(error) from error
        if not count:
            raise connection.lost("a closed connection")
        self._view = self._view[count:]
        if not self._view and not self._has_frame:
            self._begin()
        if not self._view:
            self._connection.opened(self._sealed, bytes_of(self.array), bytes(self._frame))
            self.is_done = True
        return self.is_done

    def _begin(self) -> None:
        """Make room for what the frame announces."""
        self._has_frame = True
        number, length = _FRAME.unpack(self._frame)
        wanted = None if self._into is None else self._into.nbytes
        if number != self._number or length > MAX_ARRAYS or (wanted is not None and length != wanted):
            found = f"exchange {number} of {length:,} bytes"
            raise self._connection.lost(f"{found} instead of {self._number} of {wanted}")
        self.array = np.empty(length, np.uint8) if self._into is None else self._into
        self._sealed = bytearray(length + TAG_BYTES)
        self._view = memoryview(self._sealed)
