"""The client at the other end of a connection, as a request sees it: it may leave, and it may be cut off.

ASGI tells that a client left only to who waits for it, which takes a task for each request. This is a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

_KEY = "client"


class Client:
    """Who has opened a connection; its requests come one after another.

    Args:
        cut: closes the connection at once, whatever has not been sent yet.

    Attributes:
        cut: that.
        has_left: whether the connection is closed.
    """

    def __init__(self, cut: Callable[[], None]) -> None:
        self.cut = cut
        self.has_left = False
        self._told: Callable[[], None] | None = None

    @contextmanager
    def watched(self, told: Callable[[], None]) -> Iterator[None]:
        """Call `told`, once, if the client leaves before the block ends, or has left already."""
        self._told = told
        try:
            if self.has_left:
                told()
            yield
        finally:
            self._told = None

    def leave(self) -> None:
        """Tell whoever watches that the connection is closed."""
        self.has_left = True
        if self._told is not None:
            self._told()

    def as_state(self) -> dict[str, object]:
        """Return what `client_of` finds in the state of a request."""
        return {_KEY: self}


def client_of(scope: Scope) -> Client:
    """Return the client whose request this is; of another server than ours, one that never tells."""
    found = scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Client) else Client(lambda: None)
