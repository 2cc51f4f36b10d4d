"""What one running service holds: models, limits, metrics and threads. Routes get it with `service_of`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.types import Scope

from foretell.runtime.session import check_threads
from foretell.runtime.stopping import stops_when
from foretell.service.errors import ApiError, known
from foretell.service.limits import Limits
from foretell.service.logs import Metrics
from foretell.service.models import CONCURRENCY, LONG, QUICK, Models

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation

Result = TypeVar("Result")

QUICK_THREADS = 4
"""Threads of quick requests. Each takes a fraction of a second, so more of them would only compete."""


@dataclass
class Service:
    """One service.

    Attributes:
        models: the models it serves.
        limits: the bounds of a request.
        metrics: what Prometheus reads.
        lanes: threads of quick requests, of long ones, of completions, and of texts to label.
        annotation: the texts to label; None: the service was not started for that.
        is_stopping: whether it takes no more requests and answers those it has accepted.
        time_limits: those of the requests that are being answered.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    lanes: Mapping[str, ThreadPoolExecutor]
    annotation: Annotation | None = None
    is_stopping: bool = False
    time_limits: set[asyncio.Timeout] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def time_limit(self) -> AsyncIterator[asyncio.Timeout]:
        """Raise TimeoutError in the block after `limits.seconds`, or when `give_up` is called."""
        async with asyncio.timeout(self.limits.seconds) as limit:
            self.time_limits.add(limit)
            try:
                yield limit
            finally:
                self.time_limits.discard(limit)

    def out_of_time(self) -> ApiError:
        """Return the error of an answer whose time is over, by its time limit or the end of the service."""
        return known("stopping") if self.is_stopping else known("timeout", seconds=self.limits.seconds)

    async def in_lane(self, lane: str, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, which runs in a thread and stops once nobody waits for it."""
        is_over = False

        def stoppable() -> Result:
            with stops_when(lambda: is_over):
                return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self.lanes[lane], stoppable)
        finally:
            is_over = True

    def give_up(self) -> None:
        """Let the time of every request that is being answered be over."""
        for limit in tuple(self.time_limits):
            if not limit.expired():
                limit.reschedule(0)

    def end_threads(self, seconds: float) -> bool:
        """Wait for the threads after `close`; return whether all have ended in time."""
        deadline = time.monotonic() + seconds
        for thread in [thread for pool in self.lanes.values() for thread in tuple(pool._threads)]:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return False
        return True

    def close(self) -> None:
        """End the threads; those that work are not waited for."""
        for pool in self.lanes.values():
            pool.shutdown(wait=False, cancel_futures=True)


def create_service(
    places: Iterable[tuple[str, Path]], limits: Limits, annotation: Annotation | None = None
) -> Service:
    """Open the models and return the service that serves them.

    Args:
        places: name and directory of each model.
        limits: the bounds of a request.
        annotation: texts to label on the page; whoever opened it closes it. None: there are none.

    Raises:
        ArtifactError: a directory cannot be trusted.
        UsageError: two models have the same name.
    """
    sizes = {QUICK: QUICK_THREADS, LONG: check_threads(None), "completions": check_threads(None) + 2}
    if annotation is not None:
        sizes["annotation"] = CONCURRENCY
    lanes = {name: ThreadPoolExecutor(n, thread_name_prefix=f"foretell-{name}") for name, n in sizes.items()}
    metrics = Metrics()
    served = Models(places, lanes=lanes, limits=limits, metrics=metrics)
    return Service(models=served, limits=limits, metrics=metrics, lanes=lanes, annotation=annotation)


def service_of(request: Request) -> Service:
    """Return the service that received a request."""
    return service_in(request.scope)


def service_in(scope: Scope) -> Service:
    """Return the service that received the request of a scope."""
    service: Service = scope["app"].state.service
    return service
