"""Server-sent events, with a time limit for the client that reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.service.client import client_of
from foretell.service.errors import stopping, timed_out
from foretell.service.logs import add_log_fields
from foretell.service.state import service_in


class EventStream(StreamingResponse):
    """Server-sent events. They end with the last event, the time limit, the service or the client.

    At the time limit and at the end of the service, the last event is an error. The time limit also holds for
    a client that has stopped reading: its connection is cut.

    Args:
        events: the events.
        on_end: called once at the end, whatever ended it.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], *, on_end: Callable[[], None]) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        service, client = service_in(scope), client_of(scope)
        try:
            async with service.time_limit():
                await super().__call__(scope, receive, send)
        except TimeoutError:
            if client.is_reading() and not client.has_disconnected:
                error = stopping() if service.is_stopping else timed_out(service.limits.seconds)
                await send({"type": "http.response.body", "body": event(error.to_json())})
                return
            # Without the end that HTTP requires: the client must not take what it has for the whole.
            add_log_fields(scope, cut_off=True)
            client.abort()
            # The connection is closed in the next step of the event loop.
            await asyncio.sleep(0)
        finally:
            self._on_end()


def event(data: str) -> bytes:
    """Return one server-sent event."""
    return f"data: {data}\n\n".encode()


async def with_first(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first event, and return an iterator that begins with it.

    An error before the first event can then still be answered with its status.
    """
    first = await anext(events)

    async def all_events() -> AsyncIterator[bytes]:
        yield first
        async for each in events:
            yield each

    return all_events()
