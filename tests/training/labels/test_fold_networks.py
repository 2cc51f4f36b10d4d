"""Networks of folds that other processes train: the same classifier, bit for bit, whoever does which fold."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.errors import Interrupted
from foretell.training.events import Event, Note
from foretell.training.labels import fold_networks
from foretell.training.labels.fold_task import FoldAnswer, FoldTask, FoldTrainer
from foretell.training.run import Run
from tests.training.labels.test_on_folds import train


class InProcessWorkers:
    """Workers of this process: they have a network of their own, and answer the last fold first.

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

    def begin(self, tasks: int) -> None:
        self.began.append(tasks)

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
    assert (workers.began, workers.done) == ([5], [4, 3, 2, 0])
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
