"""GET /v1/models, /health/live, /health/ready and /metrics: for clients, probes and Prometheus."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from foretell.service.logs import CONTENT_TYPE
from foretell.service.requests import JsonRoute
from foretell.service.schemas import ACCESS_ERRORS, ERRORS, ModelCard, ResponseBody
from foretell.service.state import service_of

router = APIRouter(route_class=JsonRoute, responses=ACCESS_ERRORS)


class ModelList(ResponseBody):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
    annotation: bool = Field(
        default=False, description="Whether the service has texts to label, at /v1/annotation."
    )


@router.get("/v1/models")
async def models(request: Request) -> ModelList:
    """List the models that are served."""
    service = service_of(request)
    cards = [served.card() for served in service.models]
    return ModelList(data=cards, annotation=service.annotation is not None)


@router.get("/v1/models/{model}", responses={status: ERRORS[status] for status in (404, 422)})
async def model(model: Annotated[str, Path(examples=["notes"])], request: Request) -> ModelCard:
    """Return one model."""
    return service_of(request).models.find(model).card()


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
    service.metrics.waiting.set(service.models.n_waiting)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
