"""GET /v1/models, /health/live, /health/ready and /metrics: for clients, probes and Prometheus."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from foretell.service.logs import CONTENT_TYPE
from foretell.service.requests import JsonRoute
from foretell.service.schemas import ERRORS, ModelCard, ResponseBody
from foretell.service.state import service_of

router = APIRouter(route_class=JsonRoute, responses=ERRORS)


class ModelList(ResponseBody):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
    annotation: bool = Field(
        default=False, description="Whether the service has texts to label, at /v1/annotation."
    )


class Health(ResponseBody):
    """GET /health/live and /health/ready."""

    status: Literal["live", "ready", "stopping"]


@router.get("/v1/models")
async def models(request: Request) -> ModelList:
    """List the models that are served."""
    service = service_of(request)
    return ModelList(data=[each.card for each in service.models], annotation=service.annotation is not None)


@router.get("/v1/models/{model}")
async def model(model: Annotated[str, Path(examples=["notes"])], request: Request) -> ModelCard:
    """Return one model."""
    return service_of(request).models.find(model).card


@router.get("/health/live")
async def live() -> Health:
    """Answer if the process runs."""
    return Health(status="live")


@router.get(
    "/health/ready", responses={503: {"model": Health, "description": "the service is stopping"}},
    response_model=Health,
)  # fmt: skip
async def ready(request: Request) -> Response:
    """Answer whether the service takes new requests."""
    is_stopping = service_of(request).is_stopping
    health = Health(status="stopping" if is_stopping else "ready")
    return Response(
        health.model_dump_json(), status_code=503 if is_stopping else 200, media_type="application/json"
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    service = service_of(request)
    service.metrics.waiting.set(service.waiting)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
