"""The training loop with a network of one number: which weights remain, and what a loop within a
run leaves behind.
"""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.arrays import Array
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.errors import Interrupted, RunError
from foretell.training import loop as loop_module
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Event, Progress
from foretell.training.loop import (
    Evaluation,
    LoopState,
    Meter,
    Schedule,
    StepMeans,
    StepsAhead,
    TrainingLoop,
    UnsavedLoop,
)
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run, folder_of

SCHEDULE = Schedule(steps=12, epoch_steps=3, learning_rate=0.5, unit="words", units_a_step=1)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counter:
    """Its weight is the number of steps; the losses are those of its steps and its evaluations."""

    def __init__(self, evaluations: Sequence[float], losses: Sequence[float] = (1.0,)) -> None:
        self.weight = 0
        self.at_once = 2
        self._evaluations = evaluations
        self._losses = losses

    def advance(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        count = min(self.at_once, ahead.limit)
        steps = range(ahead.done, ahead.done + count)
        self.weight += count
        return [StepMeans(self._losses[step % len(self._losses)], math.nan) for step in steps]

    def evaluate(self) -> Evaluation:
        epoch = math.ceil(self.weight / SCHEDULE.epoch_steps)
        return Evaluation(loss=self._evaluations[epoch - 1], accuracy=0.5)

    def weights(self) -> Weights:
        return {"weight": np.array([self.weight], np.float32)}

    def set_weights(self, weights: Weights) -> None:
        self.weight = int(weights["weight"][0])

    def seconds_after_steps(self) -> float:
        return 0.0

    def arrays(self) -> dict[str, Array]:
        return dict(self.weights())

    def values(self) -> dict[str, object]:
        return {}

    def restore(self, saved: Checkpoint) -> None:
        self.set_weights(saved.arrays)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def run(tmp_path: Path, events: list[Event]) -> Iterator[Run]:
    request = Request(job="words", settings=WordsSettings(), data="abc")
    options = TrainOptions(out=tmp_path / "model", listener=events.append)
    with Run.open(request, options) as opened:
        events.clear()
        yield opened


@pytest.mark.parametrize("kind", [TrainingLoop, UnsavedLoop])
@pytest.mark.parametrize(
    ("evaluations", "changes", "best", "weight", "steps"),
    [
        pytest.param([3.0, 1.0, 2.0, 4.0], {}, 2, 6, 12, id="the best epoch"),
        pytest.param([3.0, 1.0, 2.0, 4.0], {"keeps_best": False}, 2, 12, 12, id="the last step"),
        pytest.param([3.0, 1.0, 2.0], {"patience": 1}, 2, 6, 9, id="patience"),
        pytest.param([math.nan, 3.0, math.nan, 2.0], {"patience": 2}, 4, 12, 12, id="NaN"),
        pytest.param([math.nan, math.nan], {"patience": 2}, 0, 6, 6, id="only NaN"),
    ],
)
def test_which_weights_remain(
    run: Run,
    kind: type[TrainingLoop],
    evaluations: list[float],
    changes: dict[str, Any],
    best: int,
    weight: int,
    steps: int,
) -> None:
    counter = Counter(evaluations)
    loop = kind(run, counter, replace(SCHEDULE, **changes))
    loop.train()
    assert (loop.state.best_epoch, counter.weight, loop.state.step) == (best, weight, steps)


@given(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, math.nan]), min_size=4, max_size=4),
    st.integers(1, 11),
    st.integers(0, 2),
)
@settings(max_examples=12)
def test_interrupted_at_any_step_it_is_as_if_never(
    tmp_path_factory: pytest.TempPathFactory,
    evaluations: list[float],
    stop: int,
    patience: int,
) -> None:
    request = Request(job="words", settings=WordsSettings(), data="abc")
    schedule = replace(SCHEDULE, patience=patience)
    options = TrainOptions(out=tmp_path_factory.mktemp("loop") / "model")

    def ended(**how: Any) -> tuple[LoopState, int]:
        with Run.open(request, replace(options, **how)) as run:
            counter = Counter(evaluations)
            loop = TrainingLoop(run, counter, schedule)
            if saved := run.resumed():
                loop.restore(saved)
            loop.train()
        return replace(loop.state, seconds=0.0), counter.weight

    with suppress(Interrupted):
        ended(stop_after_steps=stop)
    resumed = ended(resume=True)
    assert repr(resumed) == repr(ended(restart=True))


