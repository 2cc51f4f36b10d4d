"""uvicorn's HTTP/1.1, with bounds on what a client may keep waiting or leave unread.

uvicorn bounds neither the bytes and the seconds of a head, nor the requests that wait on a connection, nor
the time that a client takes to read. A proxy in front must see the same requests as the service, or a request
can be smuggled past it (RFC 9112, section 11.2): a few ambiguous heads pass llhttp, and are refused here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from foretell.service.errors import ApiError, known

_log = logging.getLogger("foretell.service")

HEAD_BYTES = 1 << 16
"""Maximum bytes of a head, and of what is sent between two parts of a body."""

HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request, or from the connection, to the end of its head."""

MAX_WAITING = 64
"""Maximum requests that wait on one connection."""

MAX_LENGTH_DIGITS = 20
"""Maximum digits of a Content-Length; parsers differ on numbers with many leading zeros."""


class Connection(HttpToolsProtocol):
    """One connection, whose client must read a response within `read_seconds` once the buffers are full."""

    def __init__(self, *, read_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._read_seconds = read_seconds
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unended = 0
        self._is_refused = self._in_body = False
        # uvicorn tells only the newest of them that the client has left.
        self._cycles: list[RequestResponseCycle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: wait for the first request."""
        super().connection_made(cast(asyncio.Transport, transport))
        # asyncio sets it only where the listening socket was made with the number of TCP. Without it the body
        # of a response waits for the client to acknowledge the head, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._start("head", HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: stop what is being answered, and drop what waits."""
        for name in list(self._timers):
            self._stop(name)
        self.pipeline.clear()
        for cycle in self._cycles:
            _end(cycle)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio: read a part of a request, or several requests."""
        if self._is_refused:
            return
        if not self._in_body:
            self._start("head", HEAD_SECONDS, self.transport.close)
        self._unended += len(data)
        super().data_received(data)
        if self._unended > HEAD_BYTES and not self._is_refused:
            self._refuse(known("head_too_large", most=HEAD_BYTES))

    def pause_writing(self) -> None:
        """asyncio: send no more, and give the client a time to read what was sent."""
        super().pause_writing()
        self._start("reading", self._read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """asyncio: send more, since the client has read most of it."""
        super().resume_writing()
        self._stop("reading")

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: take a header; not one after a body, since access was checked before."""
        if not self._in_body:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """llhttp: start to answer. An exception becomes status 400."""
        if len(self.pipeline) >= MAX_WAITING or not self._is_unambiguous():
            raise ValueError("ambiguous, or too many requests")
        self._in_body, self._unended = True, 0
        self._stop("head")
        super().on_headers_complete()
        self._cycles = [*(each for each in self._cycles if not each.response_complete), self.cycle]
        # llhttp reads nothing after it: another protocol could begin there.
        self.cycle.keep_alive = self.cycle.keep_alive and not self.parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        """llhttp: take a part of a body."""
        self._unended = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """llhttp: wait for the next request."""
        self._in_body, self._unended = False, 0
        self._stop("head")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """uvicorn: answer the next request. The rest of a body that nobody waits for must come soon."""
        if self._in_body:
            self._start("head", HEAD_SECONDS, self.transport.close)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn: refuse what is not HTTP/1.1."""
        del msg
        self._refuse(known("not_http"))

    def _is_unambiguous(self) -> bool:
        names = [name for name, _ in self.headers]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        lengths = [value for name, value in self.headers if name == b"content-length"]
        version = self.parser.get_http_version()
        return (
            # A target that names a host, and a tunnel, could be meant for another host.
            self.url.startswith(b"/")
            and self.url.isascii()
            and version in ("1.0", "1.1")
            and (names.count(b"host") == 1 or (version == "1.0" and b"host" not in names))
            and codings in ([], [b"chunked"])
            and not (self.parser.should_upgrade() and (codings or lengths))
            and all(len(value) <= MAX_LENGTH_DIGITS for value in lengths)
        )

    def _refuse(self, error: ApiError) -> None:
        """Answer with an error, unless another answer is on its way, and close the connection."""
        _log.warning("request_refused", extra={"fields": {"code": error.code}})
        self._is_refused = True
        cycle = self.cycle
        has_answer = cycle is not None and cycle.response_started
        if cycle is not None and not cycle.response_complete:
            # Its body can no longer come.
            _end(cycle)
        elif not self._in_body:
            has_answer = False
        if not has_answer:
            body = error.to_json().encode()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[error.status] + head % len(body) + body)
        self.transport.close()

    def _start(self, name: str, seconds: float, end: Callable[[], None]) -> None:
        """End the connection in so many seconds; a timer that runs already is left as it is."""
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, end)

    def _stop(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def _end(cycle: RequestResponseCycle) -> None:
    """Tell the application that the client has left."""
    cycle.disconnected = True
    cycle.message_event.set()
