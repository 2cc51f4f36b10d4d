"""Micro-batching: texts that arrive while others are being answered share the next batch.

A request that arrives alone is answered at once. Under load the texts that have accumulated make the next
batch. Where the last batches were large, a batch that is still small waits a few milliseconds for more texts.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from foretell.runtime.stopping import stops_when
from foretell.service.errors import ApiError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Weight of the newest batch in the expected size of the next, and in the average time of a text.
_NEWEST, _NEWEST_TIME = 0.3, 0.1
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
        self._seconds_per_text += _NEWEST_TIME * (seconds / count - self._seconds_per_text)


@dataclass
class _Pending(Generic[Item, Result]):
    """The items of one request. They may be spread over several batches, which may end in any order."""

    items: Sequence[Item]
    answer: asyncio.Future[list[Result]]
    results: dict[int, Result] = field(default_factory=dict)
    n_taken: int = 0

    def add(self, start: int, results: Sequence[Result]) -> None:
        """Add the results of the items from `start` on; with the last ones, answer."""
        self.results.update(enumerate(results, start))
        if len(self.results) == len(self.items) and not self.answer.done():
            self.answer.set_result([self.results[index] for index in range(len(self.items))])


@dataclass(frozen=True)
class _Part(Generic[Item, Result]):
    """Items of one request, from `start` on, that are in one batch."""

    pending: _Pending[Item, Result]
    start: int
    items: Sequence[Item]


class Batcher(Generic[Item, Result]):
    """Shares calls of one function among requests. Call it from one event loop.

    Args:
        work: items to results, one for each and in the same order; runs in `pool`.
        pool: the threads.
        waiting: counts and bounds the items that wait.
        max_batch: maximum items of one batch.
        concurrency: batches that are worked on at the same time.
        wait: maximum seconds that a batch waits for more items; 0: none.
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
        wait: float = 0.0,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._work, self._pool, self._waiting, self._on_batch = work, pool, waiting, on_batch
        self._max_batch, self._concurrency, self._wait = max_batch, concurrency, wait
        self._requests: deque[_Pending[Item, Result]] = deque()
        self._n_items = 0
        self._expected = 1.0
        self._n_workers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return a result for each item. A cancelled call leaves the queue, and its items are skipped.

        `work` of a batch whose calls are all cancelled stops at its next `check_stopped`.

        Raises:
            ApiError: 429, too many items wait.
            Exception: what `work` raised on a batch of these items alone.
        """
        if not items:
            return []
        self._waiting.add(len(items))
        pending: _Pending[Item, Result] = _Pending(items, asyncio.get_running_loop().create_future())
        self._requests.append(pending)
        self._n_items += len(items)
        self._arrived.set()
        if self._n_workers < self._concurrency:
            self._n_workers += 1
            task = asyncio.create_task(self._run())
            # The event loop holds its tasks by weak references only.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            return await pending.answer
        finally:
            self._waiting.remove(len(items))

    async def _run(self) -> None:
        """Answer batches until no item waits."""
        try:
            while self._requests:
                await self._wait_for_more()
                if batch := self._take():
                    await self._answer(batch)
        finally:
            # No await between the last check and this: whatever arrives next starts a new worker.
            self._n_workers -= 1

    async def _wait_for_more(self) -> None:
        """Wait a little for as many items as the last batches had."""
        wanted = min(self._max_batch, int(self._expected))
        deadline = time.monotonic() + self._wait
        while 0 < self._n_items < wanted and (remaining := deadline - time.monotonic()) > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(remaining):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _take(self) -> list[_Part[Item, Result]]:
        """Take the next batch. The requests take turns: one with many items does not delay the others."""
        batch: list[_Part[Item, Result]] = []
        room, n_left = self._max_batch, len(self._requests)
        while room and self._requests:
            pending = self._requests.popleft()
            start, n_left = pending.n_taken, n_left - 1
            # The items of a cancelled request are skipped.
            share = len(pending.items) if pending.answer.done() else max(1, room // (max(0, n_left) + 1))
            items = pending.items[start : start + share]
            pending.n_taken += len(items)
            self._n_items -= len(items)
            if pending.answer.done():
                continue
            room -= len(items)
            batch.append(_Part(pending, start, items))
            if pending.n_taken < len(pending.items):
                self._requests.append(pending)
        return batch

    async def _answer(self, batch: list[_Part[Item, Result]]) -> None:
        items = [item for part in batch for item in part.items]
        self._expected += _NEWEST * (len(items) - self._expected)
        self._on_batch(len(items))
        began = time.monotonic()

        def work() -> list[Result]:
            # A request that has ended needs no answer: the time limit has passed, or its client left.
            with stops_when(lambda: all(part.pending.answer.done() for part in batch)):
                return self._work(items)

        try:
            results = await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except Exception as error:
            await self._answer_failed(batch, error)
            return
        self._waiting.record(len(items), time.monotonic() - began)
        first = 0
        for part in batch:
            part.pending.add(part.start, results[first : first + len(part.items)])
            first += len(part.items)

    async def _answer_failed(self, batch: list[_Part[Item, Result]], error: Exception) -> None:
        """Repeat each request alone, so that only the one that fails gets the exception."""
        if len(batch) > 1:
            for alone in batch:
                await self._answer([alone])
            return
        answer = batch[0].pending.answer
        if not answer.done():
            answer.set_exception(error)
