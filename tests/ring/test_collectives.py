"""Sums, exchanges and copies in a ring of threads, beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.errors import LostWorkerError
from foretell.ring.collectives import Ring
from tests.ring.rings import in_ring

# What a worker finds whose neighbour has closed the connection: while it waits, or while it sends.
GONE = r"closed|reset|Broken pipe"


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("length", [0, 1, 4, 1_003, 700_000])
def test_a_sum_is_that_of_all_workers_with_the_same_bits_everywhere(workers: int, length: int) -> None:
    given = [np.random.default_rng(rank).normal(size=length).astype(np.float32) for rank in range(workers)]

    def work(ring: Ring) -> tuple[bytes, int]:
        vector, before = given[ring.rank].copy(), ring.sent_bytes
        ring.sum(vector)
        np.testing.assert_allclose(vector, np.sum(given, axis=0), rtol=1e-5, atol=1e-5)
        return vector.tobytes(), ring.sent_bytes - before

    results = in_ring(workers, work)
    assert len({bits for bits, _ in results}) == 1
    # 2(N - 1)/N of the vector, and 32 bytes for each exchange; parts differ by one value.
    for _, sent in results:
        frames = 2 * (workers - 1)
        assert sent == pytest.approx(2 * (workers - 1) / workers * 4 * length + 32 * frames, abs=4 * frames)


@pytest.mark.parametrize("workers", [2, 4])
def test_rows_of_all_workers_arrive_in_the_order_of_their_ranks(workers: int) -> None:
    # The first has none, the last has many.
    ids = [np.arange(rank * 50, dtype=np.int32) + rank for rank in range(workers)]
    values = [np.random.default_rng(rank).normal(size=[rank * 50, 7]).astype("f") for rank in range(workers)]

    def work(ring: Ring) -> None:
        for _ in range(2):
            all_ids, all_values = ring.gather_rows(ids[ring.rank], values[ring.rank])
            np.testing.assert_array_equal(all_ids, np.concatenate(ids))
            np.testing.assert_array_equal(all_values, np.concatenate(values))

    in_ring(workers, work)


@pytest.mark.parametrize("workers", [2, 3])
def test_a_copy_is_that_of_the_first_worker(workers: int) -> None:
    def work(ring: Ring) -> None:
        for length in (0, 3, 600_000):
            vector = np.full(length, float(ring.rank), np.float32)
            if ring.rank == 0:
                vector[:] = np.arange(length)
            ring.copy_from_first(vector)
            np.testing.assert_array_equal(vector, np.arange(length, dtype=np.float32))

    in_ring(workers, work)


def test_a_worker_that_leaves_is_an_error_for_the_others() -> None:
    def sum_on(ring: Ring) -> None:
        for _ in range(5):
            ring.sum(np.ones(100_000, np.float32))

    def work(ring: Ring) -> str:
        if ring.rank == 1:
            return "left"
        with pytest.raises(LostWorkerError, match=r"worker \d: expected an answer of the worker, found"):
            sum_on(ring)
        ring.close()
        return "found it"

    assert in_ring(3, work) == ["found it", "left", "found it"]


def test_a_worker_that_is_stuck_is_an_error_after_a_while() -> None:
    def work(ring: Ring) -> str:
        if ring.rank == 1:
            ring._previous.read(1)
            ring._previous.socket.settimeout(5)
            # Until the other has given up.
            while ring._previous.socket.recv(1 << 20):
                pass
            return "stuck"
        with pytest.raises(LostWorkerError, match=r"found nothing for 0.5 s"):
            ring.sum(np.ones(1_000, np.float32))
        return "found it"

    assert in_ring(2, work, seconds=0.5) == ["found it", "stuck"]


def test_gradients_that_somebody_has_changed_are_refused() -> None:
    def work(ring: Ring) -> str:
        send = ring._next.sealed

        def changed(*arguments: Any) -> bytearray:
            sealed = send(*arguments)
            sealed[100] ^= 1
            return sealed

        if ring.rank == 1:
            ring._next.sealed = changed  # type: ignore[method-assign]
        found = "bytes that the worker did not send" if ring.rank == 0 else GONE
        with pytest.raises(LostWorkerError, match=found):
            ring.sum(np.ones(1_000, np.float32))
        ring.close()
        return "refused"

    assert in_ring(2, work) == ["refused", "refused"]


def test_lengths_that_differ_are_an_error() -> None:
    def work(ring: Ring) -> str:
        with pytest.raises(LostWorkerError, match=rf"instead of|{GONE}") as found:
            ring.sum(np.ones(10 + ring.rank * 90, np.float32))
        return str(found.value)

    assert any("instead of" in message for message in in_ring(2, work))
