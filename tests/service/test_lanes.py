"""Texts that come together are answered together, in order, and nobody pays for another's
failure.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from foretell.service.errors import ApiError
from foretell.service.lanes import Batcher, Lane


@pytest.fixture
def lane() -> Iterator[Lane]:
    it = Lane("test", 2, 2000)
    yield it
    assert it.waiting == 0
    it.threads.shutdown()


def double(items: list[int]) -> list[int]:
    if -1 in items:
        raise ValueError("a bad item")
    return [2 * item for item in items]


def test_a_failure_is_only_its_own_requests(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        call = Batcher(double, lane, 8)
        good, bad, other = await asyncio.gather(
            call([1, 2]), call([-1, -1, 5]), call([3]), return_exceptions=True
        )
        assert (good, other) == ([2, 4], [6])
        assert isinstance(bad, ValueError)
        assert await call([4]) == [8]

    asyncio.run(scene())
    # asyncio logs exceptions that nobody has looked at.
    gc.collect()
    assert not caplog.records


def test_a_request_waits_as_often_as_it_has_texts_and_one_alone_always() -> None:
    lane = Lane("few", 1, 10)
    with lane.count(6):
        with lane.count(4), pytest.raises(ApiError, match="found 10 and 1 new ones"), lane.count(1):
            pass
        with pytest.raises(ApiError, match="found 6 and 5 new ones"), lane.count(5):
            pass
    with lane.count(1_000):
        assert lane.waiting == 10
    assert lane.waiting == 0


def test_batches_of_one_request_that_end_in_another_order_change_nothing(lane: Lane) -> None:
    second = threading.Event()

    def work(items: list[int]) -> list[int]:
        if items == [0]:
            assert second.wait(10)
        elif items == [1]:
            second.set()
        return double(items)

    async def scene() -> None:
        call = Batcher(work, lane, 1, concurrency=2)
        assert await asyncio.gather(call([0, 1, 2, 3]), call([9])) == [[0, 2, 4, 6], [18]]

    asyncio.run(scene())


@pytest.mark.parametrize("max_batch", [1, 8])
def test_a_request_of_many_items_does_not_delay_the_others(lane: Lane, max_batch: int) -> None:
    go = threading.Event()
    batches = list[list[int]]()

    def work(items: list[int]) -> list[int]:
        batches.append(items)
        assert go.wait(10)
        return double(items)

    async def scene() -> None:
        call = Batcher(work, lane, max_batch, weight=3)
        large = asyncio.create_task(call(range(600)))
        await asyncio.sleep(0.01)
        assert lane.waiting == 3 * 600
        others = [asyncio.create_task(call([5000 + number, 6000 + number])) for number in range(3)]
        await asyncio.sleep(0.01)
        go.set()
        assert await asyncio.gather(*others) == [[10000 + 2 * n, 12000 + 2 * n] for n in range(3)]
        assert sum(map(len, batches)) < 60
        assert await large == [2 * number for number in range(600)]
        assert max(map(len, batches)) == max_batch

    asyncio.run(scene())
