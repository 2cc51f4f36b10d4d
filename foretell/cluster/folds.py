"""`train labels --cluster`: actors of Ray choose linear members and train networks of folds.

A task is settings and arrays (`foretell.training.labels.fold_task` and `.member_task`); which worker does it
changes nothing. A linear member goes to a worker that is ready; otherwise the command chooses it itself. A
worker that dies is replaced, and its fold is tried again, `ATTEMPTS` times at most. What no worker could do
is left to the command.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from foretell.cluster.scheduler import ATTEMPTS, START_SECONDS, check_versions
from foretell.cluster.session import Cluster, connected
from foretell.cluster.training import (
    check_processors,
    few_threads,
    last_line,
    processors_of_nodes,
    threads_of,
)
from foretell.cluster.work import versions
from foretell.errors import UsageError
from foretell.machine import usable_processors
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.events import Note

if TYPE_CHECKING:
    from foretell.training.labels.fold_task import FoldAnswer, FoldTask, FoldTrainer
    from foretell.training.labels.member_task import MemberAnswer, MemberTask
    from foretell.training.run import Run

_WAIT_SECONDS, _LOOK_SECONDS = 0.2, 3.0
_MAX_LOST_STARTS = 5
_MAX_SHARE = 1 / 4
"""The part of the time left that may pass until the first worker is ready."""


class FoldWorker:
    """Chooses linear members and trains networks of folds. An actor of Ray.

    Args:
        threads: of the process.
    """

    def __init__(self, threads: int) -> None:
        # Ctrl-C in the terminal of the command arrives here too, and is the command's to answer.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # TensorFlow reads these when it is first imported. All workers compute alike, on processors.
        os.environ.update(few_threads(threads), CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
        self._threads = threads
        self._trainer: FoldTrainer | None = None

    def open(self) -> dict[str, str]:
        """Import TensorFlow, and return the host, the process and the versions of this worker."""
        import tensorflow as tf

        del tf
        return {"worker": f"{socket.gethostname()}:{os.getpid()}", **versions()}

    def answer(self, task: FoldTask, seconds: float, after: int) -> FoldAnswer:
        """Train the network of a fold.

        Args:
            task: the fold; those of one worker are all of the same training.
            seconds: until the time limit; infinite without one.
            after: networks that are trained after this one within the limit.
        """
        from foretell.training.labels.fold_task import FoldTrainer

        end = time.monotonic() + seconds
        self._trainer = self._trainer or FoldTrainer.of(task)
        return self._trainer.answer(task, lambda: max(0.0, end - time.monotonic()), after=after)

    def choose(self, task: MemberTask) -> MemberAnswer:
        """Choose the penalty of a linear member."""
        return task.answer(self._threads)


class FoldWorkers:
    """Starts workers on the cluster to which this process is connected, and gives them tasks.

    Args:
        cluster: the connection.
        workers: how many; None: one for each processor, at most one for each fold.

    Attributes:
        names: host and process of each worker that was ready.
        done: how many tasks each of them has done, by its name.

    Raises:
        UsageError: more workers than processors.
    """

    def __init__(self, cluster: Cluster, workers: int | None = None) -> None:
        check_processors(workers, int(cluster.processors))
        self._cluster, self._workers = cluster, workers or max(1, int(cluster.processors))
        self._actor: Any = None
        self._starting: dict[Any, Any] = {}
        self._idle: list[tuple[str, Any]] = []
        self._busy: dict[Any, tuple[str, Any, FoldTask | MemberTask]] = {}
        self._queue: deque[FoldTask] = deque()
        self._attempts: Counter[str] = Counter()
        self._notes = list(cluster.notes)
        self._lost_starts = 0
        self._looked = 0.0
        self.names: list[str] = []
        self.done: Counter[str] = Counter()

    def begin(self, tasks: int) -> None:
        """Start workers for so many tasks; see `foretell.training.labels.fold_task.Workers`."""
        import ray

        if self._actor is None:
            threads = threads_of(processors_of_nodes(), self._wanted(tasks))
            made: Any = ray.remote(num_cpus=threads, max_restarts=0, max_task_retries=0)(FoldWorker)
            self._actor = lambda: made.remote(threads)
        alive = len(self._starting) + len(self._idle) + len(self._busy)
        for _ in range(self._wanted(tasks) - alive):
            actor = self._actor()
            self._starting[actor.open.remote()] = actor

    def _wanted(self, tasks: int) -> int:
        return max(1, min(self._workers, tasks))

    def offer(self, task: MemberTask, run: Run) -> bool:
        """Give a task to a worker; see `foretell.training.labels.member_task.MemberWorkers`."""
        import ray

        self._tell_notes(run)
        if self._starting:
            ready, _ = ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
            for ref in ready:
                self._take_worker(ref, run)
        if not self._idle:
            return False
        name, actor = self._idle.pop()
        self._busy[actor.choose.remote(ray.put(task))] = name, actor, task
        return True

    def collect(self, run: Run, is_late: Callable[[], bool]) -> Iterator[MemberAnswer]:
        """Yield the answers of the workers; see `foretell.training.labels.member_task.MemberWorkers`."""
        import ray

        try:
            with run.interrupt.deferred():
                while self._busy and not is_late():
                    run.interrupt.check()
                    ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=_WAIT_SECONDS)
                    for ref in ready:
                        answer, task = self._take(ref, run)
                        if answer is None:
                            _note(run, f"{task.what} is left to the command")
                        else:
                            yield answer
                    self._look(is_quiet=not ready)
        finally:
            for _, actor, _ in self._busy.values():
                ray.kill(actor)
            self._busy = {}
        self._tell_done(run)

    def answers(self, tasks: Sequence[FoldTask], run: Run) -> Iterator[FoldAnswer]:
        """Yield the answers of the workers; see `foretell.training.labels.fold_task.Workers`."""
        import ray

        self._queue = deque(tasks)
        ready_by = time.monotonic() + min(START_SECONDS, run.budget.share(_MAX_SHARE))
        self._tell_notes(run)
        try:
            with run.interrupt.deferred():
                while self._queue or self._busy:
                    run.interrupt.check()
                    if why := self._hopeless(run, ready_by):
                        _note(run, why)
                        break
                    self.begin(len(self._queue) + len(self._busy))
                    self._hand_out(run)
                    refs = [*self._busy, *self._starting]
                    ready, _ = ray.wait(refs, num_returns=1, timeout=_WAIT_SECONDS)
                    for ref in ready:
                        if ref in self._starting:
                            self._take_worker(ref, run)
                            continue
                        answer, task = self._take(ref, run)
                        if answer is None:
                            self._try_again(task, run)
                        else:
                            yield answer
                    self._look(is_quiet=not ready)
        finally:
            # The network of all texts has the processors now.
            self.end()
        self._tell_done(run)

    def _hopeless(self, run: Run, ready_by: float) -> str:
        """Return why no worker will do what is left; "": they will."""
        if run.budget.left() <= SECONDS_TO_WRITE:
            return "the time limit has come before all folds were trained"
        if self._lost_starts > _MAX_LOST_STARTS:
            return "workers do not start"
        if not self.names and time.monotonic() > ready_by:
            return "no worker was ready in time"
        return ""

    def _hand_out(self, run: Run) -> None:
        import ray

        while self._idle and self._queue:
            (name, actor), task = self._idle.pop(), self._queue.popleft()
            self._attempts[task.what] += 1
            # The rounds that follow this one, and the network of all texts.
            after = math.ceil(max(0, len(self._queue) - len(self._idle)) / self._workers) + 1
            ref = actor.answer.remote(ray.put(task), run.budget.left(), after)
            self._busy[ref] = name, actor, task

    def _take_worker(self, ref: Any, run: Run) -> None:
        """Take a worker that is ready, or has died before.

        Raises:
            RunError: its node has other versions.
        """
        import ray

        actor = self._starting.pop(ref)
        try:
            about = ray.get(ref)
        except Exception as error:
            ray.kill(actor)
            self._lost_starts += 1
            _note(run, f"a worker has not started ({last_line(error)})")
            return
        check_versions(about)
        self.names.append(about["worker"])
        self._idle.append((about["worker"], actor))

    def _take(self, ref: Any, run: Run) -> tuple[Any, Any]:
        """Take the answer of a worker, and its task; None and the task: it has none, and is ended.

        `begin` replaces the worker.
        """
        import ray

        name, actor, task = self._busy.pop(ref)
        try:
            answer = ray.get(ref)
        except Exception as error:
            ray.kill(actor)
            _note(run, f"a worker was lost ({last_line(error)}) at {task.what}")
            return None, task
        self.done[name] += 1
        self._idle.append((name, actor))
        return answer, task

    def _try_again(self, task: FoldTask, run: Run) -> None:
        """Put a task whose worker was lost into the queue, unless it was tried often enough."""
        again = self._attempts[task.what] < ATTEMPTS
        if again:
            self._queue.append(task)
        then = "is trained again" if again else "is left to the command"
        _note(run, f"{task.what} {then}")

    def _tell_done(self, run: Run) -> None:
        """Show how many tasks each worker has done."""
        if self.done:
            shares = ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
            _note(run, f"tasks of each worker: {shares}")

    def _tell_notes(self, run: Run) -> None:
        """Show once what is unusual about the cluster."""
        for text in self._notes:
            _note(run, text)
        self._notes = []

    def _look(self, *, is_quiet: bool) -> None:
        """Check, every few seconds while nothing arrives, that the head is there."""
        now = time.monotonic()
        if is_quiet and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._cluster.check_alive(fix="start it again, then add --resume: finished folds are kept")

    def end(self) -> None:
        """End the workers."""
        import ray

        actors = [*self._starting.values(), *(actor for _, actor in self._idle)]
        for actor in (*actors, *(actor for _, actor, _ in self._busy.values())):
            ray.kill(actor)
        self._starting, self._idle, self._busy = {}, [], {}


@contextmanager
def fold_workers(cluster: str | None, *, workers: int | None = None) -> Iterator[FoldWorkers | None]:
    """Connect to a cluster, and give the workers of `train labels` on it while the context is open.

    Args:
        cluster: "local" starts a Ray cluster on this machine, "auto" uses the one that Ray finds, anything
            else is the HOST:PORT of a head; None: no cluster, and None is given.
        workers: how many; None: one for each processor, at most one for each fold.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: a number below 1, one without a cluster, more workers than processors, or not an address.
        RunError: the cluster does not start or answer, or may not be used; see `connected`.
    """
    if workers is not None and workers < 1:
        raise UsageError(expected="1 or more", found=str(workers), where="workers")
    if cluster is None:
        if workers is not None:
            raise UsageError(expected="a cluster with workers", found="none", fix="add --cluster local")
        yield None
        return
    if cluster == "local":
        # Known before the cluster is there.
        check_processors(workers, usable_processors())
    with connected(cluster) as found:
        starter = FoldWorkers(found, workers)
        try:
            yield starter
        finally:
            starter.end()


def _note(run: Run, text: str) -> None:
    run.options.listener(Note(text=text))
