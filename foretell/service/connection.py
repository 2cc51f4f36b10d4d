"""One connection: HTTP/1.1 with bounds on what a client may keep waiting and leave unread.

A `RequestParser` reads the requests, and an `Exchange` answers each in turn. uvicorn runs this class through
its option `http`; `tests/service/test_uvicorn.py` lists what is used of uvicorn. Its own protocols do not
bound the size of a head, the time until it is complete, the requests that wait on a connection, and the time
that a client takes to read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import cast
from urllib.parse import unquote

from starlette.types import ASGIApp, Scope
from uvicorn import Config
from uvicorn.server import ServerState

from foretell.service.client import EXTENSION, Client
from foretell.service.errors import ApiError
from foretell.service.exchange import Exchange, closing_response
from foretell.service.request_parser import Part, RequestEnd, RequestHead, RequestParser

_log = logging.getLogger("foretell.service")

HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request, or from the connection, to the end of its head."""

BODY_BYTES = 1 << 16
"""Maximum bytes of a body that wait for the application; the rest is read when it has taken these."""

PART_BYTES = 1 << 12
"""Bytes that are parsed together. Their requests are all kept, at up to a hundred times their size."""


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        config: uvicorn's.
        server_state: uvicorn's.
        app_state: uvicorn's; not used.
        read_seconds: maximum seconds in which the client must read a response once the buffers are full.
    """

    transport: asyncio.Transport

    def __init__(
        self, config: Config, server_state: ServerState, app_state: object, _loop: object = None,
        *, read_seconds: float,
    ) -> None:  # fmt: skip
        del app_state, _loop
        self._config, self._server = config, server_state
        self._app = cast(ASGIApp, config.loaded_app)
        self.loop = asyncio.get_running_loop()
        self._read_seconds = read_seconds
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._parser = RequestParser()
        # The request whose body is being received, the one that is being answered, and those that wait.
        self._incoming: Exchange | None = None
        self.answering: Exchange | None = None
        self.waiting: deque[Exchange] = deque()
        self._unread = b""
        self._body_is_full = self._is_shutting_down = False
        # What the connection ends with once the requests before are answered.
        self._refusal: ApiError | None = None

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        self.transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._client = Client(self.transport.abort, self.is_writable)
        self._addresses = {
            "server": _address(self.transport, "sockname"),
            "client": _address(self.transport, "peername"),
        }
        self._start("head", HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, or several requests."""
        self._stop("pause")
        self._unread += data
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what is being answered."""
        del exc
        self._server.connections.discard(self)
        for deadline in list(self._deadlines):
            self._stop(deadline)
        for exchange in filter(None, (self._incoming, self.answering, *self.waiting)):
            exchange.abandon()
        self.answering = None
        self.waiting.clear()
        self._writable.set()
        self._client.disconnect()

    def pause_writing(self) -> None:
        """Send no more, and give the client a time to read what was sent."""
        self._writable.clear()
        self._start("reading", self._read_seconds)

    def resume_writing(self) -> None:
        """Send more: the client has read most of it."""
        self._writable.set()
        if not self.transport.is_closing():
            self._stop("reading")

    # ---- what uvicorn calls

    def shutdown(self) -> None:
        """Answer what was received, and close."""
        if self.answering is None:
            self.close()
            return
        (self.waiting[-1] if self.waiting else self.answering).keep_alive = False
        self._is_shutting_down = True

    # ---- what an exchange calls

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self.transport.write(data)

    async def wait_writable(self) -> None:
        """Wait until the client has read most of what was sent."""
        if not self._writable.is_set():
            await self._writable.wait()

    def body_taken(self) -> None:
        """Read more of the request's body."""
        if self._body_is_full:
            self._body_is_full = False
            self._read()

    def response_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that every response has: the date."""
        return self._server.default_headers

    def is_writable(self) -> bool:
        """Return whether the client has read most of what was sent."""
        return self._writable.is_set()

    def response_ended(self, exchange: Exchange) -> None:
        """Answer the next request, or wait for one, or close the connection."""
        if exchange is not self.answering:
            return
        self.answering = None
        self._body_is_full = False
        if not exchange.keep_alive:
            self.close()
            return
        self._answer_next()
        if self.answering is None and self._refusal is not None:
            self._end(self._refusal)
            return
        self._read()

    def close(self) -> None:
        """Send what was written, then close; a client that does not read it is not waited for long."""
        self.transport.close()
        self._start("reading", self._read_seconds)

    # ---- reading

    def _read(self) -> None:
        """Parse what was received, up to a request that must wait or cannot be read."""
        data, self._unread = self._unread, b""
        for start in range(0, len(data), PART_BYTES):
            if self._refusal is not None or (self._is_shutting_down and self._incoming is None):
                break
            if self.waiting or self._body_is_full:
                self._unread = data[start:]
                break
            for part in self._parser.feed(data[start : start + PART_BYTES]):
                self._take(part)
        self._watch()

    def _take(self, part: Part) -> None:
        if isinstance(part, ApiError):
            self._refuse(part)
        elif isinstance(part, RequestHead):
            self._incoming = Exchange(self._scope(part), self, keep_alive=part.keep_alive)
            self.waiting.append(self._incoming)
            self._answer_next()
        elif self._incoming is not None and isinstance(part, RequestEnd):
            self._incoming.end_body()
            self._incoming = None
        elif self._incoming is not None and isinstance(part, bytes):
            self._body_is_full = self._incoming.add_body(part) > BODY_BYTES

    def _watch(self) -> None:
        """Pause or resume reading, and start the deadline for what the client must send next."""
        if self.waiting or self._unread or self._body_is_full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self.transport.is_closing():
            return
        if self.answering is not None:
            self._stop("head")
            self._stop("pause")
        elif self._incoming is None and self._parser.unended:
            self._start("head", HEAD_SECONDS)
        else:
            # Nothing, or the rest of a body whose response was sent before it.
            self._stop("head")
            self._start("pause", self._config.timeout_keep_alive)

    def _start(self, deadline: str, seconds: float) -> None:
        """Close the connection in so many seconds; a deadline that runs already is left as it is."""
        if deadline not in self._deadlines:
            # A client that does not read is not sent what it has not read.
            end = self.transport.abort if deadline == "reading" else self.close
            self._deadlines[deadline] = self.loop.call_later(seconds, end)

    def _stop(self, deadline: str) -> None:
        if timer := self._deadlines.pop(deadline, None):
            timer.cancel()

    # ---- answering

    def _scope(self, head: RequestHead) -> Scope:
        # A target that names a host is a path that does not exist, whichever host it is.
        path, _, query = head.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": head.version,
            "scheme": "http",
            "method": head.method,
            "root_path": "",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": head.headers,
            "extensions": {EXTENSION: self._client},
            **self._addresses,
        }

    def _answer_next(self) -> None:
        if self.answering is None and self.waiting:
            self.answering = self.waiting.popleft()
            task = self.loop.create_task(self.answering.run(self._app))
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    def _refuse(self, error: ApiError) -> None:
        """Read nothing more, and end the connection once the requests before are answered."""
        _log.warning("request_refused", extra={"fields": {"code": error.code}})
        self._refusal = error
        exchange, self._incoming = self._incoming, None
        if exchange is not None:
            if exchange.has_started:
                self.close()
                return
            exchange.abandon()
            if exchange is self.answering:
                self.answering = None
            else:
                self.waiting.remove(exchange)
        if self.answering is None:
            self._end(error)

    def _end(self, error: ApiError) -> None:
        self.transport.write(closing_response(error))
        self.close()


def _address(transport: asyncio.Transport, name: str) -> tuple[str, int] | None:
    """Return host and port of one end, or None where it is not an address."""
    address = transport.get_extra_info(name)
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
