"""GET /health/live, /health/ready, /metrics and /v1/models: how the service is, and what it serves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from foretell.service import schemas
from foretell.service.documents import ANSWERS, BARE
from foretell.service.json_route import JsonRoute
from foretell.service.metrics import CONTENT_TYPE
from foretell.service.service import service_of

router = APIRouter(route_class=JsonRoute, responses=BARE)


@router.get("/health/live")
async def live() -> schemas.Live:
    """Whether the process answers at all."""
    return schemas.Live()


@router.get(
    "/health/ready",
    responses={503: {"model": schemas.Ready, "description": "it answers only what it has accepted"}},
    response_model=schemas.Ready,
)
async def ready(request: Request) -> Response | schemas.Ready:
    """Whether it takes new requests."""
    if service_of(request).stopping:
        return Response(
            schemas.Ready(status="stopping").model_dump_json(), status_code=503, media_type="application/json"
        )
    return schemas.Ready(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """The service's figures for Prometheus."""
    service = service_of(request)
    service.metrics.waiting.set(service.models.line.waiting)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)


@router.get("/v1/models")
async def models(request: Request) -> schemas.ModelList:
    """The models that are served."""
    return schemas.ModelList(data=[served.card() for served in service_of(request).models])


@router.get("/v1/models/{model}", responses={status: ANSWERS[status] for status in (404, 422)})
async def model(model: Annotated[str, Path(examples=["notes"])], request: Request) -> schemas.ModelCard:
    """One of the models."""
    return service_of(request).models.find_any(model).card()
