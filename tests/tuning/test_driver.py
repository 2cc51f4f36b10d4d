"""The driver with scripted workers: what is recorded, pruned, tried again, and when it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tuning.trial_workers import Scripted, done

from foretell.config import from_dict
from foretell.errors import Interrupted, RunError
from foretell.tuning.clock import Clock
from foretell.tuning.driver import KEPT_MODELS, best, ranking
from foretell.tuning.events import Searching, TrialEnded
from foretell.tuning.processes import Message
from foretell.tuning.trials import Task

Make = Callable[..., Any]


def scores(*values: float) -> Callable[[Task], Iterable[Message]]:
    """Return a script in which trial i has the i-th value, or the last one."""
    return lambda task: [done(task, values[min(task.number, len(values) - 1)])]


def test_the_preset_comes_first_and_every_trial_is_recorded(search: Make) -> None:
    workers = Scripted(scores(0.5, 0.8, 0.6))
    made = search(workers, trials=3)
    made.driver.run()
    assert [each.value for each in made.records] == [0.5, 0.8, 0.6]
    assert [each.changes for each in made.records][:2] == [{}, {"lowercase": False}]
    settings = [from_dict("labels", task.settings) for task in workers.tasks]
    assert [each.lowercase for each in settings] == [True, False, True]
    assert all(0 < task.seconds < 60 for task in workers.tasks)
    ended = [event for event in made.events if isinstance(event, TrialEnded)]
    assert [event.is_best for event in ended] == [True, True, False]
    assert workers.stopped == ["worker 1"]


def test_trials_run_at_the_same_time_where_there_are_several_workers(search: Make) -> None:
    waiting: list[Task] = []

    def both_at_once(task: Task) -> Iterable[Message]:
        waiting.append(task)
        return [] if len(waiting) < 2 else [done(waiting[-1], 0.5)]

    made = search(Scripted(both_at_once, count=2), clock=Clock(0.02, time.monotonic()))
    made.driver.run()
    assert [task.number for task in waiting][:2] == [0, 1]


def test_a_trial_that_fails_does_not_end_the_search(search: Make) -> None:
    def script(task: Task) -> Iterable[Message]:
        if task.number != 1:
            return [done(task, 0.5)]
        failed = {"event": "failed", "number": 1, "error": "expected a finite loss, found NaN"}
        return [{**failed, "seconds": 2.0, "is_limited": False}]

    made = search(Scripted(script), trials=3)
    made.driver.run()
    assert [each.state for each in made.records] == ["complete", "failed", "complete", "complete"]
    assert made.records[1].error == "expected a finite loss, found NaN"


def test_the_trial_of_a_worker_that_dies_is_recorded_and_the_worker_replaced(search: Make) -> None:
    workers = Scripted(lambda task: [None] if task.number == 1 else [done(task, 0.5)])
    made = search(workers, trials=3)
    made.driver.run()
    assert [each.state for each in made.records] == ["complete", "failed", "complete", "complete"]
    assert "the worker died" in made.records[1].error
    assert workers.stopped == ["worker 1", "worker 1"]


def test_workers_that_die_again_and_again_end_the_search(search: Make) -> None:
    made = search(Scripted(lambda _: [None]))
    with pytest.raises(RunError, match="expected workers that stay alive, found 3 in a row that ended"):
        made.driver.run()
    assert [each.state for each in made.records] == ["failed"] * 3


def test_a_preset_that_cannot_be_trained_is_the_error_of_the_search(search: Make) -> None:
    failed = {
        "event": "failed",
        "number": 0,
        "error": "expected more text",
        "seconds": 0.1,
        "is_limited": False,
    }
    made = search(Scripted(lambda _: [failed]))
    with pytest.raises(RunError, match="expected the preset to train, found expected more text"):
        made.driver.run()


def test_a_trial_without_the_figure_has_failed(search: Make) -> None:
    made = search(Scripted(lambda task: [done(task, 0.5, key="accuracy")]))
    with pytest.raises(RunError, match=r"found no validation figure: .*; give --valid \(macro_f1\)"):
        made.driver.run()
    assert [each.state for each in made.records] == ["failed"]


def test_the_driver_prunes_by_the_figures_that_a_worker_sends(search: Make) -> None:
    def script(task: Task) -> Iterable[Message]:
        figure = {"event": "figure", "number": task.number, "tenth": 5, "epoch": 3, "valid_loss": 0.5}
        accuracy = 0.7 if task.number < 4 else 0.3
        first = {**figure, "valid_accuracy": accuracy}
        return [first] if task.number >= 4 else [first, done(task, accuracy)]

    made = search(Scripted(script), trials=6)
    made.driver.run()
    assert [each.state for each in made.records] == ["complete"] * 4 + ["pruned"] * 2
    assert made.records[4].value is None


def test_trials_that_do_not_end_in_time_are_stopped_and_tried_again(search: Make) -> None:
    made = search(Scripted(lambda _: []), clock=Clock(0.02, time.monotonic()))
    began = time.monotonic()
    made.driver.run()
    assert time.monotonic() - began < 5
    assert [(each.state, each.error) for each in made.records] == [("failed", "interrupted")]
    again = search(Scripted(scores(0.5)), trials=2)
    again.driver.run()
    # The preset is tried again, after the trials that wait.
    assert {} in [each.changes for each in again.records]


def test_ctrl_c_ends_the_search_at_once_and_the_study_goes_on(search: Make) -> None:
    def script(task: Task) -> Iterable[Message]:
        if task.number == 1:
            os.kill(os.getpid(), signal.SIGINT)
            return []
        return [done(task, 0.5)]

    workers = Scripted(script)
    made = search(workers)
    began = time.monotonic()
    with pytest.raises(
        Interrupted, match=r"found an interruption after 1 trial; .*; the same command"
    ) as caught:
        made.driver.run()
    assert time.monotonic() - began < 3
    assert caught.value.exit_code == 130
    assert workers.stopped == ["worker 1"]
    again = search(Scripted(scores(0.6)), trials=3)
    again.driver.run()
    assert [each.state for each in again.records] == ["complete", "failed", "complete", "complete"]


def test_models_that_will_not_be_chosen_are_deleted_but_not_their_answers(
    search: Make, tmp_path: Path
) -> None:
    def script(task: Task) -> Iterable[Message]:
        model = Path(task.folder) / "model"
        model.mkdir(parents=True)
        (Path(task.folder) / "answers.npz").touch()
        return [done(task, task.number / 100)]

    made = search(Scripted(script), trials=KEPT_MODELS + 3)
    made.driver.run()
    kept = sorted(path.parent.name for path in (tmp_path / "trials").glob("*/model"))
    # The preset, which is the worst, and the best ones.
    assert kept == ["0000", *(f"{number:04d}" for number in range(3, KEPT_MODELS + 3))]
    assert len(list((tmp_path / "trials").glob("*/answers.npz"))) == KEPT_MODELS + 3


def test_the_ranking_leaves_out_large_models(search: Make) -> None:
    workers = Scripted(lambda task: [done(task, task.number / 10, size_mb=1.0 + task.number)])
    made = search(workers, trials=4, max_model_mb=3.0)
    made.driver.run()
    aim = made.study.objective
    assert [each.number for each in ranking(made.records, aim, 3.0)] == [2, 1, 0]
    first = best(made.records, aim)
    assert first is not None
    assert first.number == 3


def test_progress_is_shown_while_trials_run(search: Make) -> None:
    made = search(Scripted(scores(0.5)), trials=1)
    made.driver.run()
    shown = [event for event in made.events if isinstance(event, Searching)]
    assert shown
    assert shown[0].limit == 60
