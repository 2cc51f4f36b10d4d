"""Bounds of a download with huggingface_hub, which itself limits the time of each read only and
compares the size of a file after its last byte only.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub.utils.tqdm import tqdm


@contextlib.contextmanager
def bounded(max_count: int, seconds: float) -> Iterator[type[tqdm]]:
    """End what is downloaded meanwhile with an OSError after `seconds`.

    Yields:
        The class of the progress bar to download with, which raises it beyond `max_count` bytes or
        files.
    """
    from huggingface_hub import get_session
    from huggingface_hub.utils.tqdm import tqdm

    deadline = time.monotonic() + seconds

    def check_time() -> None:
        if time.monotonic() > deadline:
            raise OSError(f"a download that is not complete after {seconds:g} seconds")

    class Progress(tqdm):
        count = 0.0

        def update(self, n: float | None = 1) -> bool | None:
            check_time()
            self.count += n or 0
            if self.count > max_count:
                raise OSError("more bytes than announced")
            shown: bool | None = super().update(n)
            return shown

    session = get_session()
    library = importlib.import_module(type(session).__module__.partition(".")[0])

    # A progress bar is updated once for many megabytes: a server that drips is noticed here.
    class Stream(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: IO[bytes]) -> None:
            self.close = stream.close
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            for part in self.stream:
                check_time()
                yield part

    def watch(response: Any) -> None:
        response.stream = Stream(response.stream)

    session.event_hooks["response"].append(watch)
    try:
        yield Progress
    finally:
        session.event_hooks["response"].remove(watch)
