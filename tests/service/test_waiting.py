"""The count of the texts that wait."""

from __future__ import annotations

import pytest

from foretell.service.errors import ApiError
from foretell.service.waiting import WaitingTexts


def test_as_many_as_the_maximum_wait_and_no_more() -> None:
    waiting = WaitingTexts(3)
    waiting.add(1)
    waiting.add(2)
    with pytest.raises(ApiError) as caught:
        waiting.add(1)
    assert (caught.value.status, caught.value.code) == (429, "queue_full")
    assert waiting.count == 3
    waiting.remove(3)
    waiting.add(3)


@pytest.mark.parametrize(("seconds", "expected"), [(0.0001, 1), (0.05, 5), (100.0, 60)])
def test_retry_after_is_an_estimate_from_the_last_batches(seconds: float, expected: int) -> None:
    waiting = WaitingTexts(100)
    waiting.add(100)
    for _ in range(100):
        waiting.record(10, 10 * seconds)
    with pytest.raises(ApiError) as caught:
        waiting.add(1)
    assert abs(int(caught.value.headers["Retry-After"]) - expected) <= 1
