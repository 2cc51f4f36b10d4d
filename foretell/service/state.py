"""What one running service holds: models, limits, metrics and lanes. Routes get it with `service_of`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request

from foretell.runtime.session import check_threads
from foretell.service.errors import CLOSE, RETRY, ApiError
from foretell.service.lanes import LONG, QUICK, WRITING, Lane
from foretell.service.limits import Limits
from foretell.service.logs import Metrics
from foretell.service.models import Models

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation

_QUICK_THREADS = 4
"""Each quick request takes a fraction of a second, so more threads would only compete."""


@dataclass
class Service:
    """One service.

    Attributes:
        lanes: the threads of each kind of requests, by name.
        annotation: the texts to label; None: the service was not started for that.
        is_stopping: whether it takes no more requests and answers those it has accepted.
        time_limits: those of the requests that are being answered.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    lanes: Mapping[str, Lane]
    annotation: Annotation | None = None
    is_stopping: bool = False
    time_limits: set[asyncio.Timeout] = field(default_factory=set)

    @property
    def waiting(self) -> int:
        """Texts that wait for an answer, or are being answered."""
        return sum(lane.waiting for lane in self.lanes.values())

    def deadline(self) -> float:
        """Return when the time limit of a request passes that begins now, by the event loop's clock."""
        return asyncio.get_running_loop().time() + self.limits.seconds

    @contextlib.asynccontextmanager
    async def time_limit(self, deadline: float) -> AsyncIterator[asyncio.Timeout]:
        """Raise TimeoutError in the block at `deadline`, by the event loop's clock, or at `give_up`."""
        async with asyncio.timeout_at(deadline) as limit:
            self.time_limits.add(limit)
            try:
                yield limit
            finally:
                self.time_limits.discard(limit)

    def out_of_time(self) -> ApiError:
        """Return the error of an answer whose time is over, by its time limit or the end of the service."""
        if self.is_stopping:
            message = "expected an answer before the end of the service, found none; send the request again"
            return ApiError(message, status=503, code="stopping", headers=RETRY | CLOSE)
        message = f"expected an answer within {self.limits.seconds:g} seconds, found none"
        message += "; send less text at once, or try later"
        return ApiError(message, status=503, code="timeout", headers=RETRY)

    def give_up(self) -> None:
        """Let the time of every request that is being answered be over."""
        for limit in tuple(self.time_limits):
            if not limit.expired():
                limit.reschedule(0)

    def close(self) -> None:
        """End the threads; those that work are not waited for."""
        for lane in self.lanes.values():
            lane.threads.shutdown(wait=False, cancel_futures=True)

    def end_threads(self, seconds: float) -> bool:
        """Wait for the threads after `close`; return whether all have ended in time."""
        deadline = time.monotonic() + seconds
        threads = [thread for lane in self.lanes.values() for thread in tuple(lane.threads._threads)]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


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
    cores = check_threads(None)
    threads = {QUICK: _QUICK_THREADS, LONG: cores, WRITING: cores + 2}
    metrics = Metrics()
    models = Models(places, metrics)
    lanes = {name: Lane(name, count, limits.queue) for name, count in threads.items()}
    return Service(models=models, limits=limits, metrics=metrics, lanes=lanes, annotation=annotation)


def service_of(request: Request) -> Service:
    """Return the service that received a request."""
    service: Service = request.app.state.service
    return service
