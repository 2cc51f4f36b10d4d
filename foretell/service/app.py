"""The application: its routes, the middleware around them, and the page; models, probes and
metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from foretell.service.auth import Access, AccessControl
from foretell.service.errors import answer_exception
from foretell.service.lanes import OTHER
from foretell.service.logs import RequestLog
from foretell.service.models import Service, service_of
from foretell.service.requests import JsonRoute
from foretell.service.routes import completions, predictions
from foretell.service.schemas import ERRORS, ModelCard, ResponseBody

DESCRIPTION = (
    "Predictions of text models that were trained with foretell. Every response that is not 2xx "
    "has OpenAI's error format. Every response has the header X-Request-ID, as the log has it."
)

PAGE = FilePath(__file__).parent / "page"

# Nothing else is compressed: the size of a compressed answer lets an attacker guess a secret in it,
# where it also has text that the attacker chose (BREACH).
ASSETS = GZipMiddleware(StaticFiles(directory=PAGE, html=True))

router = APIRouter(route_class=JsonRoute)


class ModelList(ResponseBody):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
    annotation: bool
    """Whether the service has texts to label, at /v1/annotation."""


class Health(ResponseBody):
    """GET /health/live and /health/ready."""

    status: Literal["live", "ready", "stopping"]


@router.get("/v1/models")
async def models(request: Request) -> ModelList:
    """List the models that are served."""
    service = service_of(request)
    return ModelList(
        data=[each.card for each in service.models], annotation=service.annotation is not None
    )


@router.get("/v1/models/{model}")
async def model(model: Annotated[str, Path(examples=["notes"])], request: Request) -> ModelCard:
    """Return one model."""
    return service_of(request).models.find(model).card


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
async def live(request: Request) -> Health:  # noqa: ARG001
    """Answer if the process runs."""
    return Health(status="live")


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    responses={503: {"model": Health, "description": "the service is stopping"}},
    response_model=Health,
)
async def ready(request: Request) -> Response:
    """Answer whether the service takes new requests."""
    if service_of(request).is_stopping:
        return JSONResponse({"status": "stopping"}, 503)
    return JSONResponse({"status": "ready"})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    service = service_of(request)
    lane = service.lanes[OTHER]
    with lane.count(1):
        content = await lane.run(partial(generate_latest, service.metrics.registry))
    return Response(content, media_type="text/plain; version=0.0.4")


def create_app(service: Service, access: Access) -> ASGIApp:
    """Return the ASGI application.

    Args:
        service: the models, limits and metrics.
        access: which requests are allowed.
    """
    routes = FastAPI(
        title="foretell",
        description=DESCRIPTION,
        version=version("foretell"),
        # FastAPI's documentation pages load scripts from another server.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        exception_handlers={HTTPException: answer_exception},
        separate_input_output_schemas=False,
    )
    routes.state.service = service
    # Other machines can reach it: several people may label.
    routes.state.is_shared = access.token is not None
    for each in (predictions.router, completions.router, router):
        routes.include_router(each, responses=ERRORS)
    if service.annotation is not None:
        # Imported here: it needs what a service of models does not.
        from foretell.service.routes import annotation

        routes.include_router(annotation.router)
    routes.mount("/page", ASSETS)
    routes.routes.append(Route("/", ASSETS))
    app: ASGIApp = routes
    if access.origins:
        app = CORSMiddleware(
            app,
            allow_origins=sorted(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    return RequestLog(AccessControl(app, access), service.metrics)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Check the model directories while the application runs."""
    service: Service = app.state.service
    task = asyncio.create_task(service.models.keep_fresh(service.lanes[OTHER]))
    try:
        yield
    finally:
        task.cancel()
        service.close()
