"""What one running service holds. Routes get it from the application with `service_of`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.requests import Request

from foretell.service.limits import Limits
from foretell.service.metrics import Metrics
from foretell.service.models import Models


@dataclass
class Service:
    """One service.

    Attributes:
        models: the models it serves.
        limits: the bounds of a request.
        metrics: what Prometheus reads.
        pools: the threads of each verb.
        is_stopping: whether it takes no more requests and answers those it has accepted.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    pools: Mapping[str, ThreadPoolExecutor]
    is_stopping: bool = False

    def close(self) -> None:
        """End the threads; those that work are not waited for."""
        for pool in self.pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


def service_of(request: Request) -> Service:
    """Return the service that received a request."""
    service: Service = request.app.state.service
    return service
