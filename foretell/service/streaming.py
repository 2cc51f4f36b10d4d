"""Server-sent events, with a time limit for the client that reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.service.client import client_of
from foretell.service.logs import add_log_fields
from foretell.service.state import service_in


class EventStream(StreamingResponse):
    """Server-sent events. They end with the last event, the time limit or the client, whichever comes first.

    The time limit also holds for a client that stops reading.

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
        try:
            async with service_in(scope).time_limit():
                await super().__call__(scope, receive, send)
        except TimeoutError:
            # Without the end that HTTP requires, so that a client which still reads notices.
            add_log_fields(scope, cut_off=True)
            client_of(scope).abort()
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
