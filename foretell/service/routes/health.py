"""GET /health/live, /health/ready and /metrics: the state of the service, for probes and for Prometheus."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from foretell.service.json_route import JsonRoute
from foretell.service.metrics import CONTENT_TYPE
from foretell.service.openapi import ACCESS_ERRORS
from foretell.service.schemas import ResponseBody
from foretell.service.state import service_of

router = APIRouter(route_class=JsonRoute, responses=ACCESS_ERRORS)


class Live(ResponseBody):
    """GET /health/live."""

    status: Literal["live"] = "live"


class Ready(ResponseBody):
    """GET /health/ready."""

    status: Literal["ready", "stopping"]


@router.get("/health/live")
async def live() -> Live:
    """Answer if the process runs."""
    return Live()


@router.get(
    "/health/ready",
    responses={503: {"model": Ready, "description": "the service is stopping"}},
    response_model=Ready,
)
async def ready(request: Request) -> Response | Ready:
    """Answer whether the service takes new requests."""
    if service_of(request).is_stopping:
        stopping = Ready(status="stopping").model_dump_json()
        return Response(stopping, status_code=503, media_type="application/json")
    return Ready(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    service = service_of(request)
    service.metrics.waiting.set(service.models.waiting.count)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
