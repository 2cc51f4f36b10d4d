"""Listening: a socket that is bound before any model is opened, and a shutdown that drops no request."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from foretell.errors import ForetellError, UsageError
from foretell.service.connection import Connection
from foretell.service.state import Service

SWITCH_SECONDS = 0.0005
"""Seconds after which a thread that predicts lets the event loop run; Python's default: 0.005."""

GRACE_SECONDS = 8.0
"""Seconds in which accepted requests are answered once the service stops; then they get an error."""

TYPED_SECONDS = 2.0
"""Seconds in which those errors must be sent."""

THREAD_SECONDS = 1.0
"""Seconds in which threads end whose result nobody waits for; then the process ends without them."""

_TURNS, _TURN_SECONDS = 10, 0.01
"""Turns of the event loop in which what has arrived is read. A new connection takes a few."""

_M_ARENA_MAX = -8


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: a name or an address, IPv4 or IPv6.
        port: the port; 0: any free port.

    Raises:
        UsageError: this machine has no such address, or the port is not from 0 to 65535.
        ForetellError: the port is in use, or this user may not use it.
    """
    try:
        if not 0 <= port <= 65535:
            raise OverflowError(port)
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # It may take the address of a service that has just ended, but not a port in use.
        return socket.create_server(address, family=family, backlog=2048)
    except (socket.gaierror, OverflowError, UnicodeError) as error:
        expected, found = "an address of this machine and a port from 0 to 65535", f"{host}, port {port}"
        raise UsageError(expected=expected, found=found, where="--host") from error
    except OSError as error:
        is_used = error.errno == errno.EADDRINUSE
        raise ForetellError(
            expected="a free port" if is_used else "an address and port that may be used",
            found=f"port {port} in use" if is_used else error.strerror or str(error),
            where=host,
            fix="stop the program that uses it, or choose another --host or --port",
        ) from error


def url(listening: socket.socket) -> str:
    """Return the URL of the service."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until SIGTERM, Ctrl-C or `stop`. After a second Ctrl-C it does not wait for answers.

    Args:
        app: the application.
        service: what it serves.
        on_ready: called once requests are accepted.
    """

    def __init__(
        self, app: ASGIApp, service: Service, *, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._service, self._on_ready = service, on_ready
        config = uvicorn.Config(
            app,
            # uvicorn calls it with keyword arguments, as it would a class.
            http=cast(type[asyncio.Protocol], partial(Connection, read_seconds=service.limits.seconds)),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=int(GRACE_SECONDS + TYPED_SECONDS),
        )
        super().__init__(config)

    def listen(self, listening: socket.socket) -> None:
        """Serve on a socket, and return once everything that was accepted is answered."""
        if sys.platform == "linux":
            # Where the C library is glibc, let all threads allocate from two heaps. Otherwise each thread has
            # a heap of its own, which keeps what its largest request needed.
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            asyncio.run(self.serve(sockets=[listening]))
        finally:
            sys.setswitchinterval(before)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    def stop(self) -> None:
        """Accept no more requests, answer those that were accepted, and end. Any thread may call it."""
        self.should_exit = self._service.is_stopping = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted; what takes longer than the grace period gets a typed error."""
        # What has arrived is accepted and read first: closed now, it would be lost without an answer.
        for _ in range(_TURNS):
            await asyncio.sleep(_TURN_SECONDS)
        end = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._service.give_up)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal without raising it again: a signal is the usual end of a service."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.stop()
