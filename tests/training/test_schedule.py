"""The learning rate by step."""

from __future__ import annotations

import pytest

from foretell.training.schedule import AVERAGED_FLOOR, FLOOR, learning_rate


def test_the_learning_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(step, 200, 0.1) for step in range(201)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.1)
    assert 5 <= peak <= 15
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.005


def test_the_last_rate_stays() -> None:
    assert learning_rate(500, 200, 0.1) == pytest.approx(FLOOR * 0.1)


def test_it_falls_to_the_floor_that_is_asked_for() -> None:
    assert learning_rate(200, 200, 0.1, AVERAGED_FLOOR) == pytest.approx(AVERAGED_FLOOR * 0.1)
    assert learning_rate(3, 200, 0.1, AVERAGED_FLOOR) == learning_rate(3, 200, 0.1)


def test_one_step_has_the_highest_rate() -> None:
    assert learning_rate(0, 1, 0.1) == pytest.approx(0.1)
