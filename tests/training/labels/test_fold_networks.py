"""Networks of folds that other processes train: the same classifier, bit for bit, whoever does which fold."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.config import with_changes
from foretell.errors import Interrupted
from foretell.training.events import Event, Note
from foretell.training.labels import fold_networks
from foretell.training.labels.fold_task import FoldAnswer, FoldTask, FoldTrainer
from foretell.training.labels.member_task import MemberAnswer, MemberTask
from foretell.training.run import Run
from tests.training.labels.test_on_folds import SETTINGS, train


class InProcessWorkers:
    """Workers of this process: they have a network of their own, and answer the last task first.

    They take every second linear member.

    Args:
        skipped: folds that no worker can do.
        stops_after: answers after which a signal arrives.
        seconds: that the workers think are left.
    """

    def __init__(
        self, skipped: Sequence[int] = (), stops_after: int | None = None, seconds: float = np.inf
    ) -> None:
        self.skipped, self.stops_after, self.seconds = skipped, stops_after, seconds
        self._trainer: FoldTrainer | None = None
        self.began: list[int] = []
        self.done: list[int] = []
        self.offered = self.ended = 0
        self._members: list[bytes] = []

    def begin(self, tasks: int) -> None:
        self.began.append(tasks)

    def end(self) -> None:
        self.ended += 1

    def offer(self, task: MemberTask, run: Run) -> bool:
        del run
        self.offered += 1
        if self.offered % 2:
            return False
        self._members.append(cloudpickle.dumps(task))
        return True

    def collect(self, run: Run, is_late: Callable[[], bool]) -> Iterator[MemberAnswer]:
        del run, is_late
        while self._members:
            task: MemberTask = cloudpickle.loads(self._members.pop())
            yield task.answer(threads=1)

    def answers(self, tasks: Sequence[FoldTask], run: Run) -> Iterator[FoldAnswer]:
        for task in reversed(tasks):
            if task.fold in self.skipped:
                continue
            if len(self.done) == self.stops_after:
                run.interrupt.request()
                run.interrupt.check()
            # As another process has it.
            sent: FoldTask = pickle.loads(pickle.dumps(task))
            self._trainer = self._trainer or FoldTrainer.of(sent)
            yield self._trainer.answer(sent, lambda: self.seconds, after=1)
            self.done.append(task.fold)


@pytest.fixture(scope="module", autouse=True)
def short_schedule() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_networks, "_EPOCHS", 2)
        patch.setattr(fold_networks, "_STEPS", 6)
        yield


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(tmp_path_factory.mktemp("alone") / "m")


def notes(into: list[str]) -> Any:
    def listen(event: Event) -> None:
        if isinstance(event, Note):
            into.append(event.text)

    return listen


def assert_equal(one: Any, other: Any) -> None:
    assert one.ensemble == other.ensemble
    for name, weights in one.weights.items():
        np.testing.assert_array_equal(weights, other.weights[name])
    np.testing.assert_array_equal(one.linear.weights, other.linear.weights)
    timed = {"seconds": 0, "texts_per_second": 0}
    assert {**one.metrics, **timed} == {**other.metrics, **timed}


def test_workers_give_the_same_classifier_and_what_they_cannot_do_the_command_does(
    tmp_path: Path, alone: Any
) -> None:
    workers, said = InProcessWorkers(skipped=[1]), list[str]()
    model = train(tmp_path / "m", workers=workers, listener=notes(said))
    assert_equal(model, alone)
    assert (workers.began, workers.done, workers.offered) == ([5], [4, 3, 2, 0], 6)
    assert "1 of the 5 folds are trained by the command itself" in said


def test_an_interruption_keeps_the_folds_that_are_done(tmp_path: Path, alone: Any) -> None:
    with pytest.raises(Interrupted, match="a checkpoint is saved"):
        train(tmp_path / "m", workers=InProcessWorkers(stops_after=2))
    resumed = InProcessWorkers()
    model = train(tmp_path / "m", workers=resumed, resume=True)
    assert resumed.done == [2, 1, 0]
    assert_equal(model, alone)


def test_a_worker_without_time_leaves_the_network_without_folds(tmp_path: Path) -> None:
    said = list[str]()
    model = train(tmp_path / "m", workers=InProcessWorkers(seconds=0.0), listener=notes(said))
    assert any("the time limit is too short for out-of-fold predictions" in text for text in said)
    assert "the network has no weight" in model.metrics["decided_by"]


def test_with_more_labels_workers_choose_linear_members_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("foretell.config", "foretell.training.labels.on_folds"):
        monkeypatch.setattr(f"{module}.MAX_WITHOUT_VALIDATION", 20)
    settings = with_changes(SETTINGS, {"min_steps": 1, "epochs": 1})
    alone = train(tmp_path / "alone", settings=settings)
    workers = InProcessWorkers()
    model = train(tmp_path / "m", settings=settings, workers=workers)
    assert_equal(model, alone)
    assert (workers.began, workers.offered, workers.ended, workers.done) == ([5], 6, 1, [])


def test_a_training_without_members_has_no_work_for_them(tmp_path: Path) -> None:
    workers, said = InProcessWorkers(), list[str]()
    settings = with_changes(SETTINGS, {"folds": 0, "min_steps": 1, "epochs": 1})
    train(tmp_path / "m", settings=settings, workers=workers, listener=notes(said))
    assert (workers.began, workers.offered) == ([], 0)
    assert any("this training has none, and the command trains alone" in text for text in said)
