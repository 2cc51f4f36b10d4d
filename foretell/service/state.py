"""What one running service holds. Routes get it from the application with `service_of`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.types import Scope

from foretell.service.limits import Limits
from foretell.service.metrics import Metrics
from foretell.service.models import Models

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation


@dataclass
class Service:
    """One service.

    Attributes:
        models: the models it serves.
        limits: the bounds of a request.
        metrics: what Prometheus reads.
        pools: the threads of each verb.
        annotation: the texts to label; None: the service was not started for that.
        is_stopping: whether it takes no more requests and answers those it has accepted.
        time_limits: those of the requests that are being answered.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    pools: Mapping[str, ThreadPoolExecutor]
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

    def give_up(self) -> None:
        """Let the time of every request that is being answered be over."""
        for limit in tuple(self.time_limits):
            if not limit.expired():
                limit.reschedule(0)

    def end_threads(self, seconds: float) -> bool:
        """Wait for the threads after `close`; return whether all have ended in time."""
        deadline = time.monotonic() + seconds
        for thread in [thread for pool in self.pools.values() for thread in tuple(pool._threads)]:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return False
        return True

    def close(self) -> None:
        """End the threads; those that work are not waited for."""
        for pool in self.pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


def service_of(request: Request) -> Service:
    """Return the service that received a request."""
    return service_in(request.scope)


def service_in(scope: Scope) -> Service:
    """Return the service that received the request of a scope."""
    service: Service = scope["app"].state.service
    return service
