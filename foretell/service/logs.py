"""The log and the metrics. Neither holds the content of a request.

The log has one JSON object a line on stderr, with a request's route, status and time. The metrics
are in Prometheus's text format.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foretell.service.errors import CLIENT_CLOSED
from foretell.service.events import log

# Request ids that a client may choose: nothing that could forge a line of a log or a header.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_FIELDS = "foretell.log_fields"

_SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        b"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
"""Headers of every response: a content security policy without any `unsafe-*`, among others."""

_current: ContextVar[str] = ContextVar("request_id")

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class ServiceMetrics:
    """The metrics of one service, in their own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        ProcessCollector(registry=registry)
        self.requests = counter(
            "foretell_requests", "Requests answered.", ["route", "method", "status"]
        )
        self.seconds = Histogram(
            "foretell_request_seconds",
            "Seconds from a request's head to the end of its response.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.texts = counter("foretell_texts", "Texts answered.", ["model", "verb"])
        self.waiting = Gauge(
            "foretell_texts_waiting", "Texts waiting for an answer.", registry=registry
        )
        self.stale = Gauge(
            "foretell_model_stale",
            "1 if the model's files are missing, or changed and cannot be opened.",
            ["model"],
            registry=registry,
        )
        self.refused = counter(
            "foretell_requests_refused",
            "Requests refused for their path, method, Host, Origin or token.",
        )
        self.dropped = counter(
            "foretell_log_lines_dropped", "Lines of the log that nobody read in time."
        )
        self.loads = counter("foretell_model_loads", "Times it was opened.", ["model"])


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, event, and its `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            # asyncio adds lines that may quote a text.
            "event": record.getMessage().partition("\n")[0],
            **({"request_id": request_id} if (request_id := _current.get("")) else {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # Not the message, which may quote a text.
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=True, default=str)


class RequestLog:
    """Middleware around all others: gives each request an id and each response its headers, and
    logs them.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        own = secrets.token_hex(12).encode()
        given = (value for name, value in scope["headers"] if name == b"x-request-id")
        request_id = next(filter(_REQUEST_ID.fullmatch, given), own)
        _current.set(request_id.decode())
        scope[_FIELDS], status = {}, CLIENT_CLOSED

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = dict(message.get("headers", ()))
                # A file of the page has a tag, with which a browser asks for it again.
                caching = b"no-cache" if b"etag" in headers else b"no-store"
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"cache-control", caching),
                    (b"x-request-id", request_id),
                    *_SECURITY_HEADERS,
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - began
            # The template of the route and a known method: an unknown path may hold anything.
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"]
            if method not in _METHODS:
                method = "other"
            if status == 405 or (status >= 400 and route == "other"):
                # One series, whatever is asked for.
                self._metrics.refused.inc()
            else:
                self._metrics.requests.labels(route, method, str(status)).inc()
                self._metrics.seconds.labels(route).observe(seconds)
            log(
                "request",
                logging.ERROR if status >= 500 else logging.INFO,
                method=method,
                route=route,
                status=status,
                ms=round(1e3 * seconds, 2),
                **scope[_FIELDS],
            )


def add_log_fields(scope: Scope, **fields: object) -> None:
    """Add fields to the log line of a request: counts and names, never texts."""
    scope.get(_FIELDS, {}).update(fields)
