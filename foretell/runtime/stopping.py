"""Stop a long computation from outside: the loops of a prediction ask whether its result is still
wanted.

Python cannot end a thread. Without this, a request that was answered with an error computes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from foretell.errors import ForetellError

_thread = threading.local()


class StoppedError(ForetellError):
    """A computation whose result nobody waits for any longer."""


@contextmanager
def stops_when(is_over: Callable[[], bool]) -> Iterator[None]:
    """Let `check_stopped` raise on this thread, until the block ends, once `is_over` returns
    True.
    """
    before = getattr(_thread, "is_over", None)
    _thread.is_over = is_over
    try:
        yield
    finally:
        _thread.is_over = before


def check_stopped() -> None:
    """Raise if the computation of this thread is to stop; call it in every loop that may take
    seconds.

    Raises:
        StoppedError: `is_over` of `stops_when` returned True.
    """
    is_over = getattr(_thread, "is_over", None)
    if is_over is not None and is_over():
        raise StoppedError("a computation whose result is wanted", "one that was given up")
