"""A training that ends in time, on a clock of its own; the learning rate by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from foretell.training import budget as budget_module
from foretell.training.budget import AVERAGED_FLOOR, FLOOR, Budget, InTime, learning_rate

NEVER = float("inf")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def trained(
    budget: Budget, clock: Clock, planned: int, seconds_of_step: Callable[[int], float]
) -> tuple[int, float]:
    """Go through a training; return its steps, and how long it took."""
    done = 0
    before = clock.now
    while done < budget.steps(done, planned):
        clock.now += seconds_of_step(done)
        budget.step_done()
        done += 1
    return done, clock.now - before


def test_without_a_limit_the_plan_holds(clock: Clock) -> None:
    budget = Budget(0, clock=clock, spent=50.0)
    assert trained(budget, clock, 500, lambda _: 9.0)[0] == 500
    assert budget.left() == budget.share(0.1) == budget.for_stage("text vectors") == NEVER


@pytest.mark.parametrize("minutes", [1, 10])
def test_it_ends_in_time(clock: Clock, minutes: int) -> None:
    _, took = trained(Budget(minutes, clock=clock), clock, 10**6, lambda _: 0.5)
    assert 0.95 * 60 * minutes <= took <= 60 * minutes + 0.5


def test_a_machine_that_slows_down_still_ends_in_time(clock: Clock) -> None:
    done, took = trained(Budget(2, clock=clock), clock, 10**6, lambda k: 0.1 if k < 400 else 0.8)
    assert took <= 121
    assert 450 <= done <= 510


def test_the_pace_is_the_mean_of_about_twenty_steps_after_the_first_ones(clock: Clock) -> None:
    budget = Budget(1, clock=clock)
    paces = []
    for took in (0.0, 9.0, 2.0, 4.0, *[3.0] * 17, 5.0, 5.0):
        clock.now += took
        budget.step_done()
        paces.append(budget.pace)
    budget.pause()
    clock.now += 50.0
    budget.step_done()
    assert budget.pace == paces[-1], "a pause is no part of it"
    assert paces[:4] == [0.0, 0.0, 2.0, 3.0]
    assert paces[-2:] == pytest.approx([3.1, 0.95 * 3.1 + 0.05 * 5])


@pytest.mark.parametrize("steps", [1, 10])
def test_short_steps_that_are_slow_for_a_second_change_the_pace_little(
    clock: Clock, steps: int
) -> None:
    budget = Budget(5, clock=clock)
    paces = []
    for took, seconds in ((0.02, 40.0), (0.06, 1.0), (0.06, 60.0)):
        end = clock.now + seconds
        while clock.now < end:
            clock.now += took * steps
            budget.step_done(steps)
        paces.append(budget.pace)
    # What stays is seen.
    assert paces == pytest.approx([0.02, 0.02, 0.06], rel=0.1)


@pytest.mark.parametrize("waited", [5.0, 30.0, 300.0])
def test_a_step_that_had_to_wait_changes_the_number_of_steps_little(
    clock: Clock, waited: float
) -> None:
    budget = Budget(20, clock=clock)
    for _ in range(100):
        clock.now += 0.1
        budget.step_done()
    clock.now += waited
    budget.step_done()
    assert budget.steps(101, 10**6) >= 0.8 * (1_190 - waited) / 0.1


def test_time_before_and_after_the_steps_and_of_earlier_commands_counts(clock: Clock) -> None:
    budget = Budget(2, started=clock.now - 30, clock=clock, spent=60.0)
    budget.keep(10)
    assert (budget.seconds(), budget.left(), budget.share(0.25)) == (90, 20, 5)
    clock.now += 25
    assert budget.left() == 0
    # A resumed training does one step, after which its epoch is measured.
    assert budget.steps(7, 100) == 8
    assert budget.steps(100, 100) == 100
    budget.step_done()
    assert budget.steps(8, 100) == 8


def test_a_stage_has_a_part_of_what_is_left_and_never_the_networks_quarter(clock: Clock) -> None:
    budget = Budget(1, clock=clock)
    assert budget.for_stage("text vectors") == pytest.approx(0.33 * 60)
    for spent, left in ((40, 5), (10, 0)):  # 15 seconds are the network's
        clock.now += spent
        assert budget.for_stage("text vectors") == left


def test_texts_are_given_until_their_time_is_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [str(number) * 10 for number in range(9)]

    class Texts:
        def __iter__(self) -> Iterator[str]:
            for text in texts:
                clock.now += 1
                yield text

    reading = InTime(Texts(), Budget(1, clock=clock), 5.0)
    # A million characters in any case.
    assert list(reading) == texts
    assert (reading.is_cut, reading.count) == (False, 9)
    for characters, expected in ((0, 4), (40, 4), (41, 5), (60, 6)):
        monkeypatch.setattr(budget_module, "_MIN_CHARACTERS", characters)
        assert list(reading) == texts[:expected]
        assert (reading.is_cut, reading.count) == (True, expected)
    assert list(InTime(Texts(), Budget(0, clock=clock), NEVER)) == texts


def test_the_learning_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(step, 200, 0.1) for step in range(201)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.1)
    assert 5 <= peak <= 15
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == learning_rate(500, 200, 0.1) == pytest.approx(FLOOR * 0.1)
    assert learning_rate(200, 200, 0.1, AVERAGED_FLOOR) == pytest.approx(AVERAGED_FLOOR * 0.1)
    assert learning_rate(0, 1, 0.1) == pytest.approx(0.1)
