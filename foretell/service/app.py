"""The application: its routes, and the middleware around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from foretell.runtime.session import check_threads
from foretell.service.auth import Access, AccessControl
from foretell.service.errors import ApiError, answer_exception
from foretell.service.json_route import DirectRoutes
from foretell.service.limits import Limits
from foretell.service.logs import RequestLog
from foretell.service.metrics import Metrics
from foretell.service.models import CONCURRENCY, Models
from foretell.service.openapi import ACCESS_ERRORS, DESCRIPTION, TITLE
from foretell.service.routes import annotation as annotation_routes
from foretell.service.routes import completions, health, labels, models, states, words
from foretell.service.state import Service

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation

ROUTERS = [module.router for module in (labels, words, states, completions, models, health)]
PAGE = Path(__file__).parent / "page"


def create_service(
    places: Iterable[tuple[str, Path]], limits: Limits, annotation: Annotation | None = None
) -> Service:
    """Open the models and return the service that serves them.

    Args:
        places: name and directory of each model.
        limits: the bounds of a request.
        annotation: texts to label on the page; whoever opened it closes it. None: there are none.

    Raises:
        ArtifactError: a directory cannot be trusted.
        UsageError: two models have the same name.
    """
    # Threads for each verb: a long text to explain or to score does not delay what is quick.
    sizes = dict.fromkeys(("classify", "explain", "next", "score", "states"), CONCURRENCY)
    sizes["completions"] = check_threads(None) + 2
    if annotation is not None:
        sizes["annotation"] = CONCURRENCY
    pools = {verb: ThreadPoolExecutor(n, thread_name_prefix=f"foretell-{verb}") for verb, n in sizes.items()}
    metrics = Metrics()
    served = Models(places, pools=pools, limits=limits, metrics=metrics)
    return Service(models=served, limits=limits, metrics=metrics, pools=pools, annotation=annotation)


def create_app(service: Service, access: Access, *, quiet: bool = False) -> FastAPI:
    """Return the ASGI application.

    Args:
        service: the models, limits and metrics.
        access: which requests are allowed.
        quiet: log only failures of the service.
    """

    routers = ROUTERS if service.annotation is None else [*ROUTERS, annotation_routes.router]

    def around(app: ASGIApp) -> ASGIApp:
        """Return the application with its middleware, the innermost first."""
        app = DirectRoutes(app, [route for router in routers for route in router.routes])
        if access.origins:
            app = CORSMiddleware(
                app,
                allow_origins=sorted(access.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
                expose_headers=["X-Request-ID", "Retry-After"],
            )
        return RequestLog(AccessControl(app, access), metrics=service.metrics, quiet=quiet)

    app = Application(
        around,
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
    app.state.service = service
    for router in routers:
        app.include_router(router)
    _add_page(app)
    return app


class Application(FastAPI):
    """FastAPI with middleware around everything that Starlette puts around its routes.

    Args:
        around: the application to the application with its middleware.
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
