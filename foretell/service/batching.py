"""Micro-batching: texts that arrive while others are being answered share the next batch.

A request that arrives alone is answered at once. Under load the texts that have accumulated make the next
batch.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from foretell.runtime.stopping import stops_when
from foretell.service.errors import ApiError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Weight of the newest batch in the average time of a text.
_NEWEST = 0.1
_MAX_RETRY_SECONDS = 60.0


class WaitingTexts:
    """Counts the texts that wait, and refuses more than a maximum.

    Args:
        max_texts: the maximum.

    Attributes:
        max_texts: the same.
        count: the texts that wait now.
    """

    def __init__(self, max_texts: int) -> None:
        self.max_texts = max_texts
        self.count = 0
        self._seconds_per_text = 0.001

    def add(self, count: int) -> None:
        """Add `count` texts.

        Raises:
            ApiError: 429, with an estimate in Retry-After of the seconds until there is room.
        """
        if self.count + count > self.max_texts:
            seconds = math.ceil(min(_MAX_RETRY_SECONDS, max(1.0, self.count * self._seconds_per_text)))
            raise ApiError(
                429,
                f"expected at most {self.max_texts} texts waiting for an answer, found {self.count} and "
                f"{count} new ones; try again in {seconds} s",
                code="queue_full",
                headers={"Retry-After": str(seconds)},
            )
        self.count += count

    def remove(self, count: int) -> None:
        """Remove `count` texts, whether answered or not."""
        self.count -= count

    def record(self, count: int, seconds: float) -> None:
        """Update the average time of a text: `count` texts took `seconds`."""
        self._seconds_per_text += _NEWEST * (seconds / count - self._seconds_per_text)


class Batcher(Generic[Item, Result]):
    """Shares calls of one function among requests. Call it from one event loop.

    Args:
        work: items to results, one for each and in the same order; runs in `pool`.
        pool: the threads.
        waiting: counts and bounds the items that wait.
        max_batch: maximum items of one batch.
        concurrency: batches that are worked on at the same time.
        on_batch: called with the size of each batch.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], list[Result]],
        *,
        pool: Executor,
        waiting: WaitingTexts,
        max_batch: int,
        concurrency: int = 1,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._work, self._pool, self._waiting, self._on_batch = work, pool, waiting, on_batch
        self._max_batch, self._concurrency = max_batch, concurrency
        self._requests: deque[deque[tuple[Item, asyncio.Future[Result]]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return a result for each item. A cancelled call leaves the queue, and its items are skipped.

        `work` of a batch whose calls are all cancelled stops at its next `check_stopped`.

        Raises:
            ApiError: 429, too many items wait.
            Exception: what `work` raised on one of these items alone.
        """
        if not items:
            return []
        self._waiting.add(len(items))
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Result]] = [loop.create_future() for _ in items]
        self._requests.append(deque(zip(items, answers, strict=True)))
        if len(self._tasks) < self._concurrency:
            # The event loop holds its tasks by weak references only.
            self._tasks.add(loop.create_task(self._run()))
        try:
            return [await answer for answer in answers]
        finally:
            self._waiting.remove(len(items))
            for answer in answers:
                if not answer.cancel() and not answer.cancelled():
                    # asyncio logs an exception that nobody has looked at, and its message may quote a text.
                    answer.exception()

    async def _run(self) -> None:
        """Answer batches until no item waits."""
        try:
            while self._requests:
                if batch := self._take():
                    await self._answer(batch)
        finally:
            # No await between the last check and this: whatever arrives next starts a new task.
            self._tasks.discard(asyncio.current_task())

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """Take the next batch. The requests take turns: one with many items does not delay the others."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while len(batch) < self._max_batch and self._requests:
            request = self._requests.popleft()
            item, answer = request.popleft()
            # The items of a cancelled request are skipped.
            if not answer.done():
                batch.append((item, answer))
                if request:
                    self._requests.append(request)
        return batch

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        items = [item for item, _ in batch]
        self._on_batch(len(items))
        began = time.monotonic()

        def work() -> list[Result]:
            # A request that has ended needs no answer: the time limit has passed, or its client left.
            with stops_when(lambda: all(answer.done() for _, answer in batch)):
                return self._work(items)

        try:
            results = await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except Exception as error:
            # Each item is repeated alone, so that only the request of the one that fails gets the exception.
            for each in batch if len(batch) > 1 else ():
                await self._answer([each])
            if len(batch) == 1 and not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        self._waiting.record(len(items), time.monotonic() - began)
        for (_, answer), result in zip(batch, results, strict=True):
            if not answer.done():
                answer.set_result(result)
