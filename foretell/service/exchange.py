"""One request and its response: ASGI's `receive` and `send` on one side, HTTP/1.1 bytes on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

from foretell.service.errors import ApiError, internal_error

_log = logging.getLogger("foretell.service")

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode() for status in range(200, 600)
}
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Wire(Protocol):
    """What an exchange needs of its connection."""

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""

    async def wait_writable(self) -> None:
        """Wait until the client has read most of what was sent."""

    def body_taken(self) -> None:
        """Read more of the request's body."""

    def response_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that every response has."""

    def response_ended(self, exchange: Exchange) -> None:
        """Continue with the next request, or close the connection."""


class Exchange:
    """A request, and the response to it.

    Args:
        scope: the ASGI scope of the request.
        wire: the connection.
        keep_alive: whether another request may follow on the connection.

    Attributes:
        keep_alive: the same; False once the response has ended the connection.
        has_started: whether a part of the response was sent.
        has_ended: whether the whole response was sent.
        is_abandoned: whether the response can no longer be received: the connection is closed.
    """

    def __init__(self, scope: Scope, wire: Wire, *, keep_alive: bool) -> None:
        self.scope, self.keep_alive = scope, keep_alive
        self.has_started = self.has_ended = self.is_abandoned = False
        self._wire = wire
        # Whether the client waits for this before it sends the body.
        self._expects_continue = scope["http_version"] == "1.1" and any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
        )
        self._body = bytearray()
        self._body_is_whole = self._body_was_delivered = False
        self._changed = asyncio.Event()
        self._head: bytes | None = None
        self._is_chunked = False
        # Bytes that the response's Content-Length still promises; None: the response has no Content-Length.
        self._remaining: int | None = None

    # ---- what the connection calls

    def add_body(self, data: bytes) -> int:
        """Add a part of the request's body; return how many bytes wait to be taken."""
        if self.has_ended:
            return 0
        self._body += data
        self._changed.set()
        return len(self._body)

    def end_body(self) -> None:
        """Record that the request's body is complete."""
        self._body_is_whole = True
        self._changed.set()

    def abandon(self) -> None:
        """Record that the response can no longer be received."""
        if not self.has_ended:
            self.is_abandoned = True
            self._changed.set()

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer; an exception in it is logged and answered with status 500."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            # The server stops and does not wait any longer.
            self.keep_alive = False
            self._wire.response_ended(self)
            raise
        except Exception as error:
            if not self.is_abandoned:
                _log.error("exception_in_application", exc_info=error)
        if not (self.has_ended or self.is_abandoned):
            await self._end_early()

    async def _end_early(self) -> None:
        """Answer 500, or close the connection where a part of the response was sent."""
        _log.error("response_incomplete")
        self.keep_alive = False
        if self.has_started:
            self._wire.response_ended(self)
            return
        self._head = None
        await internal_error().response()(self.scope, self.receive, self.send)

    # ---- what the application calls

    async def receive(self) -> Message:
        """Return the next part of the body, or that the connection or the response has ended."""
        if self._expects_continue and not self.has_started:
            self._expects_continue = False
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.has_ended or self.is_abandoned or self._has_body()):
            self._changed.clear()
            await self._changed.wait()
        if self.has_ended or self.is_abandoned:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        self._body_was_delivered = self._body_is_whole
        message = {"type": "http.request", "body": body, "more_body": not self._body_is_whole}
        # This may add the rest of the body.
        self._wire.body_taken()
        return message

    def _has_body(self) -> bool:
        return bool(self._body) or (self._body_is_whole and not self._body_was_delivered)

    async def send(self, message: Message) -> None:
        """Send a part of the response. The head is sent together with the first part of the body.

        Raises:
            OSError: the client has disconnected.
            RuntimeError: the message is not ASGI's next one, or the body is not as long as Content-Length.
        """
        if message["type"] == "http.response.start" and self._head is None:
            self._head = self._response_head(message["status"], message.get("headers", ()))
            return
        if message["type"] != "http.response.body" or self._head is None or self.has_ended:
            raise RuntimeError(f"expected the next ASGI message of a response, found {message['type']}")
        await self._wire.wait_writable()
        if self.is_abandoned:
            raise ConnectionResetError("the client has disconnected")
        self._send_body(message.get("body", b""), message.get("more_body", False))

    def _response_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the head of the response, and choose how its body ends."""
        lines = [_STATUS_LINES[status]]
        has_length = closes = self._is_chunked = False
        self._remaining = None
        for name, value in (*self._wire.response_headers(), *headers):
            lines.append(b"%s: %s\r\n" % (name, value))
            if name == b"content-length":
                has_length, self._remaining = True, int(value)
            closes = closes or (name == b"connection" and value.lower() == b"close")
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.scope["method"] == "HEAD" or status in _WITHOUT_BODY:
            self._remaining = 0
        elif not has_length and self.scope["http_version"] == "1.1":
            # HTTP/1.0 has no chunks: there the end of the connection ends the body.
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join((*lines, b"\r\n"))
        if not head.count(b"\r") == head.count(b"\n") == len(lines) + 1:
            raise RuntimeError("expected headers of one line each, found a line break in one")
        return head

    def _send_body(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        if self._remaining is not None:
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                raise RuntimeError("expected a body as long as Content-Length, found another length")
        if self._is_chunked:
            chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body = chunk if more else chunk + b"0\r\n\r\n"
        if not self.has_started:
            assert self._head is not None
            body = self._head + body
            self.has_started = True
        if body:
            self._wire.write(body)
        if not more:
            self.has_ended = True
            self._changed.set()
            self._wire.response_ended(self)


def closing_response(error: ApiError) -> bytes:
    """Return a whole response that ends the connection, for bytes that are no request to an application."""
    body = error.to_json().encode()
    headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return _STATUS_LINES[error.status] + headers % len(body) + body
