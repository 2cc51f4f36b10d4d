"""Listening: a socket bound before any model is opened, and an end that answers what was accepted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from foretell.errors import ForetellError, UsageError
from foretell.service.connection import Connection
from foretell.service.service import Service

SWITCH_SECONDS = 0.0005
"""How soon the thread that talks to clients gets its turn from one that predicts; Python alone: 5 ms."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: a name or an address, IPv4 or IPv6.
        port: the port; 0: any that is free.

    Raises:
        UsageError: no such address on this machine.
        ForetellError: the port is taken, or may not be used.
    """
    try:
        if not 0 <= port <= 65535:
            raise OverflowError(port)
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(
            expected="an address of this machine and a port from 0 to 65535",
            found=f"{host}, port {port}",
            where="--host",
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        # Or a service could not be started again for a minute; a port in use is refused all the same.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # At once: with SO_REUSEADDR two sockets can be bound to one port, but not both listen.
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise _not_bound(host, port, error) from error
    return listening


def _not_bound(host: str, port: int, error: OSError) -> ForetellError:
    if error.errno == errno.EADDRINUSE:
        return ForetellError(
            expected="a free port",
            found=f"port {port} in use",
            where=host,
            fix="stop what uses it, or choose another --port",
        )
    return ForetellError(
        expected="an address and port that may be used",
        found=error.strerror or str(error),
        where=host,
        fix="choose another --host or --port",
    )


def url(listening: socket.socket) -> str:
    """Return where a browser finds the service."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until SIGTERM or Ctrl-C, or `stop`; a second Ctrl-C does not wait for answers.

    Args:
        app: the application.
        ready: called once requests are taken.
    """

    def __init__(self, app: FastAPI, *, ready: Callable[[], None] = lambda: None) -> None:
        self._service: Service = app.state.service
        self._ready = ready
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            # A little longer than any answer takes.
            timeout_graceful_shutdown=int(self._service.limits.seconds) + 5,
        )
        super().__init__(config)

    def listen(self, listening: socket.socket) -> None:
        """Serve on a socket, and return once everything that was accepted is answered."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            asyncio.run(self.serve(sockets=[listening]))
        finally:
            sys.setswitchinterval(before)

    def stop(self) -> None:
        """Take no more requests, answer those that were accepted, and end; from any thread."""
        self.should_exit = self._service.stopping = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and do not raise it again: to be stopped is how a service ends."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.stop()
