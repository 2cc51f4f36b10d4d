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
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from foretell.errors import ForetellError, UsageError
from foretell.service.client import Client
from foretell.service.failures import invalid
from foretell.service.service import Service

HEAD_SECONDS = 10.0
"""Most seconds that a connection may take to say what it wants."""

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


class OneWrite:
    """A transport that sends the parts of an answer that are ready together together: fewer, larger packets.

    Args:
        transport: what sends.
        loop: what is written in one of its steps goes out at the end of it.
        closing: called when the connection is to be closed.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, closing: Callable[[], None]
    ) -> None:
        self._transport, self._loop, self._closing = transport, loop, closing
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this step."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        """Send what is written, then close."""
        self._flush()
        self._transport.close()
        self._closing()

    def _flush(self) -> None:
        if self._waiting:
            data, self._waiting = b"".join(self._waiting), []
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(H11Protocol):
    """uvicorn's connection, with time limits on a request's head and on reading an answer, a typed answer to
    what is not HTTP, and a request that is told when its client leaves.
    """

    _limit: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        wrapped = OneWrite(transport, self.loop, self._wait_for_reader)
        super().connection_made(cast(asyncio.Transport, wrapped))
        self._client = Client(transport.abort)
        self.app_state = {**self.app_state, **self._client.as_state()}
        self._limit = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        super().data_received(data)
        # A head that has begun and not ended; a body has its own limit, a pause between requests another.
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._limit is None:
            self._limit = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being answered."""
        self._stop_waiting()
        super().connection_lost(exc)
        self._stop_taking()
        self._client.leave()

    def pause_writing(self) -> None:
        """More has been answered than the client has read: it gets no more, and a time to read it in."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """The client has read nearly all of it."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_taking()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        del msg
        body = invalid("expected an HTTP/1.1 request, found something else", code="not_http").to_json()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for part in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(part))
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _wait_for_reader(self) -> None:
        """Closed in the usual way, a connection would be held for as long as its client does not read."""
        if self._taking is None:
            service: Service = cast(FastAPI, self.config.app).state.service
            self._taking = self.loop.call_later(service.limits.seconds, self.transport.abort)

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _give_up(self) -> None:
        self._limit = None
        self.transport.close()
