"""The workers of `train words --cluster`: actors of Ray, which get weights and give them back.

Weights pass through Ray's object store; no worker connects to another one. A worker that dies costs
its steps since the last average: a new one starts from the next.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from foretell.cluster.session import Cluster, connected
from foretell.config import WordsSettings
from foretell.errors import RunError, UsageError

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from foretell.artifacts.weights import Weights
    from foretell.networks.lstm_layer import Precision
    from foretell.training.words.step import Batch, WorkerResult

AVERAGE_EVERY = 32
"""Steps between two averages: the exchange takes a few percent of them."""
_THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_WAIT_SECONDS = 0.2
_START_SECONDS = 180.0
_MAX_DEATHS = 3
"""Deaths in a row, without a round that any worker finished."""


class Member:
    """A worker. An actor of Ray.

    It is made without arguments: Ray would import PyArrow to read them, and that hangs beside
    TensorFlow on Apple silicon.
    """

    def __init__(self) -> None:
        # Ray finds no PyArrow then, and can do without it.
        sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]
        # Ctrl-C in the terminal of the command arrives here too, and is the command's to answer.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def open(
        self, threads: int, settings: WordsSettings, size: int, precision: Precision
    ) -> tuple[str, int]:
        """Make the network, and return the version of foretell and the process."""
        # TensorFlow reads these when it is imported.
        os.environ.update(dict.fromkeys(_THREADS, str(threads)), CUDA_VISIBLE_DEVICES="-1")
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        from foretell.training.words.averaging import Trainer

        self._trainer = Trainer(settings, size, precision)
        return version("foretell"), os.getpid()

    def train(self, weights: Weights, batches: Sequence[Batch]) -> WorkerResult:
        """Train for some steps; see `foretell.training.words.averaging.Trainer`."""
        return self._trainer.train(weights, batches)


class RayWorkers:
    """The workers on a cluster; see `foretell.training.words.step.Workers`.

    Attributes:
        processes: the process of each worker, on its node.
    """

    def __init__(self, cluster: Cluster, workers: int | None, average_every: int) -> None:
        self._cluster = cluster
        self.average_every = average_every
        self.count = cluster.workers(workers)
        self._actors: list[ActorHandle] = []
        self.processes: list[int] = []

    def open(
        self, settings: WordsSettings, size: int, precision: Precision, check: Callable[[], None]
    ) -> None:
        self._given = max(1, int(self._cluster.processors) // self.count), settings, size, precision
        made = [self._make() for _ in range(self.count)]
        self._actors = [actor for actor, _ in made]
        there = self._results([ref for _, ref in made], check, _START_SECONDS)
        self.processes = [
            process for here, process in filter(None, there) if here == version("foretell")
        ]
        if len(self.processes) < self.count:
            expected = f"{self.count} workers with foretell {version('foretell')}"
            found = "others, or fewer within three minutes"
            where = self._cluster.address
            fix = (
                "wait until processors are free, or install the same "
                "foretell[cluster,train] everywhere"
            )
            raise RunError(expected=expected, found=found, where=where, fix=fix)

    def _make(self) -> tuple[ActorHandle, object]:
        import ray

        actor = ray.remote(num_cpus=self._given[0], max_restarts=0, max_task_retries=0)(
            Member
        ).remote()
        return actor, actor.open.remote(*self._given)

    def train(
        self, weights: Weights, batches: Sequence[Sequence[Batch]], check: Callable[[], None]
    ) -> list[WorkerResult]:
        import ray

        for _ in range(_MAX_DEATHS):
            given = ray.put(weights)
            refs = [
                actor.train.remote(given, own)
                for actor, own in zip(self._actors, batches, strict=True)
            ]
            found = self._results(refs, check)
            for place, each in enumerate(found):
                if each is None:
                    self._actors[place], _ = self._make()
            if trained := [each for each in found if each is not None]:
                return trained
        raise RunError(
            expected="workers that stay alive",
            found=f"all of them died, {_MAX_DEATHS} times in a row",
            where=self._cluster.address,
            fix="give fewer workers (they may need less memory), then --resume",
        )

    def _results(
        self, refs: Sequence[object], check: Callable[[], None], seconds: float = float("inf")
    ) -> list[Any]:
        """Return what the workers have returned; None where one has died, or is not ready in
        time.
        """
        import ray
        from ray.exceptions import RayActorError

        end = time.monotonic() + seconds
        waiting = list(refs)
        while waiting and time.monotonic() < end:
            done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_WAIT_SECONDS)
            check()
            if not done:
                self._cluster.check_alive()
        found = []
        for ref in refs:
            try:
                found.append(None if ref in waiting else ray.get(ref))
            except RayActorError:
                found.append(None)
        return found

    def end(self) -> None:
        import ray

        for actor in self._actors:
            ray.kill(actor)


@contextmanager
def training_workers(
    cluster: str | None, *, workers: int | None = None, average_every: int | None = None
) -> Iterator[RayWorkers | None]:
    """Connect to a cluster, and give what starts workers on it while the context is open.

    Args:
        cluster: "local" starts a Ray cluster on this machine, "auto" uses the one that Ray finds,
            anything else is the HOST:PORT of a head; None: no cluster, and None is given.
        workers: how many; None: one for each processor.
        average_every: steps between two averages of the weights; None: `AVERAGE_EVERY`.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: a number below 1, one without a cluster, more workers than processors, or not an
            address.
        RunError: the cluster does not start or answer, or may not be used.
    """
    for name, value in (("workers", workers), ("average-every", average_every)):
        if value is not None and value < 1:
            raise UsageError(expected="1 or more", found=str(value), where=name)
        if value is not None and cluster is None:
            raise UsageError(
                expected=f"a cluster with {name}", found="none", fix="add --cluster local"
            )
    if cluster is None:
        yield None
        return
    with connected(cluster) as found:
        made = RayWorkers(found, workers, average_every or AVERAGE_EVERY)
        sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]
        try:
            yield made
        finally:
            made.end()
            if sys.modules.get("pyarrow") is None:
                sys.modules.pop("pyarrow", None)
