"""Connections with bounds, and a server whose shutdown drops nothing.

uvicorn bounds neither the size and the seconds of a head, nor the requests that wait on a
connection, nor the time that a client takes to read, nor the bytes of all connections together; and
it refuses new connections where there are too many, while here the one that has waited longest
makes room. A proxy in front must see the same requests as the service, or a request can be smuggled
past it (RFC 9112, section 11.2): a few ambiguous heads pass llhttp, and are refused here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import math
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from foretell.service.errors import RETRY, ApiError
from foretell.service.events import log
from foretell.service.limits import Limits
from foretell.service.models import Service

HEAD_BYTES = 1 << 16
"""Maximum bytes of a head, and of what is sent between two parts of a body."""

MAX_HEADERS = 100
"""Maximum headers of a request; a short one takes twenty times its bytes in memory."""

HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request, or from the connection, to the end of its
head.
"""

MAX_WAITING = 8
"""Maximum requests that wait on one connection."""

MAX_LENGTH_DIGITS = 20
"""Maximum digits of a Content-Length; parsers differ on numbers with many leading zeros."""

SWITCH_SECONDS = 0.0005
"""Seconds after which a thread that predicts lets the event loop run; Python's default: 0.005."""

GRACE_SECONDS = 8.0
"""Seconds in which accepted requests are answered once the service stops; then they get an
error.
"""

TYPED_SECONDS = 2.0
"""Seconds in which those errors must be sent."""

THREAD_SECONDS = 1.0
"""Seconds in which threads end whose result nobody waits for; then the process ends without
them.
"""

MAX_CHUNKS = 2_048
"""Maximum chunks of a body. Each takes as long as 10,000 bytes of one; meanwhile nobody else is
answered.
"""

SMALL = 1 << 14
"""Bytes of unanswered requests and unread answers up to which a connection holds nothing that
counts.
"""

MAX_HELD = 64 << 20
MAX_BODIES = 16
"""Maximum bytes that all connections hold together: so many, or as many as so many of the largest
bodies.
"""

MAX_CONNECTIONS = 1_024
_OTHER_FILES = 256
"""Maximum connections, and the files that a process has open beside them, at most."""

_ACCEPTED_AT_ONCE = 64
_BACKLOG = 2_048
"""Connections that are accepted before any of them is looked at, and that wait for it. Where
asyncio cannot open one more file, it writes as many tracebacks as it may accept at once."""

_TURNS = 10
_TURN_SECONDS = 0.01
"""Turns of the event loop in which what has arrived is read. A new connection takes a few."""

_M_ARENA_MAX = -8


