"""The time of a search."""

from __future__ import annotations

from foretell.tuning.clock import Clock


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_part_of_the_time_is_kept_for_the_end() -> None:
    now = Now()
    clock = Clock(10, 1000.0, now)
    assert clock.limit == 600
    assert 580 <= clock.left() < 600
    assert Clock(1, 1000.0, now).left() == 51.0


def test_trials_that_do_not_end_are_stopped_before_the_command_has_to_end() -> None:
    now = Now()
    clock = Clock(1, 1000.0, now)
    now.seconds = 1052.0
    assert clock.left() == 0
    assert not clock.is_over()
    now.seconds = 1056.0
    assert clock.is_over()
    assert clock.left_in_all() == 4.0


def test_a_trial_that_would_end_too_late_is_not_started() -> None:
    now = Now()
    clock = Clock(1, 1000.0, now)
    assert clock.allows_another([])
    assert clock.allows_another([30.0, 40.0, 90.0])
    assert not clock.allows_another([45.0])
