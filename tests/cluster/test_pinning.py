"""Processors of each worker: shares that do not overlap, kept by a thread until its context ends."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.cluster.pinning import kept_to, processors_here, share

PROCESSORS = st.lists(st.integers(0, 500), unique=True, max_size=40)


@given(PROCESSORS, st.integers(1, 8), st.integers(1, 8))
def test_shares_have_the_same_size_and_nothing_in_common(
    processors: list[int], threads: int, workers: int
) -> None:
    shares = [share(processors, rank, threads) for rank in range(workers)]
    together = [each for of_worker in shares for each in of_worker]
    assert len(set(together)) == len(together)
    assert set(together) <= set(processors)
    assert {len(each) for each in shares} <= {0, threads}
    assert all(shares) == (workers * threads <= len(processors))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin threads")
def test_a_thread_and_those_that_it_starts_keep_to_them_until_the_end() -> None:
    before, seen = processors_here(), list[list[int]]()
    with kept_to(before[:1]):
        assert processors_here() == before[:1]
        other = threading.Thread(target=lambda: seen.append(processors_here()))
        other.start()
        other.join()
    assert seen == [before[:1]]
    assert processors_here() == before
    with kept_to([]):
        assert processors_here() == before
