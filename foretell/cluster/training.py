"""Training on several workers: the first is this process, the others are actors of Ray.

Ray reserves the processors, starts the actors and sees them die. Gradients go through a ring of sockets
(`foretell.ring`), which proves a secret of the run that Ray brings to the actors. When a worker is lost, all
are started anew, from the last checkpoint. `docs/experiments.md` has why Ray Train is not used.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from foretell.cluster.pinning import keep_to, kept_to, processors_here, share
from foretell.cluster.scheduler import check_versions
from foretell.cluster.session import Cluster, connected, environment
from foretell.cluster.work import versions
from foretell.errors import LostWorkerError, RunError, UsageError
from foretell.machine import usable_processors
from foretell.ring.authentication import new_secret
from foretell.ring.collectives import Ring
from foretell.ring.connections import Connection
from foretell.ring.meeting import Meeting
from foretell.training.interrupt import Interrupt

_STOP_SECONDS = 5.0
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


class Member:
    """A worker other than the first. An actor of Ray.

    Args:
        threads: of the process.
        processors: that it keeps to; none: it may use all.
    """

    def __init__(self, threads: int, processors: Sequence[int] = ()) -> None:
        # Ctrl-C in the terminal of the first worker arrives here too, and is that one's to answer.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.environ.update(few_threads(threads))
        keep_to(processors)

    def about(self) -> dict[str, str]:
        """Return the host, the process and the versions of this worker."""
        return {"worker": f"{socket.gethostname()}:{os.getpid()}", **versions()}

    def serve(self, address: tuple[str, int], secret: bytes, rank: int) -> int:
        """Work in a training to its end, and return the number of steps done."""
        import ray

        from foretell.training.words.parallel.member import serve

        # On the loopback address where the first worker is there.
        host = address[0] if address[0].startswith("127.") else str(ray.util.get_node_ip_address())
        return serve(address, secret, rank, host=host)


class RayWorkers:
    """Starts the workers of a training on the cluster to which this process is connected.

    Args:
        cluster: the connection.
        workers: how many, this process included; None: one for each processor, at most one for each stream.
        average_every: steps between two averages of the weights.

    Attributes:
        names: host and process of each worker that was started, by its rank.

    Raises:
        UsageError: more workers than processors.
    """

    def __init__(self, cluster: Cluster, workers: int | None, average_every: int = 1) -> None:
        self._cluster, self._workers, self.average_every = cluster, workers, average_every
        check_processors(workers, int(cluster.processors))
        self._actors: list[Any] = []
        self._running: dict[Any, int] = {}
        self._group: Any = None
        self._connections: list[Connection | Ring] = []
        self._usable = processors_here() if cluster.is_own else []
        self.names: dict[int, str] = {}

    @property
    def threads(self) -> int:
        """Return the threads of each worker: as many as leave a place for all of them on the nodes."""
        return threads_of(processors_of_nodes(), self._workers or int(self._cluster.processors))

    @property
    def processors(self) -> list[int]:
        """Return the processors that this process keeps to; none: it may use all of its node."""
        return share(self._usable, 0, self.threads)

    def count(self, streams: int) -> int:
        """Return the number of workers; see `foretell.training.words.parallel.team.Workers`."""
        count = self._workers or min(int(self._cluster.processors), streams)
        if count > streams:
            raise UsageError(
                expected=f"at most {streams} workers, one for each stream of this text",
                found=str(count),
                where="workers",
                fix="widen the batch with --streams (a short text has fewer streams), or give fewer workers",
            )
        return count

    def gather(self, count: int, seconds: float, interrupt: Interrupt) -> tuple[Ring, Sequence[Connection]]:
        """Start the other workers and join their ring; see `Workers`."""
        deadline = time.monotonic() + seconds
        secret = new_secret()
        with contextlib.closing(Meeting(secret, self._host())) as meeting:
            try:
                self._start(count, deadline, interrupt, (meeting.address, secret))

                def check() -> None:
                    interrupt.check()
                    if why := self._failure():
                        raise LostWorkerError(expected="workers that start", found=why)

                ring, members = meeting.wait(count, max(0.0, deadline - time.monotonic()), check)
                # Each has told its versions before it came.
                check()
            except BaseException:
                self.end()
                raise
        self._connections = [ring, *members]
        return ring, members

    def _start(
        self, count: int, deadline: float, interrupt: Interrupt, place: tuple[tuple[str, int], bytes]
    ) -> None:
        """Reserve the processors of all workers, of this one too, and start the actors."""
        import ray
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        threads = threads_of(processors_of_nodes(), count)
        bundles: list[dict[str, float]] = [{"CPU": threads} for _ in range(count)]
        # The first worker is this process: its processors are those of this node.
        bundles[0][f"node:{ray.util.get_node_ip_address()}"] = 0.001
        self._group = placement_group(bundles, strategy="SPREAD")
        while not self._group.wait(0.2):
            interrupt.check()
            if time.monotonic() >= deadline:
                raise LostWorkerError(
                    expected=f"{count} workers of {threads} free processors each",
                    found="fewer: the processors of the cluster are taken",
                    where=self._cluster.address,
                    fix="wait until they are free, give fewer workers, or add nodes",
                )
        actor: Any = ray.remote(num_cpus=threads, max_restarts=0, max_task_retries=0)(Member)
        for rank in range(1, count):
            where = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=rank)
            own = share(self._usable, rank, threads)
            member = actor.options(scheduling_strategy=where).remote(threads, own)
            self._actors.append(member)
            self._running[member.about.remote()] = rank
            self._running[member.serve.remote(*place, rank)] = rank

    def _failure(self) -> str:
        """Return why a worker has failed, in one line; "": none is known to have.

        Raises:
            RunError: a worker's node has other versions.
        """
        import ray

        causes, effects = [], []
        ready, _ = ray.wait(list(self._running), num_returns=max(1, len(self._running)), timeout=0)
        for ref in ready:
            rank = self._running.pop(ref)
            try:
                about = ray.get(ref)
            except LostWorkerError as error:
                # It has lost a neighbour, which has a reason of its own.
                effects.append(f"worker {rank + 1}: {last_line(error)}")
            except Exception as error:
                causes.append(f"worker {rank + 1}: {last_line(error)}")
            else:
                if isinstance(about, dict):
                    check_versions(about)
                    self.names[rank] = about["worker"]
        return next(iter(causes + effects), "")

    def _host(self) -> str:
        """Return the address of this machine that the other workers reach."""
        import ray

        return "127.0.0.1" if self._cluster.is_own else str(ray.util.get_node_ip_address())

    def end(self) -> str:
        """End the other workers; see `Workers`."""
        import ray
        from ray.util.placement_group import remove_placement_group

        for connection in self._connections:
            connection.close()
        why = ""
        if self._running:
            # Those that are stopped, or have lost a neighbour, end by themselves, perhaps with a reason.
            ray.wait(list(self._running), num_returns=len(self._running), timeout=_STOP_SECONDS)
            with contextlib.suppress(RunError):
                why = self._failure()
        for actor in self._actors:
            ray.kill(actor)
        if self._group is not None:
            remove_placement_group(self._group)
        self._actors, self._running, self._connections, self._group = [], {}, [], None
        return why


@contextmanager
def training_workers(
    cluster: str | None, *, workers: int | None = None, average_every: int = 1
) -> Iterator[RayWorkers | None]:
    """Connect to a cluster, and give what starts workers on it while the context is open.

    Only a process that has not imported TensorFlow yet keeps to a worker's share of the threads.

    Args:
        cluster: "local" starts a Ray cluster on this machine, "auto" uses the one that Ray finds, anything
            else is the HOST:PORT of a head; None: no cluster, and None is given.
        workers: how many; None: one for each processor, at most one for each stream.
        average_every: steps between two averages of the weights (post-local SGD, Lin et al. 2018); 1: the
            gradients are summed in every step.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: a number below 1, one without a cluster, more workers than processors, or not an address.
        RunError: the cluster does not start or answer, or may not be used; see `connected`.
    """
    for name, value in (("workers", workers), ("average-every", average_every)):
        if value is not None and value < 1:
            raise UsageError(expected="1 or more", found=str(value), where=name)
    if cluster is None:
        if workers is not None or average_every != 1:
            raise UsageError(
                expected="a cluster with workers and average-every", found="none", fix="add --cluster local"
            )
        yield None
        return
    if cluster == "local":
        # Known before the cluster is there.
        check_processors(workers, usable_processors())
    with connected(cluster) as found, contextlib.ExitStack() as stack:
        starter = RayWorkers(found, workers, average_every)
        stack.enter_context(environment(few_threads(starter.threads)))
        stack.enter_context(kept_to(starter.processors))
        stack.callback(starter.end)
        yield starter


def check_processors(workers: int | None, processors: int) -> None:
    """Check that no worker would wait for a processor for ever.

    Raises:
        UsageError: more workers than processors.
    """
    if workers is not None and workers > processors:
        raise UsageError(
            expected=f"at most {processors} workers, one for each processor of the cluster",
            found=str(workers),
            where="workers",
            fix="give fewer, or add nodes",
        )


def threads_of(nodes: Sequence[int], workers: int) -> int:
    """Return the threads of each worker: the most with which all of them have a place.

    Args:
        nodes: processors of each node.
        workers: how many workers.
    """
    for threads in range(max(nodes, default=1), 1, -1):
        if sum(count // threads for count in nodes) >= workers:
            return threads
    return 1


def processors_of_nodes() -> list[int]:
    """Return the processors of each node that is alive."""
    import ray

    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["alive"]]


def few_threads(threads: int) -> dict[str, str]:
    """Return the environment with which the libraries of a worker start so many threads."""
    return dict.fromkeys(_THREADS, str(threads))


def last_line(error: Exception) -> str:
    """Return why a task or an actor of Ray has failed, in one line."""
    from ray.exceptions import ActorDiedError

    if isinstance(error, ActorDiedError):
        return "its process has died (killed, out of memory, or its node is gone)"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
