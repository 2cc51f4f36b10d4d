"""Micro-batching: texts that arrive while others are being worked on are answered together.

Nobody waits while the workers are idle and requests come one by one. Under load the texts that pile up make
the next batch; where the last batches were large, a batch that is still small waits a few milliseconds for
company.
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

from foretell.service.failures import Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

# How much the newest batch counts in what is expected of the next.
_MEMORY = 0.3


class Line:
    """Counts the texts that wait for an answer, of all models together, and refuses too many.

    Args:
        longest: most texts in it.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.waiting = 0
        self._seconds_per_text = 0.001

    def enter(self, count: int) -> None:
        """Take `count` texts in.

        Raises:
            Refusal: 429; Retry-After says in how many seconds there should be room again.
        """
        if self.waiting + count > self.longest:
            seconds = math.ceil(min(60.0, max(1.0, self.waiting * self._seconds_per_text)))
            raise Refusal(
                429,
                f"expected at most {self.longest} texts waiting for an answer, found {self.waiting} and "
                f"{count} new ones; try again in {seconds} s",
                code="queue_full",
                headers={"Retry-After": str(seconds)},
            )
        self.waiting += count

    def leave(self, count: int) -> None:
        """Let `count` texts go, answered or not."""
        self.waiting -= count

    def took(self, count: int, seconds: float) -> None:
        """Learn how long `count` texts took."""
        self._seconds_per_text += 0.1 * (seconds / count - self._seconds_per_text)


@dataclass
class _Waiting(Generic[Item, Result]):
    """The texts of one request."""

    items: Sequence[Item]
    answer: asyncio.Future[list[Result]]
    # A request's texts may be spread over several batches.
    results: list[Result] = field(default_factory=list)
    taken: int = 0


class Batcher(Generic[Item, Result]):
    """Shares calls of one function among requests; call it from one event loop.

    Args:
        work: items to results, as many and in order; runs in `pool`.
        pool: the threads.
        line: bounds what waits.
        largest: most items of one batch.
        at_once: batches that are worked on at the same time.
        wait: most seconds that a batch waits to grow; 0: never.
        seen: is told of each batch's size.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], list[Result]],
        *,
        pool: Executor,
        line: Line,
        largest: int,
        at_once: int = 1,
        wait: float = 0.0,
        seen: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._work, self._pool, self._line, self._seen = work, pool, line, seen
        self._largest, self._at_once, self._wait = largest, at_once, wait
        self._requests: deque[_Waiting[Item, Result]] = deque()
        self._size = 0
        self._expected = 1.0
        self._n_workers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._grown = asyncio.Event()

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return a result for each item. Cancelled, it leaves the line: what nobody waits for is not done.

        Raises:
            Refusal: 429, the line is full.
            Exception: what `work` raised on a batch of these items alone.
        """
        if not items:
            return []
        self._line.enter(len(items))
        waiting: _Waiting[Item, Result] = _Waiting(items, asyncio.get_running_loop().create_future())
        self._requests.append(waiting)
        self._size += len(items)
        self._grown.set()
        if self._n_workers < self._at_once:
            self._n_workers += 1
            task = asyncio.create_task(self._run())
            # The loop itself holds its tasks only weakly.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            return await waiting.answer
        finally:
            self._line.leave(len(items))

    async def _run(self) -> None:
        """Work until nothing waits."""
        try:
            while self._requests:
                await self._gather()
                if batch := self._take():
                    await self._answer(batch)
        finally:
            # In the same step that found nothing waiting: whatever comes next starts a new worker.
            self._n_workers -= 1

    async def _gather(self) -> None:
        """Wait, a little, for as many items as the last batches had."""
        wanted = min(self._largest, int(self._expected))
        until = time.monotonic() + self._wait
        while 0 < self._size < wanted and (left := until - time.monotonic()) > 0:
            self._grown.clear()
            try:
                async with asyncio.timeout(left):
                    await self._grown.wait()
            except TimeoutError:
                return

    def _take(self) -> list[tuple[_Waiting[Item, Result], Sequence[Item]]]:
        """Take the next batch: for each request, the items that are its part."""
        batch: list[tuple[_Waiting[Item, Result], Sequence[Item]]] = []
        room = self._largest
        while room and self._requests:
            first = self._requests[0]
            # Whoever has left is not worked for.
            end = len(first.items) if first.answer.done() else first.taken + room
            part = first.items[first.taken : end]
            first.taken += len(part)
            self._size -= len(part)
            if not first.answer.done():
                room -= len(part)
                batch.append((first, part))
            if first.taken == len(first.items):
                self._requests.popleft()
        return batch

    async def _answer(self, batch: list[tuple[_Waiting[Item, Result], Sequence[Item]]]) -> None:
        items = [item for _, part in batch for item in part]
        self._expected += _MEMORY * (len(items) - self._expected)
        self._seen(len(items))
        began = time.monotonic()
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._pool, self._work, items)
        except Exception as error:
            await self._answer_failed(batch, error)
            return
        self._line.took(len(items), time.monotonic() - began)
        start = 0
        for waiting, part in batch:
            waiting.results += results[start : start + len(part)]
            start += len(part)
            if len(waiting.results) == len(waiting.items) and not waiting.answer.done():
                waiting.answer.set_result(waiting.results)

    async def _answer_failed(
        self, batch: list[tuple[_Waiting[Item, Result], Sequence[Item]]], error: Exception
    ) -> None:
        """One request's failure is no other's: each is worked on alone."""
        if len(batch) > 1:
            for alone in batch:
                await self._answer([alone])
            return
        waiting, _ = batch[0]
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