def test_the_events_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "PROGRESS_SECONDS", 0.0)
    events = list[Event]()
    counter = Counter([3.0, 1.0, 2.0, 4.0], losses=[1.0, 5.0])
    counter.at_once = 1
    options = TrainOptions(out=tmp_path / "m", listener=events.append, checkpoint_seconds=1e-9)
    with Run.open(Request(job="words", settings=WordsSettings(), data=""), options) as run:
        TrainingLoop(run, counter, SCHEDULE).train()
    # Each line has the mean of the steps since the line before.
    lines = map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines())
    assert [line["loss"] for line in lines if "valid_loss" not in line] == [1.0, 5.0] * 6
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.step, event.steps) for event in progress] == [(n, 12) for n in range(1, 13)]
    assert all(event.speed > 0 for event in progress)
    assert (progress[-1].seconds_left, progress[-1].best) == (0, 1.0)
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [(event.epoch, event.step, event.is_best) for event in done] == [
        (1, 3, True),
        (2, 6, True),
        (3, 9, False),
        (4, 12, False),
    ]
    # A checkpoint follows the end of an epoch.
    saved = [event for event in events if isinstance(event, Checkpointed)]
    assert [event.step for event in saved] == list(range(1, 13))
    assert events.index(done[0]) < events.index(saved[2])


def test_a_loss_that_is_not_finite_ends_with_the_best_weights_or_an_error(run: Run) -> None:
    losses = [1.0] * 7 + [math.nan] * 5
    counter = Counter([3.0, 1.0], losses)
    UnsavedLoop(run, counter, SCHEDULE).train()
    assert counter.weight == 6
    with pytest.raises(RunError, match="a lower learning rate"):
        UnsavedLoop(run, Counter([3.0, 1.0], losses), replace(SCHEDULE, keeps_best=False)).train()


def test_an_unsaved_loop_leaves_no_event_no_line_and_no_checkpoint(
    run: Run, events: list[Event]
) -> None:
    def files() -> list[Path]:
        return sorted(path for path in folder_of(run.out).rglob("*") if path.name != "spent.json")

    before = files()
    UnsavedLoop(run, Counter([1.0] * 4), SCHEDULE).train()
    assert (events, files()) == ([], before)
    TrainingLoop(run, Counter([1.0] * 4), SCHEDULE).train()
    assert sum(isinstance(event, EpochDone) for event in events) == SCHEDULE.epochs
    assert files() != before


class Timed(Counter):
    """A step takes a second; measuring takes less time than was reserved for it."""

    def __init__(self, clock: Clock, *, reserved: float) -> None:
        super().__init__([2.0] * 100)
        self.at_once = 1
        self.clock = clock
        self.reserved = reserved

    def advance(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        self.clock.now += 1.0
        return super().advance(ahead)

    def evaluate(self) -> Evaluation:
        self.reserved = 0.0
        return super().evaluate()

    def seconds_after_steps(self) -> float:
        return self.reserved


@pytest.mark.parametrize("reserved", [0.0, 5.0, 40.0])
def test_with_a_time_limit_an_epoch_ends_once(
    run: Run, events: list[Event], reserved: float
) -> None:
    clock = Clock()
    run.budget = Budget(1, clock=clock)
    schedule = replace(SCHEDULE, steps=1000, epoch_steps=1000)
    loop = TrainingLoop(run, Timed(clock, reserved=reserved), schedule)
    loop.reserve()
    loop.train()
    done = [event.step for event in events if isinstance(event, EpochDone)]
    assert done == [loop.state.step]
    assert not loop.is_training()


def test_a_last_epoch_that_is_measured_after_a_resume_ends_once(
    run: Run, events: list[Event]
) -> None:
    clock = Clock()
    run.budget = Budget(1, clock=clock)
    schedule = replace(SCHEDULE, steps=1000, epoch_steps=1000)
    first = TrainingLoop(run, Interrupting(clock, reserved=0.0), schedule)
    with pytest.raises(Interrupted):
        first.train()
    saved = run.checkpoints.latest()
    assert saved is not None
    run.budget = Budget(1, clock=clock, spent=61.0)
    second = TrainingLoop(run, Timed(clock, reserved=0.0), schedule)
    second.restore(saved)
    second.train()
    done = [event.step for event in events if isinstance(event, EpochDone)]
    assert done == [first.state.step] == [second.state.step]


class Interrupting(Timed):
    def evaluate(self) -> Evaluation:
        raise Interrupted(expected="the end of the evaluation", found="SIGTERM")


def test_an_unsaved_loop_has_no_time_limit_and_can_be_interrupted(run: Run) -> None:
    run.budget.deadline = 0.0
    counter = Counter([1.0] * 4)
    UnsavedLoop(run, counter, SCHEDULE).train()
    assert counter.weight == 3  # the first of the equal epochs
    run.interrupt.signal = signal.SIGINT
    with pytest.raises(Interrupted):
        UnsavedLoop(run, counter, SCHEDULE).train()


def test_steps_without_accuracy_have_no_part_in_its_mean() -> None:
    meter = Meter()
    assert meter.means() == {}
    meter.add(StepMeans(1.0, math.nan))
    assert meter.means() == {"loss": 1.0}
    meter.add(StepMeans(3.0, 0.5))
    assert meter.means() == {"loss": 2.0, "accuracy": 0.5}
