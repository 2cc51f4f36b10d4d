"""Workers for the folds: tasks are handed out, tried again and given up. Ray's calls are replaced here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray")

import ray

from foretell.cluster import folds
from foretell.cluster.folds import FoldWorkers, fold_workers
from foretell.cluster.session import Cluster
from foretell.cluster.work import versions
from foretell.errors import Interrupted, RunError, UsageError
from foretell.training.budget import Budget
from foretell.training.interrupt import Interrupt
from foretell.training.labels.fold_task import FoldAnswer

CLUSTER = Cluster(
    address="127.0.0.1:9", processors=2, nodes=1, is_own=True, start_seconds=0, notes=("plain",)
)
Work = Callable[[Any, float, int], Any]


class Machines:
    """What Ray would do: every call is done at once, by the functions that the test gives."""

    def __init__(self, work: Work, opens: Callable[[int], Any]) -> None:
        self.work, self.opens = work, opens
        self.started = self.killed = 0
        self.calls: list[tuple[int, float, int]] = []
        self.results: dict[object, Callable[[], Any]] = {}

    def remote(self, **options: Any) -> Any:
        assert options == {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        return lambda _: SimpleNamespace(remote=self.start)

    def start(self, threads: int) -> Any:
        assert threads == 1
        self.started += 1
        number = self.started
        return SimpleNamespace(
            open=SimpleNamespace(remote=lambda: self.ref(lambda: self.opens(number))),
            answer=SimpleNamespace(remote=self.answer),
            choose=SimpleNamespace(remote=self.choose),
        )

    def answer(self, task: Any, seconds: float, after: int) -> object:
        self.calls.append((task.fold, seconds, after))
        return self.ref(lambda: self.work(task.fold, seconds, after))

    def choose(self, task: Any) -> object:
        return self.ref(lambda: self.work(task.name, 0.0, 0))

    def ref(self, result: Callable[[], Any]) -> object:
        name = object()
        self.results[name] = result
        return name

    def get(self, ref: object) -> Any:
        return self.results.pop(ref)()

    def kill(self, _: Any) -> None:
        self.killed += 1


def answered(fold: int, *_: float) -> FoldAnswer:
    return FoldAnswer(fold=fold, probabilities=None)


def about(number: int) -> dict[str, str]:
    return {"worker": f"here:{number}", **versions()}


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machines]:
    def make(work: Work = answered, opens: Callable[[int], Any] = about) -> Machines:
        made = Machines(work, opens)
        for name in ("remote", "get", "kill"):
            monkeypatch.setattr(ray, name, getattr(made, name))
        monkeypatch.setattr(ray, "put", lambda value: value)
        monkeypatch.setattr(ray, "wait", lambda refs, **_: (refs[:1], refs[1:]))
        monkeypatch.setattr(folds, "processors_of_nodes", lambda: [2])
        return made

    return make


def run_of(said: list[str], minutes: float = 0.0) -> Any:
    options = SimpleNamespace(listener=lambda event: said.append(event.text))
    return SimpleNamespace(budget=Budget(minutes), interrupt=Interrupt(), options=options)


def tasks(count: int = 5) -> list[Any]:
    return [SimpleNamespace(fold=fold, what=f"fold {fold + 1}") for fold in range(count)]


def test_every_fold_is_done_once_and_the_workers_end(machines: Callable[..., Machines]) -> None:
    made, said = machines(), list[str]()
    workers = FoldWorkers(CLUSTER)
    workers.begin(5)
    found = sorted(answer.fold for answer in workers.answers(tasks(), run_of(said)))
    assert found == [0, 1, 2, 3, 4]
    assert (made.started, made.killed) == (2, 2)
    # Networks after each: those of the rounds that follow, and that of all texts.
    assert [after for *_, after in made.calls] == [3, 3, 2, 2, 1]
    assert said[0] == "plain"
    assert said[-1].startswith("tasks of each worker: here:")


def test_a_lost_fold_is_tried_three_times_then_left_to_the_command(machines: Callable[..., Machines]) -> None:
    def work(fold: int, seconds: float, after: int) -> FoldAnswer:
        if fold == 2:
            raise ray.exceptions.ActorDiedError
        return answered(fold, seconds, after)

    made, said = machines(work), list[str]()
    found = {answer.fold for answer in FoldWorkers(CLUSTER).answers(tasks(), run_of(said))}
    assert found == {0, 1, 3, 4}
    assert [fold for fold, *_ in made.calls].count(2) == 3
    assert len([text for text in said if "its process has died" in text and "at fold 3" in text]) == 3
    assert [text for text in said if text.startswith("fold 3")] == [
        *["fold 3 is trained again"] * 2,
        "fold 3 is left to the command",
    ]


def member(name: str) -> Any:
    return SimpleNamespace(name=name, what=f"the linear model {name}")


def test_a_member_goes_to_a_worker_that_is_ready(
    machines: Callable[..., Machines], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, said = machines(lambda name, *_: name), list[str]()
    workers, run = FoldWorkers(CLUSTER), run_of(said)
    workers.begin(5)
    wait = ray.wait
    monkeypatch.setattr(ray, "wait", lambda refs, **_: ([], refs))
    assert not workers.offer(member("ngrams"), run)
    monkeypatch.setattr(ray, "wait", wait)
    # One of the two workers is ready now, then the other one; then both have something to do.
    assert workers.offer(member("tfidf"), run)
    assert workers.offer(member("svd"), run)
    assert not workers.offer(member("pooled"), run)
    assert sorted(workers.collect(run, lambda: False)) == ["svd", "tfidf"]
    # The same workers train the networks of folds.
    assert len(list(workers.answers(tasks(), run))) == 5
    assert (made.started, made.killed) == (2, 2)
    assert said.count("plain") == 1


def test_a_member_whose_worker_is_lost_is_left_to_the_command(machines: Callable[..., Machines]) -> None:
    def work(name: Any, seconds: float, after: int) -> Any:
        if name == "tfidf":
            raise ray.exceptions.ActorDiedError
        return name if isinstance(name, str) else answered(name, seconds, after)

    made, said = machines(work), list[str]()
    workers, run = FoldWorkers(CLUSTER), run_of(said)
    workers.begin(5)
    assert workers.offer(member("tfidf"), run)
    assert workers.offer(member("svd"), run)
    assert list(workers.collect(run, lambda: False)) == ["svd"]
    assert "at the linear model tfidf" in said[-3]
    assert said[-2] == "the linear model tfidf is left to the command"
    assert said[-1].startswith("tasks of each worker: here:")
    # A new worker takes the place of the lost one.
    assert len(list(workers.answers(tasks(), run))) == 5
    assert (made.started, made.killed) == (3, 3)


def test_members_that_are_late_or_interrupted_cost_their_workers(machines: Callable[..., Machines]) -> None:
    made, run = machines(lambda name, *_: name), run_of([])
    workers = FoldWorkers(CLUSTER)
    workers.begin(5)
    assert workers.offer(member("svd"), run)
    assert list(workers.collect(run, lambda: True)) == []
    assert made.killed == 1
    assert workers.offer(member("svd"), run)
    run.interrupt.request()
    with pytest.raises(Interrupted):
        list(workers.collect(run, lambda: False))
    assert made.killed == made.started == 2


def test_workers_that_do_not_start_leave_all_to_the_command(machines: Callable[..., Machines]) -> None:
    def opens(_: int) -> Any:
        raise ray.exceptions.RayError("no module named foretell")

    machines(opens=opens)
    said = list[str]()
    assert list(FoldWorkers(CLUSTER).answers(tasks(), run_of(said))) == []
    assert said[-1] == "workers do not start"
    assert "a worker has not started (no module named foretell)" in said


def test_workers_that_are_not_ready_in_time_are_not_waited_for(
    machines: Callable[..., Machines], monkeypatch: pytest.MonkeyPatch
) -> None:
    machines()
    monkeypatch.setattr(ray, "wait", lambda refs, **_: ([], refs))
    monkeypatch.setattr(Cluster, "check_alive", lambda _, **__: None)
    said = list[str]()
    # A quarter of the four seconds that are left.
    run = run_of(said, minutes=4 / 60)
    assert list(FoldWorkers(CLUSTER).answers(tasks(), run)) == []
    assert said[-1] in (
        "no worker was ready in time",
        "the time limit has come before all folds were trained",
    )


def test_other_versions_and_a_head_that_has_gone_end_the_training(
    machines: Callable[..., Machines], monkeypatch: pytest.MonkeyPatch
) -> None:
    machines(opens=lambda number: {**about(number), "foretell": "0.0.1"})
    with pytest.raises(
        RunError, match=r"expected foretell .* on every node, as here, found foretell 0\.0\.1"
    ):
        list(FoldWorkers(CLUSTER).answers(tasks(), run_of([])))
    machines()
    monkeypatch.setattr(ray, "wait", lambda refs, **_: ([], refs))
    with pytest.raises(RunError, match=r"add --resume: finished folds are kept"):
        list(FoldWorkers(CLUSTER).answers(tasks(), run_of([])))


def test_a_signal_stops_the_wait_and_the_workers(machines: Callable[..., Machines]) -> None:
    made, run = machines(), run_of([])
    answers = FoldWorkers(CLUSTER).answers(tasks(), run)
    next(answers)
    run.interrupt.request()
    with pytest.raises(Interrupted):
        list(answers)
    assert made.killed == made.started


@pytest.mark.parametrize(
    ("cluster", "workers", "message"),
    [
        (None, 2, "expected a cluster with workers, found none; add --cluster local"),
        ("local", 0, "workers: expected 1 or more, found 0"),
        ("local", 10_000, "one for each processor of the cluster, found 10000"),
        ("ray://here:1", 1, "expected local, auto, or the HOST:PORT of a head"),
    ],
)
def test_what_cannot_mean_anything_is_wrong_usage(cluster: str | None, workers: int, message: str) -> None:
    with pytest.raises(UsageError, match=message), fold_workers(cluster, workers=workers):
        pass


def test_without_a_cluster_there_are_no_workers_and_no_ray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with fold_workers(None) as workers:
        assert workers is None
