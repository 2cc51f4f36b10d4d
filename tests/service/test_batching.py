"""Texts that come together are answered together, in order, and nobody pays for another's failure."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from foretell.service.batching import Batcher, WaitingTexts
from foretell.service.errors import ApiError


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as it:
        yield it


class Doubling:
    """Work that doubles numbers, keeps its batches, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        assert self.go.wait(10)
        if -1 in items:
            raise ValueError("a bad item")
        return [2 * item for item in items]


def batcher(work: Doubling, pool: ThreadPoolExecutor, *, longest: int = 100, **how: Any) -> Batcher[int, int]:
    return Batcher(work, pool=pool, waiting=WaitingTexts(longest), **{"max_batch": 8, **how})


def test_what_piles_up_is_one_batch(pool: ThreadPoolExecutor) -> None:
    async def scene() -> None:
        work = Doubling()
        work.go.clear()
        call = batcher(work, pool)
        asked = [asyncio.create_task(call([number])) for number in range(6)]
        await asyncio.sleep(0.05)
        assert work.batches == [[0, 1, 2, 3, 4, 5]] or work.batches == [[0]]
        work.go.set()
        assert await asyncio.gather(*asked) == [[2 * number] for number in range(6)]
        assert [number for batch in work.batches for number in batch] == list(range(6))
        assert len(work.batches) <= 2

    asyncio.run(scene())


def test_a_large_request_is_cut_and_put_together_again(pool: ThreadPoolExecutor) -> None:
    async def scene() -> None:
        work = Doubling()
        call = batcher(work, pool, concurrency=2)
        large, small = await asyncio.gather(call(range(21)), call([100]))
        assert large == [2 * number for number in range(21)]
        assert small == [200]
        assert max(map(len, work.batches)) == 8

    asyncio.run(scene())


def test_a_failure_is_only_its_own_requests(pool: ThreadPoolExecutor) -> None:
    async def scene() -> None:
        call = batcher(Doubling(), pool)
        good, bad, other = await asyncio.gather(call([1, 2]), call([-1]), call([3]), return_exceptions=True)
        assert (good, other) == ([2, 4], [6])
        assert isinstance(bad, ValueError)
        assert await call([4]) == [8]

    asyncio.run(scene())


def test_nothing_is_logged_of_the_other_failures_of_a_request(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        with pytest.raises(ValueError, match="a bad item"):
            await batcher(Doubling(), pool)([-1, -1, 2])

    asyncio.run(scene())
    gc.collect()
    assert not caplog.records


def test_who_has_left_is_not_worked_for(pool: ThreadPoolExecutor) -> None:
    async def scene() -> None:
        work = Doubling()
        work.go.clear()
        waiting = WaitingTexts(100)
        call = Batcher(work, pool=pool, waiting=waiting, max_batch=1)
        first = asyncio.create_task(call([1]))
        await asyncio.sleep(0.02)
        leaving, staying = asyncio.create_task(call([2, 3])), asyncio.create_task(call([4]))
        await asyncio.sleep(0.02)
        leaving.cancel()
        await asyncio.sleep(0)
        assert waiting.count == 2
        work.go.set()
        assert (await first, await staying) == ([2], [8])
        assert work.batches == [[1], [4]]
        assert waiting.count == 0

    asyncio.run(scene())


def test_a_full_line_refuses_and_says_when_to_come_again(pool: ThreadPoolExecutor) -> None:
    async def scene() -> None:
        work = Doubling()
        work.go.clear()
        call = batcher(work, pool, longest=3)
        asked = asyncio.create_task(call([1, 2]))
        await asyncio.sleep(0.02)
        with pytest.raises(ApiError) as caught:
            await call([3, 4])
        assert caught.value.status == 429
        assert int(caught.value.headers["Retry-After"]) >= 1
        work.go.set()
        assert await asyncio.gather(asked, call([3])) == [[2, 4], [6]]

    asyncio.run(scene())


def test_nothing_is_answered_at_once(pool: ThreadPoolExecutor) -> None:
    assert asyncio.run(batcher(Doubling(), pool)([])) == []


def test_batches_of_one_request_that_end_in_another_order_change_nothing(pool: ThreadPoolExecutor) -> None:
    second = threading.Event()

    def work(items: list[int]) -> list[int]:
        if items == [0]:
            assert second.wait(10)
        elif items == [1]:
            second.set()
        return [2 * item for item in items]

    async def scene() -> None:
        call = Batcher(work, pool=pool, waiting=WaitingTexts(100), max_batch=1, concurrency=2)
        assert await asyncio.gather(call([0, 1, 2, 3]), call([9])) == [[0, 2, 4, 6], [18]]

    asyncio.run(scene())


@pytest.mark.parametrize("max_batch", [1, 8])
def test_a_request_of_many_items_does_not_delay_the_others(pool: ThreadPoolExecutor, max_batch: int) -> None:
    async def scene() -> None:
        work = Doubling()
        work.go.clear()
        call = batcher(work, pool, max_batch=max_batch, longest=2000)
        large = asyncio.create_task(call(range(1000)))
        await asyncio.sleep(0.02)
        others = [asyncio.create_task(call([5000 + number, 6000 + number])) for number in range(3)]
        await asyncio.sleep(0.02)
        work.go.set()
        assert await asyncio.gather(*others) == [[10000 + 2 * n, 12000 + 2 * n] for n in range(3)]
        assert sum(map(len, work.batches)) < 60
        assert await large == [2 * number for number in range(1000)]

    asyncio.run(scene())
