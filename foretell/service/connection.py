"""One connection: uvicorn's over llhttp, with limits on what a client may take, and one reading of a request.

llhttp is quick, and takes a few things that two programs could read in two ways: those are refused here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
from fastapi import FastAPI
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from foretell.service.client import Client
from foretell.service.failures import Refusal, invalid
from foretell.service.service import Service

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

HEAD_SECONDS = 10.0
"""Most seconds that a connection may take to say what it wants."""

HEAD_BYTES = 1 << 16
"""Most bytes of a head, and of what comes between two pieces of a body."""

LENGTH_DIGITS = 20
"""Most digits of a Content-Length: zeros in front that go on for long are no number to some."""

PART_BYTES = 1 << 12
"""Bytes that are parsed at once: the requests in them that must wait may take a hundred times their bytes."""

_NOT_HTTP = invalid("expected an HTTP/1.1 request, found something else", code="not_http", status=400)
_TOO_LARGE = invalid(
    f"expected at most {HEAD_BYTES} bytes of headers, found more", code="head_too_large", status=431
)


def is_plain(method: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether a head that llhttp has taken is of a request that can be read in one way only.

    Args:
        method: as it was sent.
        version: such as "1.1".
        headers: (name in lower case, value) of each.
    """
    # llhttp would pass over all that follows a CONNECT.
    if method == b"CONNECT" or version not in ("1.0", "1.1"):
        return False
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
        return False
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    lengths = [value for name, value in headers if name == b"content-length"]
    return codings in ([], [b"chunked"]) and all(len(value) <= LENGTH_DIGITS for value in lengths)


def without_chunks(cycle: RequestResponseCycle) -> Callable[[ASGISendEvent], Coroutine[Any, Any, None]]:
    """Return what answers HTTP/1.0, in which an answer of unknown length lasts until the connection ends.

    Args:
        cycle: the request; what it has for this sends chunks.
    """
    really = cycle.send
    lasts = False

    async def send(message: ASGISendEvent) -> None:
        nonlocal lasts
        if message["type"] == "http.response.start":
            lasts = not any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = False if lasts else None
        elif message["type"] == "http.response.body" and lasts:
            cycle.expected_content_length = len(message.get("body", b""))
        await really(message)

    return send


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


class Flow(FlowControl):
    """uvicorn's flow control, which reads nothing more while a request waits for the one before it.

    Args:
        transport: what reads.
        waiting: the requests that wait.
    """

    def __init__(self, transport: asyncio.Transport, waiting: deque[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read again, unless a request waits."""
        if not self._waiting:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits on a request's head and on the time to read an answer, a typed answer
    to what is not HTTP, and a request that is told when its client leaves.
    """

    _limit: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    # What is being answered; uvicorn's `cycle` is the request that came last.
    _answered: RequestResponseCycle | None = None
    _in_body = False
    _unread = b""
    # Bytes parsed since the end of a request or of a piece of its body.
    _unended = 0
    # What the connection ends with.
    _refusal: Refusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        wrapped = cast(asyncio.Transport, OneWrite(transport, self.loop, self._wait_for_reader))
        super().connection_made(wrapped)
        self.flow = Flow(wrapped, self.pipeline)
        self._client = Client(transport.abort)
        self.app_state = {**self.app_state, **self._client.as_state()}
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, or of several."""
        self._unset_keepalive_if_required()
        self._unread += data
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being answered."""
        self._stop_waiting()
        if self._answered is not None:
            _disconnect(self._answered)
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

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; not after the body, when it has been checked who asks."""
        if not self._in_body:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Begin to answer, or let the request wait for the one before it.

        Raises:
            ValueError: it can be read in two ways.
        """
        version = self.parser.get_http_version()
        if not is_plain(self.parser.get_method(), version, self.headers):
            raise ValueError(version)
        if self.parser.should_upgrade():
            return
        if version == "1.0":
            self.expect_100_continue = False
        super().on_headers_complete()
        self._in_body = True
        # Of a target that names a host uvicorn takes the path, whoever's it is.
        path, _, self.scope["query_string"] = self.url.partition(b"?")
        self.scope["path"], self.scope["raw_path"] = unquote(path.decode("ascii")), path
        if version == "1.0":
            self.cycle.send = without_chunks(self.cycle)  # type: ignore[method-assign,assignment]
        if not self.pipeline:
            self._answered = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unended = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._in_body:
            self._in_body, self._unended = False, 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request that has come."""
        if self.pipeline:
            self._answered = self.pipeline[-1][0]
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._refusal is not None and not self._is_answering():
            self._end(self._refusal)
        elif self._unread:
            self._read()

    def _read(self) -> None:
        """Read what has come, up to a request that must wait or cannot be read."""
        data, self._unread = self._unread, b""
        for start in range(0, len(data), PART_BYTES):
            if self._refusal is not None:
                break
            if self.pipeline:
                self._unread = data[start:]
                break
            self._read_part(data[start : start + PART_BYTES])
        self._watch()

    def _read_part(self, data: bytes) -> None:
        self._unended += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(_NOT_HTTP)
        else:
            if self._unended > HEAD_BYTES:
                self._refuse(_TOO_LARGE)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # llhttp has passed over the body, as if the other protocol began in its place.
                self.logger.warning("Unsupported upgrade request.")
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join((*lines, b"", b""))

    def _refuse(self, refusal: Refusal) -> None:
        """Read nothing more, and end once what came before is answered."""
        self.logger.warning("Invalid HTTP request received.")
        self._refusal = refusal
        if self._in_body and self.pipeline:
            # The last to come is on the left.
            self.pipeline.popleft()
        elif self._in_body:
            if self.cycle.response_started:
                self.transport.close()
                return
            _disconnect(self.cycle)
            self._answered = None
        if not self._is_answering():
            self._end(refusal)

    def _end(self, refusal: Refusal) -> None:
        body = refusal.to_json().encode()
        headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[refusal.status] + headers % len(body) + body)
        self.transport.close()

    def _is_answering(self) -> bool:
        return self._answered is not None and not self._answered.response_complete

    def _watch(self) -> None:
        """Give a head its time, and a body that goes on after its answer the time of a pause."""
        if self._is_answering():
            self._stop_waiting()
        elif self._in_body:
            self._stop_waiting()
            self.timeout_keep_alive_task = self.timeout_keep_alive_task or self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        elif self._limit is None:
            self._limit = self.loop.call_later(HEAD_SECONDS, self._give_up)

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


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Tell a request that nobody hears its answer."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()
