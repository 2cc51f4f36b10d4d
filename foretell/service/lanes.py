"""Lanes: threads for short, long and other requests, which do not wait for each other; and
micro-batching.

Texts that arrive while others are being answered share the next batch. A request that arrives alone
is answered at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Generic, TypeVar

from foretell.runtime.stopping import stops_when
from foretell.service.errors import RETRY, ApiError

Item = TypeVar("Item")
Result = TypeVar("Result")

QUICK = "quick"
LONG = "long"
WRITING = "completions"
"""The lanes of texts: no short text waits for long or many ones, or for completions, which take
turns in their own.
"""

OTHER = "other"
"""What is no text and would hold up the event loop: GET /metrics, and opening a model again."""


class Lane:
    """Threads for one kind of requests, and `waiting`: the texts that wait for them or are being
    answered.
    """

    def __init__(self, name: str, threads: int, max_waiting: int) -> None:
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix=f"foretell-{name}")
        self._max_waiting = max_waiting
        self.waiting = 0

    @contextmanager
    def count(self, count: int) -> Iterator[None]:
        """Count texts among those that wait, until the block ends; ApiError: 429, too many do."""
        # So that a request that counts for more is accepted where nothing else waits.
        count = min(count, self._max_waiting)
        if self.waiting + count > self._max_waiting:
            found = f"{self.waiting} and {count} new ones; try again later"
            raise ApiError(
                f"expected at most {self._max_waiting} texts waiting for an answer, found {found}",
                status=429,
                code="queue_full",
                headers=RETRY,
            )
        self.waiting += count
        try:
            yield
        finally:
            self.waiting -= count

    async def run(
        self, work: Callable[[], Result], is_over: Callable[[], bool] | None = None
    ) -> Result:
        """Return the result of `work`, which runs in a thread.

        It stops at its next `check_stopped` once `is_over` holds, or by default once nobody waits
        for it.
        """
        is_left = False

        def stoppable() -> Result:
            with stops_when(is_over or (lambda: is_left)):
                return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, stoppable)
        finally:
            is_left = True


class Batcher(Generic[Item, Result]):
    """Shares calls of one function among requests. Call it from one event loop.

    `work` turns items into results, one for each and in the same order. It runs in `lane` with at
    most `max_batch` items, and up to `concurrency` times at once. An item counts as `weight`
    waiting texts.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], list[Result]],
        lane: Lane,
        max_batch: int,
        concurrency: int = 1,
        weight: int = 1,
    ) -> None:
        self._work = work
        self._lane = lane
        self._weight = weight
        self._max_batch = max_batch
        self._concurrency = concurrency
        self._requests: deque[deque[tuple[Item, asyncio.Future[Result]]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return a result for each item, or raise what `work` raised on one of these items alone.

        A cancelled call leaves the queue, and its items are skipped. ApiError: 429, too many items
        wait.
        """
        with self._lane.count(self._weight * len(items)):
            loop = asyncio.get_running_loop()
            answers: list[asyncio.Future[Result]] = [loop.create_future() for _ in items]
            self._requests.append(deque(zip(items, answers, strict=True)))
            if len(self._tasks) < self._concurrency:
                # The event loop holds its tasks by weak references only.
                self._tasks.add(loop.create_task(self._run()))
            try:
                return [await answer for answer in answers]
            finally:
                for answer in answers:
                    if not answer.cancel() and not answer.cancelled():
                        # asyncio logs an exception that nobody looked at, and its message may quote
                        # a text.
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
        """Take the next batch. The requests take turns: one with many items does not delay the
        others.
        """
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
        work = partial(self._work, [item for item, _ in batch])
        try:
            # A request that has ended needs no answer: the time limit has passed, or its client
            # left.
            results = await self._lane.run(work, lambda: all(answer.done() for _, answer in batch))
        except Exception as error:
            # Each item is repeated alone, so that only the request of the one that fails gets the
            # exception.
            for each in batch if len(batch) > 1 else ():
                await self._answer([each])
            if len(batch) == 1 and not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if not answer.done():
                answer.set_result(result)
