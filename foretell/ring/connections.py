"""A connection between two workers: messages of plain values and arrays, with limits in size and time.

A message is JSON and raw arrays, so that nothing that arrives can run code. The header and each array are
sealed (`foretell.ring.sealing`)::

    4 bytes   length of the header, at most `MAX_HEADER`
    header    JSON: the plain values, and the type and shape of each array
    arrays    their bytes, one after another

Processes that die are noticed at once (the system closes their sockets), machines that vanish after about
half a minute (TCP keep-alive), and workers that are stopped after `seconds`.
"""

from __future__ import annotations

import contextlib
import json
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foretell.arrays import Array
from foretell.errors import LostWorkerError
from foretell.ring.sealing import TAG_BYTES, Seal, bytes_of

MAX_HEADER = 1 << 20
MAX_ARRAYS = 1 << 33
"""Bytes of all arrays of a message: a model and its optimizer's values are far below."""
WAIT_SECONDS = 60.0
"""Seconds without any progress after which a worker counts as lost."""

_KINDS = ("float32", "int32", "int64")
_LENGTH = struct.Struct("!I")
# Seconds before the first probe of an idle connection and between two, and the number of probes.
_IDLE, _BETWEEN, _PROBES = 10, 5, 4


@dataclass(frozen=True)
class Message:
    """A message between two workers.

    Attributes:
        kind: what it is about.
        values: plain values that JSON can hold.
        arrays: arrays by name: float32, int32 or int64.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)


class Connection:
    """A connected socket.

    Args:
        sock: the socket; it is closed with this object.
        peer: the worker at the other end, for errors.
        seconds: the longest wait without progress.
    """

    def __init__(self, sock: socket.socket, peer: str, seconds: float = WAIT_SECONDS) -> None:
        self.socket, self.peer, self.seconds = sock, peer, seconds
        self.sent_bytes = 0
        self._outgoing: Seal | None = None
        self._incoming: Seal | None = None
        sock.settimeout(seconds)
        _keep_alive(sock)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes.

        Raises:
            LostWorkerError: the worker is gone, or takes nothing.
        """
        view = memoryview(data).cast("B")
        try:
            while view:
                count = self.socket.send(view)
                self.sent_bytes += count
                view = view[count:]
        except OSError as error:
            raise self.lost(error) from error

    def read(self, count: int) -> memoryview:
        """Return exactly so many bytes.

        Raises:
            LostWorkerError: the worker is gone, or sends nothing.
        """
        data = bytearray(count)
        self.read_into(memoryview(data))
        return memoryview(data)

    def read_into(self, view: memoryview) -> None:
        """Fill a buffer; raises as `read`."""
        try:
            while view:
                count = self.socket.recv_into(view)
                if not count:
                    raise self.lost("a closed connection")
                view = view[count:]
        except OSError as error:
            raise self.lost(error) from error

    def use_keys(self, outgoing: bytes, incoming: bytes) -> None:
        """Seal everything from now on: what is sent, and what arrives.

        Args:
            outgoing, incoming: keys; those of the other end are the same, in the other order.
        """
        self._outgoing, self._incoming = Seal(outgoing), Seal(incoming)

    def sealed(self, data: bytes | memoryview, about: bytes = b"") -> bytearray:
        """Return what is to be sent next, sealed; see `Seal.closed`."""
        assert self._outgoing is not None, "introduce or admit first"
        return self._outgoing.closed(data, about)

    def opened(self, sealed: bytearray, into: bytearray | memoryview, about: bytes = b"") -> None:
        """Write what has arrived sealed into a buffer.

        Raises:
            LostWorkerError: it is not what the worker has sent next.
        """
        assert self._incoming is not None, "introduce or admit first"
        if not self._incoming.opened(sealed, into, about):
            raise self.lost("bytes that the worker did not send")

    def read_sealed(self, into: bytearray | memoryview, about: bytes = b"") -> None:
        """Fill a buffer with what arrives sealed; raises as `read` and `opened`."""
        sealed = bytearray(len(into) + TAG_BYTES)
        self.read_into(memoryview(sealed))
        self.opened(sealed, into, about)

    def send(self, message: Message) -> None:
        """Send a message; raises as `write`."""
        arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
        about = [[name, str(array.dtype), array.shape] for name, array in arrays.items()]
        header = json.dumps({"kind": message.kind, "values": message.values, "arrays": about}).encode()
        length = _LENGTH.pack(len(header))
        self.write(length + self.sealed(header, length))
        for array in arrays.values():
            self.write(self.sealed(bytes_of(array)))

    def receive(self, kinds: Sequence[str], *, patient: bool = False, within: float | None = None) -> Message:
        """Return the next message.

        Args:
            kinds: those that may come.
            patient: wait for its beginning without a limit; a connection that is closed, and a machine that
                has vanished, still end the wait.
            within: seconds within which it must begin; None: the usual ones.

        Raises:
            LostWorkerError: the worker is gone, or the message is too large or not one that is expected.
        """
        self.socket.settimeout(None if patient else within or self.seconds)
        try:
            first = bytes(self.read(_LENGTH.size))
        finally:
            self.socket.settimeout(self.seconds)
        (length,) = _LENGTH.unpack(first)
        if length > MAX_HEADER:
            raise self.lost(f"a header of {length:,} bytes (at most {MAX_HEADER:,})")
        header = bytearray(length)
        self.read_sealed(header, first)
        message = self._parsed(bytes(header))
        if message.kind not in kinds:
            raise self.lost(f"the message {message.kind[:40]!r} instead of {' or '.join(kinds)}")
        for array in message.arrays.values():
            self.read_sealed(bytes_of(array))
        return message

    def _parsed(self, header: bytes) -> Message:
        """Return the message of a header, its arrays empty."""
        try:
            read = json.loads(header)
            kind, values, about = str(read["kind"]), dict(read["values"]), list(read["arrays"])
            shapes = {str(name): (str(dtype), [int(n) for n in shape]) for name, dtype, shape in about}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self.lost("bytes that are no message") from error
        is_known = all(dtype in _KINDS and min(shape, default=0) >= 0 for dtype, shape in shapes.values())
        size = sum(
            np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in shapes.values() if is_known
        )
        if not is_known or size > MAX_ARRAYS:
            raise self.lost(f"arrays of unknown kinds, or larger than {MAX_ARRAYS:,} bytes")
        arrays = {name: np.empty(shape, np.dtype(dtype)) for name, (dtype, shape) in shapes.items()}
        return Message(kind, values, arrays)

    def lost(self, why: object) -> LostWorkerError:
        """Return the error of a worker that is lost."""
        found = str(why)
        if isinstance(why, LostWorkerError):
            return why
        if isinstance(why, TimeoutError):
            found = f"nothing for {self.seconds:g} s"
        return LostWorkerError(expected="an answer of the worker", found=found, where=self.peer)

    def close(self) -> None:
        """Close the connection. Calling it again does nothing."""
        # To a process that still reads, the end of the stream; close alone waits for other copies.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def listening(host: str) -> socket.socket:
    """Return a socket that listens on a free port of one address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.bind((host, 0))
        server.listen(128)
    except OSError:
        server.close()
        raise
    return server


def connect(address: tuple[str, int], peer: str, seconds: float = WAIT_SECONDS) -> Connection:
    """Return a connection to an address.

    Raises:
        LostWorkerError: nothing answers there.
    """
    try:
        return Connection(socket.create_connection(address, timeout=seconds), peer, seconds)
    except OSError as error:
        found = f"nothing that answers ({error})"
        where = f"{peer} at {address[0]}:{address[1]}"
        raise LostWorkerError(expected="a worker", found=found, where=where) from error


def _keep_alive(sock: socket.socket) -> None:
    """Let the system find a machine that has vanished; gradients are sent without delay."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_KEEPIDLE": _IDLE, "TCP_KEEPINTVL": _BETWEEN, "TCP_KEEPCNT": _PROBES}
    options["TCP_USER_TIMEOUT"] = 1000 * (_IDLE + _BETWEEN * _PROBES)
    for name, value in options.items():
        # Not every system has each of them.
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
