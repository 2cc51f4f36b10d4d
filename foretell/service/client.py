"""The client at the other end of a connection, as a request handler sees it.

ASGI reports that a client has disconnected only to a task that waits in `receive`, which would cost a task
for each request. Here a callback is called instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

EXTENSION = "foretell.client"
"""The key of the client in the ASGI scope's `extensions`."""


class Client:
    """The client of one connection, on which requests are answered one after another.

    Args:
        abort: closes the connection at once and discards what has not been sent.
        is_reading: whether the client has read most of what was sent.

    Attributes:
        abort, is_reading: the same functions.
        has_disconnected: whether the connection is closed.
    """

    def __init__(self, abort: Callable[[], None], is_reading: Callable[[], bool]) -> None:
        self.abort, self.is_reading = abort, is_reading
        self.has_disconnected = False
        self._callback: Callable[[], None] | None = None

    @contextmanager
    def on_disconnect(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` once if the client disconnects before the block ends, or already has."""
        self._callback = callback
        try:
            if self.has_disconnected:
                callback()
            yield
        finally:
            self._callback = None

    def disconnect(self) -> None:
        """Record that the connection is closed, and call the callback."""
        self.has_disconnected = True
        if self._callback is not None:
            self._callback()


def client_of(scope: Mapping[str, Any]) -> Client:
    """Return the client of a request; with another server than ours, one that never disconnects."""
    client = scope.get("extensions", {}).get(EXTENSION)
    return client if isinstance(client, Client) else Client(lambda: None, lambda: True)
