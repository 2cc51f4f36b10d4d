"""Writing continuations word by word in the service's threads: in short turns, so that many share them
fairly, and only as long as somebody reads them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.runtime.words.writing import Written
from foretell.service.client import client_of
from foretell.service.failures import too_slow
from foretell.service.logs import note

TURN_SECONDS = 0.01


async def written(
    words: Iterator[Written], pool: Executor, *, until: float, seconds: float
) -> AsyncIterator[list[Written]]:
    """Yield the words of a continuation, those of one turn at a time.

    Args:
        words: the continuation, which is worked out while it is read.
        pool: the threads that work it out.
        until: when it must be done, by `time.monotonic`.
        seconds: the limit that this comes from, to be named.

    Raises:
        Refusal: 503, it is later than `until`.
    """
    loop = asyncio.get_running_loop()
    done = False
    while not done:
        if time.monotonic() > until:
            raise too_slow(seconds)
        turn, done = await loop.run_in_executor(pool, _turn, words)
        if turn:
            yield turn


def _turn(words: Iterator[Written]) -> tuple[list[Written], bool]:
    """Return the words of one turn, one at least where there are any, and whether that was the end."""
    found: list[Written] = []
    end = time.monotonic() + TURN_SECONDS
    for word in words:
        found.append(word)
        if time.monotonic() >= end:
            return found, False
    return found, True


class EventStream(StreamingResponse):
    """Server-sent events that end with the time limit, the client or the last event, whichever comes first.

    Args:
        events: the events.
        seconds: the time limit; a client that stops reading cannot hold on to it longer.
        release: called once it is over, however it ended.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], *, seconds: float, release: Callable[[], None]) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._seconds, self._release = seconds, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            # Not ended as it should be: whoever still reads sees that something is missing.
            note(scope, cut_off=True)
            client_of(scope).cut()
            # The connection hears of it in the next step of the loop.
            await asyncio.sleep(0)
        finally:
            self._release()


def event(data: str) -> bytes:
    """Return one server-sent event."""
    return f"data: {data}\n\n".encode()