class Connection(HttpToolsProtocol):
    """One connection of a service with these limits; of more than `max_connections` one is closed.

    `held_by` is what each connection of the service held when it was last looked at.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        max_connections: int,
        held_by: dict[Connection, int],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._limits = limits
        self._max = max_connections
        self._held_by = held_by
        self._all = cast(set[Connection], self.connections)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unended = self._chunks = 0
        self._is_refused = self._in_body = False
        self._began_waiting = self.loop.time()
        self._stopped_reading = math.inf
        # The requests without an answer, and the bytes of each. uvicorn tells only the newest of
        # them that the client has left.
        self._cycles: dict[RequestResponseCycle, int] = {}

    @property
    def waits_since(self) -> float:
        """Since when it has had no whole request without an answer, or has not read, by the loop's
        clock.
        """
        if all(cycle.response_complete or cycle.more_body for cycle in self._cycles):
            return min(self._stopped_reading, self._began_waiting)
        return self._stopped_reading

    @property
    def held(self) -> int:
        """Bytes of its unanswered requests, and of answers that are not sent; 0: it has few."""
        held = self.transport.get_write_buffer_size()
        for cycle, size in self._cycles.items():
            if not cycle.response_complete:
                held += size
        return held * (held > SMALL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: wait for the first request."""
        super().connection_made(cast(asyncio.Transport, transport))
        # asyncio sets it only where the listening socket was made with the number of TCP. Without
        # it the body of a response waits for the client to acknowledge the head, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expect_head()
        if len(self._all) > self._max:
            longest = min(self._all, key=lambda each: each.waits_since)
            self._all.discard(longest)
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: stop what is being answered, and drop what waits."""
        for name in list(self._timers):
            self._stop(name)
        self.pipeline.clear()
        self._held_by.pop(self, None)
        self._end_all()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio: read a part of a request, or several requests."""
        if self._is_refused:
            return
        if not self._in_body:
            self._expect_head()
        self._unended += len(data)
        super().data_received(data)
        if self._unended > HEAD_BYTES and not self._is_refused:
            self._refuse_head()
        self._make_room()

    def pause_writing(self) -> None:
        """asyncio: send no more, and give the client a time to read what was sent."""
        super().pause_writing()
        self._stopped_reading = self.loop.time()
        self._start("reading", self._limits.seconds, self.transport.abort)
        self._make_room()

    def resume_writing(self) -> None:
        """asyncio: send more, since the client has read most of it."""
        super().resume_writing()
        self._stopped_reading = math.inf
        self._stop("reading")

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: take a header; not one after a body, since access was checked before."""
        # Starlette's errors of ranges are not JSON.
        if not self._in_body and name.lower() != b"range":
            if len(self.headers) >= MAX_HEADERS:
                self._refuse_head()
                raise ValueError("too many headers")
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """llhttp: start to answer. An exception becomes status 400."""
        if len(self.pipeline) >= MAX_WAITING or not self._is_unambiguous():
            raise ValueError("ambiguous, or too many requests")
        self._in_body = True
        self._unended = 0
        self._chunks = 0
        self._stop("head")
        super().on_headers_complete()
        self._cycles = {
            cycle: size for cycle, size in self._cycles.items() if not cycle.response_complete
        }
        self._cycles[self.cycle] = sum(len(name) + len(value) for name, value in self.headers)
        # llhttp reads nothing after it: another protocol could begin there.
        self.cycle.keep_alive = self.cycle.keep_alive and not self.parser.should_upgrade()

    def _start_asgi_task(
        self, cycle: RequestResponseCycle, app: Callable[..., Awaitable[None]]
    ) -> None:
        async def when_read(*channels: object) -> None:
            await self.flow.drain()  # no limit counts a whole answer that waits for this
            await app(*channels)

        super()._start_asgi_task(cycle, when_read)

    def on_chunk_header(self) -> None:
        """llhttp: a chunk of a body begins."""
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            message = f"expected at most {MAX_CHUNKS} chunks, found more; send larger ones"
            self._refuse(ApiError(message, status=413, code="body_too_large"))
            raise ValueError("too many chunks")

    def on_body(self, body: bytes) -> None:
        """llhttp: take a part of a body."""
        self._unended = 0
        self._cycles[self.cycle] += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """llhttp: wait for the next request."""
        self._in_body = False
        self._unended = 0
        if not self.cycle.response_complete:
            self._stop("head")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """uvicorn: answer the next request. Where nobody waits for the rest of a body, it must come
        soon.
        """
        self._began_waiting = self.loop.time()
        if self._in_body and self.cycle.response_complete:
            self._expect_head()
        super().on_response_complete()

    def send_400_response(self, _: str) -> None:
        """uvicorn: refuse what is not HTTP/1.1."""
        if not self._is_refused:
            message = "expected an HTTP/1.1 request, found something else"
            self._refuse(ApiError(message, status=400, code="not_http"))

    def _is_unambiguous(self) -> bool:
        names = [name for name, _ in self.headers]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        lengths = [value for name, value in self.headers if name == b"content-length"]
        version = self.parser.get_http_version()
        hosts = names.count(b"host")
        has_body = bool(codings or lengths)
        return all(
            (
                # A target that names a host, and a tunnel, could be meant for another host.
                self.url.startswith(b"/"),
                self.url.isascii(),
                version in ("1.0", "1.1"),
                hosts == 1 or (version, hosts) == ("1.0", 0),
                codings in ([], [b"chunked"]),
                not (has_body and self.parser.should_upgrade()),
                max(map(len, lengths), default=0) <= MAX_LENGTH_DIGITS,
            )
        )

    def _make_room(self) -> None:
        """End the connection that has waited longest, where several together hold too many
        bytes.
        """
        most = max(MAX_HELD, MAX_BODIES * self._limits.body)
        self._held_by[self] = self.held
        if sum(self._held_by.values()) <= most:
            return
        # Some of them have been answered since, or have read their answers.
        self._held_by.update((each, each.held) for each in self._all)
        holding = [each for each, held in self._held_by.items() if held]
        if len(holding) > 1 and sum(self._held_by.values()) > most:
            # Where none waits, this one: it asked last.
            longest = min(holding, key=lambda each: (each.waits_since, each is not self))
            message = f"expected at most {most} bytes in all requests, found more; try again later"
            longest._refuse(ApiError(message, status=429, code="queue_full", headers=RETRY))
            if longest.transport.get_write_buffer_size() > SMALL:
                longest.transport.abort()

    def _refuse_head(self) -> None:
        message = f"expected at most {HEAD_BYTES} bytes and {MAX_HEADERS} headers, found more"
        self._refuse(ApiError(message, status=431, code="head_too_large"))

    def _refuse(self, error: ApiError) -> None:
        """Answer with an error, unless another answer is on its way, and close the connection."""
        log("request_refused", code=error.code)
        self._is_refused = True
        unanswered = [cycle for cycle in self._cycles if not cycle.response_complete]
        has_answer = any(cycle.response_started for cycle in unanswered)
        if self._in_body and not unanswered:
            # While the rest of a body comes, its request may have been answered.
            has_answer = True
        self._end_all()
        if not has_answer:
            answer = error.response()
            headers = (*answer.raw_headers, (b"connection", b"close"))
            head = STATUS_LINE[error.status] + b"".join(b"%s: %s\r\n" % each for each in headers)
            self.transport.write(head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _end_all(self) -> None:
        """Tell the application that the client of all requests has left."""
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()
        self._cycles.clear()

    def _expect_head(self) -> None:
        self._start("head", HEAD_SECONDS, self.transport.close)

    def _start(self, name: str, seconds: float, end: Callable[[], None]) -> None:
        """End the connection in so many seconds; a timer that runs already is left as it is."""
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, end)

    def _stop(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def max_connections() -> int:
    """Return how many connections are possible, after the limit of open files is raised as far as
    it may.
    """
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    files, most = (
        wanted if each == resource.RLIM_INFINITY else min(each, wanted) for each in limits
    )
    if files < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, limits[1]))
            files = most
    return max(1, files - _OTHER_FILES)


class Server(uvicorn.Server):
    """Serves until Ctrl-C, SIGTERM or `stop`. A second Ctrl-C does not wait for answers.

    Args:
        app: the application.
        service: what it serves.
        on_ready: called once requests are accepted.
    """

    def __init__(
        self, app: ASGIApp, service: Service, *, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._service = service
        self._on_ready = on_ready
        protocol = partial(
            Connection, limits=service.limits, max_connections=max_connections(), held_by={}
        )
        config = uvicorn.Config(
            app,
            # uvicorn calls it with keyword arguments, as it would a class.
            http=cast(type[asyncio.Protocol], protocol),
            backlog=_ACCEPTED_AT_ONCE,
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
            # Where the C library is glibc, let all threads allocate from two heaps. Otherwise each
            # thread has a heap of its own, which keeps what its largest request needed.
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
        for listening in sockets or ():
            listening.listen(_BACKLOG)
        self._on_ready()

    def stop(self) -> None:
        """Accept no more requests, answer those that were accepted, and end. Any thread may call
        it.
        """
        self.should_exit = self._service.is_stopping = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted; what takes longer than the grace period gets a typed error."""
        # What has arrived is accepted and read first: closed now, it would be lost without an
        # answer.
        for _ in range(_TURNS):
            await asyncio.sleep(_TURN_SECONDS)
        end = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._service.give_up)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        """uvicorn: stop on a signal. It is not raised again: a signal is the usual end of a
        service.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.stop()
