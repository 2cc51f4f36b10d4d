"""The application: its routes, and what every request passes through on the way to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from foretell.runtime.session import check_threads
from foretell.service import completions, health, predictions
from foretell.service.documents import BARE, DESCRIPTION, TITLE
from foretell.service.failures import Refusal, answer_error
from foretell.service.guard import Access, Guarded
from foretell.service.json_route import Straight
from foretell.service.limits import Limits
from foretell.service.logs import Watched
from foretell.service.metrics import Metrics
from foretell.service.models import Models
from foretell.service.service import Service

PAGE = Path(__file__).parent / "page"


def create_service(places: Iterable[tuple[str, Path]], limits: Limits) -> Service:
    """Open the models and return the service that serves them.

    Args:
        places: name and directory of each model.
        limits: what may be asked of it.

    Raises:
        ArtifactError: a directory that cannot be trusted.
        UsageError: two models of one name.
    """
    # One more than work at once, so that a turn of a completion need not wait for a batch.
    pool = ThreadPoolExecutor(check_threads(None) + 2, thread_name_prefix="foretell-serve")
    metrics = Metrics()
    models = Models(places, pool=pool, limits=limits, metrics=metrics)
    return Service(models=models, limits=limits, metrics=metrics, pool=pool)


def create_app(service: Service, access: Access, *, quiet: bool = False) -> FastAPI:
    """Return the ASGI application.

    Args:
        service: what it serves.
        access: who may ask.
        quiet: log only requests that failed.
    """
    parts = (predictions.router, completions.router, health.router)

    def around(app: ASGIApp) -> ASGIApp:
        """Return what a request passes through, from the inside to the outside."""
        app = Straight(app, [route for router in parts for route in router.routes])
        if access.origins:
            app = CORSMiddleware(
                app,
                allow_origins=sorted(access.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
                expose_headers=["X-Request-ID", "Retry-After"],
            )
        return Watched(Guarded(app, access=access), metrics=service.metrics, quiet=quiet)

    app = Application(
        around,
        title=TITLE,
        description=DESCRIPTION,
        version=version("foretell"),
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        exception_handlers={HTTPException: answer_error, Refusal: answer_error},
        separate_input_output_schemas=False,
    )
    app.state.service = service
    for router in parts:
        app.include_router(router)
    _add_page(app)
    return app


class Application(FastAPI):
    """FastAPI with something around all that Starlette puts around its routes.

    Args:
        around: what is made of the application.
        **options: FastAPI's.
    """

    def __init__(self, around: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        self._around = around
        super().__init__(**options)

    def build_middleware_stack(self) -> ASGIApp:
        """Return what Starlette calls for each request."""
        return self._around(super().build_middleware_stack())


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Look after the models while the application runs."""
    service: Service = app.state.service
    keeper = asyncio.create_task(service.models.keep_fresh())
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        service.pool.shutdown(cancel_futures=True)


def _add_page(app: FastAPI) -> None:
    @app.get("/", response_class=Response, responses=BARE, include_in_schema=False)
    async def page() -> Response:
        """The page."""
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
