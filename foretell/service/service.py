"""What one running service holds; its routes find it on the application."""

from __future__ import annotations

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
        models: what it serves.
        limits: what may be asked of it.
        metrics: what it counts.
        pool: the threads that predict.
        stopping: whether it answers only what it has accepted.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    pool: ThreadPoolExecutor
    stopping: bool = False


def service_of(request: Request) -> Service:
    """Return the service that a request has come to."""
    service: Service = request.app.state.service
    return service
