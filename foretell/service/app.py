"""The application: its routes, the middleware around them, and the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from foretell.service.auth import Access, AccessControl
from foretell.service.errors import answer_exception
from foretell.service.logs import RequestLog
from foretell.service.routes import completions, predictions, status
from foretell.service.state import Service

PAGE = Path(__file__).parent / "page"

DESCRIPTION = (
    "Predictions of text models that were trained with foretell. Every response that is not 2xx has OpenAI's "
    "error format. Every response has the header X-Request-ID, which is also in the log."
)


def create_app(service: Service, access: Access, *, quiet: bool = False) -> ASGIApp:
    """Return the ASGI application.

    Args:
        service: the models, limits and metrics.
        access: which requests are allowed.
        quiet: log only failures of the service.
    """
    routes = FastAPI(
        title="foretell",
        description=DESCRIPTION,
        version=version("foretell"),
        # FastAPI's documentation pages load scripts from another server.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        exception_handlers={HTTPException: answer_exception},
        separate_input_output_schemas=False,
    )
    routes.state.service = service
    for module in (predictions, completions, status):
        routes.include_router(module.router)
    if service.annotation is not None:
        # Imported here: it needs what a service of models does not.
        from foretell.service.routes import annotation

        routes.include_router(annotation.router)
    _add_page(routes)
    app: ASGIApp = routes
    if access.origins:
        app = CORSMiddleware(
            app,
            allow_origins=sorted(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    return RequestLog(AccessControl(app, access), metrics=service.metrics, quiet=quiet)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Check the model directories while the application runs."""
    service: Service = app.state.service
    task = asyncio.create_task(service.models.keep_fresh())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        service.close()


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        """Return the page."""
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
