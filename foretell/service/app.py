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
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from foretell.service.auth import Access, AccessControl
from foretell.service.errors import ApiError, answer_exception
from foretell.service.logs import RequestLog
from foretell.service.requests import JsonRoute
from foretell.service.routes import completions, labels, states, status, words
from foretell.service.schemas import ACCESS_ERRORS
from foretell.service.state import Service

PAGE = Path(__file__).parent / "page"

TITLE = "foretell"
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
        title=TITLE,
        description=DESCRIPTION,
        version=version("foretell"),
        # FastAPI's documentation pages load scripts from another server.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        exception_handlers={HTTPException: answer_exception, ApiError: answer_exception},
        separate_input_output_schemas=False,
    )
    routes.state.service = service
    for module in (labels, words, states, completions, status):
        routes.include_router(module.router)
    if service.annotation is not None:
        # Imported here: it needs what a service of models alone does not.
        from foretell.service.routes import annotation

        routes.include_router(annotation.router)
    _add_page(routes)
    app = _direct(routes)
    if access.origins:
        app = CORSMiddleware(
            app,
            allow_origins=sorted(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    return RequestLog(AccessControl(app, access), metrics=service.metrics, quiet=quiet)


def _direct(app: FastAPI) -> ASGIApp:
    """Return an application that calls a JSON route by method and path, without Starlette's search for it.

    The search takes a quarter of the processor time of a short request. Other requests take that way.
    """
    routers = [labels.router, words.router, states.router, completions.router, status.router]
    found = {
        (method, route.path): (route, route.get_route_handler())
        for router in routers
        for route in router.routes
        if isinstance(route, JsonRoute) and "{" not in route.path
        for method in route.methods or ()
    }

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        match = found.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if match is None:
            await app(scope, receive, send)
            return
        route, handle = match
        scope.update({"app": app, "route": route, "path_params": {}})
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return call


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
    @app.get("/", response_class=Response, responses=ACCESS_ERRORS, include_in_schema=False)
    async def page() -> Response:
        """Return the page."""
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
