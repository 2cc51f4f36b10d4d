"""One JSON object a line on stderr: what was asked, by its route, and how it went; never what was in it."""

from __future__ import annotations

import itertools
import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foretell.service.metrics import Metrics

_log = logging.getLogger("foretell.service")

# What a client may call its request: nothing that could forge a line of a log or a header.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_PROCESS = secrets.token_hex(8)
_COUNT = itertools.count()
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER = "other"


_current: ContextVar[str] = ContextVar("request_id")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, event, and its `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **({"request_id": request_id} if (request_id := _current.get("")) else {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # Not the message: it may quote a text.
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=True, default=str)


def log_to_stderr() -> None:
    """Send the service's and uvicorn's records to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name, level in (("foretell.service", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


class Watched:
    """Middleware around everything: gives each request an id, counts it, and logs it when it is answered.

    Args:
        app: the application.
        metrics: is told of each request.
        quiet: log only what went wrong.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, quiet: bool = False) -> None:
        self._app, self._metrics, self._quiet = app, metrics, quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        _current.set(request_id.decode())
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        scope["foretell"] = {}
        try:
            await self._app(scope, receive, send_named)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, and a method that exists: a path that nobody serves may hold anything.
        route = getattr(scope.get("route"), "path", OTHER)
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        # 499 is nginx's: the client had left before there was an answer.
        self._metrics.requests.labels(route, method, str(status or 499)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if self._quiet and status < 500:
            return
        fields = {"method": method, "route": route, "status": status or 499}
        fields |= {"ms": round(1e3 * seconds, 2), **scope["foretell"]}
        _log.info("request", extra={"fields": fields})


def note(scope: Scope, **fields: Any) -> None:
    """Add fields to the log line of a request: counts and names, never texts."""
    scope.get("foretell", {}).update(fields)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return f"{_PROCESS}{next(_COUNT):08x}".encode()
