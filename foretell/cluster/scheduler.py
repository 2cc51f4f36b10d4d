"""Hands shards to workers, one at a time each, and commits what comes back: the manifest has one writer.

A worker is a Ray actor. Ray itself tries nothing again: a worker that dies is replaced, and its shard goes to
the end of the queue, `ATTEMPTS` times at most.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.cluster.results import Output
from foretell.cluster.session import Cluster
from foretell.cluster.shards import Shard
from foretell.cluster.tasks import Done, Failed, ModelFiles, Task
from foretell.cluster.work import Worker, versions
from foretell.errors import ForetellError, RunError

ATTEMPTS = 3
"""Attempts of each shard."""
START_SECONDS = 120.0
"""Seconds until the first worker must be ready."""
_WAIT_SECONDS = 1.0
_LOOK_SECONDS = 3.0
_MAX_LOST_STARTS = 5

Listener = Callable[["ShardDone"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """The event of a finished shard, given to listeners.

    Attributes:
        line: its line of the manifest.
        shards: finished so far, and of how many.
        rates: rows/s of each worker, measured over its shards, by its name.
    """

    line: Done
    shards: tuple[int, int]
    rates: dict[str, float]


def ignore(event: ShardDone) -> None:
    """Do nothing with an event."""


class Scheduler:
    """Runs the shards of an output that are not finished.

    Args:
        cluster: the connection.
        task: what to do with each shard.
        model: the model directory.
        output: where finished shards are committed.
        workers: how many; more than processors share them.
        listener: is called with each finished shard.
    """

    def __init__(
        self,
        cluster: Cluster,
        task: Task,
        model: Path,
        output: Output,
        *,
        workers: int,
        listener: Listener = ignore,
    ) -> None:
        import ray

        self._cluster, self._output, self._listener = cluster, output, listener
        self._task = task
        # Ray gives a worker 0 to 1 processor of its count: with more workers than processors each has a part,
        # so that none waits for ever.
        share = min(1.0, int(10_000 * cluster.processors / workers) / 10_000) or 0.0001
        self._actor: Any = ray.remote(num_cpus=share, max_restarts=0, max_task_retries=0)(Worker)
        self._model = ModelFiles(path=str(model.absolute()), sha256=task.model)
        self._packed: Any = None
        self._workers = workers
        self._queue: deque[Shard] = deque(output.waiting)
        self._attempts: Counter[int] = Counter()
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Shard]] = {}
        self._lost_starts = 0
        self._has_started = False
        self._rows: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self.failed: dict[int, Failed] = {}
        self.ready_seconds = 0.0
        self._began = time.monotonic()
        self._looked = time.monotonic()

    @property
    def rates(self) -> dict[str, float]:
        """Rows/s of each worker over its shards."""
        return {name: self._rows[name] / max(s, 1e-9) for name, s in self._seconds.items()}

    def run(self) -> None:
        """Run until every shard is finished or has failed.

        Raises:
            RunError: the cluster lost its head, no worker starts, or nodes have other versions.
            OSError: the manifest cannot be written.
        """
        import ray

        try:
            while self._queue or self._busy:
                self._start_workers()
                self._hand_out()
                refs = [*self._busy, *self._starting]
                ready, _ = ray.wait(refs, num_returns=1, timeout=_WAIT_SECONDS)
                for ref in ready:
                    self._take(ref)
                self._look(is_quiet=not ready)
        finally:
            for actor in (*self._idle, *(a for a, _ in self._busy.values()), *self._starting.values()):
                ray.kill(actor)

    def _start_workers(self) -> None:
        """Start workers that are missing, no more than there are shards."""
        alive = len(self._idle) + len(self._busy) + len(self._starting)
        wanted = min(self._workers, len(self._queue) + len(self._busy))
        for _ in range(wanted - alive):
            self._open(self._actor.remote(self._task), self._packed or self._model)

    def _open(self, actor: Any, model: Any) -> None:
        self._starting[actor.open.remote(model)] = actor

    def _hand_out(self) -> None:
        while self._idle and self._queue:
            actor, shard = self._idle.pop(), self._queue.popleft()
            self._attempts[shard.ordinal] += 1
            self._busy[actor.process.remote(shard)] = actor, shard

    def _take(self, ref: Any) -> None:
        if ref in self._starting:
            self._take_worker(self._starting.pop(ref), ref)
            return
        import ray
        from ray.exceptions import RayError

        actor, shard = self._busy.pop(ref)
        try:
            result = ray.get(ref)
        except RayError as error:
            # The worker died: killed, out of memory, or its node is gone.
            found = " ".join(str(error).split())
            result = Failed(ordinal=shard.ordinal, reason=_death(shard, found), trace=found)
        else:
            self._idle.append(actor)
        if isinstance(result, Done):
            self._commit(result)
        else:
            self._give_back(shard, result)

    def _commit(self, line: Done) -> None:
        self._output.add(line)
        self._rows[line.worker] += line.rows
        self._seconds[line.worker] = self._seconds.get(line.worker, 0.0) + line.seconds
        self._output.log({"event": "done", **line.to_dict(), "figures": None, "time": time.time()})
        counts = len(self._output.done), len(self._output.shards)
        self._listener(ShardDone(line=line, shards=counts, rates=self.rates))

    def _give_back(self, shard: Shard, failure: Failed) -> None:
        attempt = self._attempts[shard.ordinal]
        gives_up = failure.is_final or attempt >= ATTEMPTS
        self._output.log({
            "event": "failed" if gives_up else "retried", "ordinal": shard.ordinal, "attempt": attempt,
            "reason": failure.reason, "trace": failure.trace, "time": time.time(),
        })  # fmt: skip
        if gives_up:
            self.failed[shard.ordinal] = failure
        else:
            self._queue.append(shard)

    def _take_worker(self, actor: Any, ref: Any) -> None:
        import ray
        from ray.exceptions import RayError

        try:
            about = ray.get(ref)
        except ForetellError:
            raise
        except RayError as error:
            self._lost_starts += 1
            if self._lost_starts > _MAX_LOST_STARTS:
                raise _no_start(error) from error
            return
        if about is None:
            self._open(actor, self._pack())
            return
        check_versions(about)
        if not self._has_started:
            self._has_started = True
            self.ready_seconds = time.monotonic() - self._began
        self._output.log({"event": "worker", **about, "time": time.time()})
        self._idle.append(actor)

    def _pack(self) -> Any:
        """Return the model's files in Ray's memory, for workers that cannot reach its directory."""
        import ray

        if self._packed is None:
            from foretell.artifacts.packed import pack

            path = self._model.path
            files = ModelFiles(path=path, sha256=self._model.sha256, files=pack(Path(path)))
            self._packed = ray.put(files)
        return self._packed

    def _look(self, *, is_quiet: bool) -> None:
        """Check, every few seconds while nothing arrives, that the cluster is there and a worker works."""
        now = time.monotonic()
        if not is_quiet or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        self._cluster.check_alive()
        if not self._has_started and now - self._began > START_SECONDS:
            raise RunError(
                expected=f"a worker within {START_SECONDS:.0f} s",
                found="none: the processors of the cluster are taken",
                where=self._cluster.address,
                fix="wait until they are free, or add nodes",
            )


def _death(shard: Shard, found: str) -> str:
    is_memory = "memory" in found.lower() or "OutOfMemory" in found
    why = "out of memory" if is_memory else "the worker died (killed, or its node is gone)"
    return f"{shard.name}: expected a finished shard, found {why}"


def _no_start(error: Exception) -> RunError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return RunError(
        expected="workers that start",
        found=(lines[-1] if lines else type(error).__name__)[:200],
        fix="install the same foretell[cluster] on every node",
    )


def check_versions(about: dict[str, str]) -> None:
    """Check the versions of a worker.

    Args:
        about: the name of the worker, and its `versions`.

    Raises:
        RunError: one differs from that of this process.
    """
    for name, mine in versions().items():
        if about[name] != mine:
            raise RunError(
                expected=f"{name} {mine} on every node, as here",
                found=f"{name} {about[name]}",
                where=about["worker"],
                fix=f"install {name} {mine} there",
            )
