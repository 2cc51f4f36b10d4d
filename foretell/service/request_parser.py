"""Bytes to requests: llhttp's parser, with bounds, and without what two programs could read differently.

A proxy in front must see the same requests as the service, or a request can be smuggled past it (RFC 9112,
section 11.2). llhttp accepts a few ambiguous heads; they are refused here.
"""

from __future__ import annotations

from dataclasses import dataclass

import httptools

from foretell.service.errors import ApiError, head_too_large, not_http

HEAD_BYTES = 1 << 16
"""Maximum bytes of a head, and of what is sent between two parts of a body."""

MAX_LENGTH_DIGITS = 20
"""Maximum digits of a Content-Length; parsers differ on numbers with many leading zeros."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request.

    Attributes:
        method: such as "POST".
        target: path and query, as they were sent.
        version: "1.0" or "1.1".
        headers: (name in lower case, value) of each header, in order.
        keep_alive: whether another request may follow on the connection.
    """

    method: str
    target: bytes
    version: str
    headers: Headers
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class RequestEnd:
    """The end of a request."""


Part = RequestHead | bytes | RequestEnd | ApiError
"""A part of a request: its head, a part of its body, or its end; or why nothing more can be parsed."""


class RequestParser:
    """Parses the bytes of one connection.

    Attributes:
        unended: bytes parsed since the last end of a request or of a part of its body.
    """

    def __init__(self) -> None:
        self.unended = 0
        self._is_done = False
        self._parts: list[Part] = []
        self._reset()

    def feed(self, data: bytes) -> list[Part]:
        """Return the parts of requests in the next bytes; what follows the last request is ignored.

        The last part is an error, and nothing more may be fed, where the bytes are not HTTP/1.1 or ambiguous
        (400), or a head does not end (431).
        """
        self.unended += len(data)
        error: ApiError | None = None
        try:
            while data and not self._is_done:
                data = self._feed(data)
        except httptools.HttpParserError:
            # llhttp also reports what follows the last request.
            error = None if self._is_done else not_http()
        if error is None and self.unended > HEAD_BYTES:
            error = head_too_large(HEAD_BYTES)
        parts, self._parts = self._parts, []
        return parts if error is None else [*parts, error]

    def _reset(self) -> None:
        self._llhttp = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def _feed(self, data: bytes) -> bytes:
        """Parse bytes; return those that must be parsed again."""
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # llhttp skips the body, since another protocol could begin in its place. This service ignores
            # Upgrade, so the same head is parsed again without it.
            version = self._llhttp.get_http_version().encode()
            lines = [b"%s %s HTTP/%s" % (self._llhttp.get_method(), self._target, version)]
            lines += [b"%s: %s" % header for header in self._headers if header[0] != b"upgrade"]
            self._reset()
            return b"\r\n".join((*lines, b"", b"")) + data[upgrade.args[0] :]
        return b""

    # ---- llhttp's callbacks

    def on_message_begin(self) -> None:
        self._target, self._headers = b"", Headers()
        self._head: RequestHead | None = None

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not after the body: access was checked before.
        if self._head is None:
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        method, version = self._llhttp.get_method(), self._llhttp.get_http_version()
        if not (self._target.isascii() and is_unambiguous(method, version, self._headers)):
            raise ValueError(version)
        if not self._target.startswith(b"/"):
            # A target that is not a path must be a URL.
            httptools.parse_url(self._target)
        if not self._llhttp.should_upgrade():
            keep_alive = version == "1.1" and self._llhttp.should_keep_alive()
            name = method.decode("ascii")
            self._head = RequestHead(name, self._target, version, self._headers, keep_alive)
            self._parts.append(self._head)

    def on_body(self, data: bytes) -> None:
        self.unended = 0
        self._parts.append(data)

    def on_message_complete(self) -> None:
        if self._head is not None:
            self.unended = 0
            self._is_done = not self._head.keep_alive
            self._parts.append(RequestEnd())


def is_unambiguous(method: bytes, version: str, headers: Headers) -> bool:
    """Return whether a head that llhttp has accepted can be read in one way only.

    Args:
        method: as it was sent.
        version: such as "1.1".
        headers: (name in lower case, value) of each header, in order.
    """
    # llhttp skips everything after a CONNECT.
    if method == b"CONNECT" or version not in ("1.0", "1.1"):
        return False
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
        return False
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    lengths = [value for name, value in headers if name == b"content-length"]
    return codings in ([], [b"chunked"]) and all(len(value) <= MAX_LENGTH_DIGITS for value in lengths)
