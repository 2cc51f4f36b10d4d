"""JSON in, JSON out: a FastAPI route that reads, checks, times and answers every request in the same way.

FastAPI's own handling parses a body twice, quotes the input in its errors, and takes as long as a prediction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from inspect import signature
from typing import Any, get_type_hints

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from foretell.service.client import client_of
from foretell.service.errors import client_closed, from_exception, stopping, timed_out
from foretell.service.request_body import parse_body, read_body
from foretell.service.state import Service

BODY = "body"
"""The parameter of a route's function that is the request's body; its type is the schema."""


class JsonRoute(APIRoute):
    """A route whose function takes `request`, `body` or both, and returns a schema's object or a response.

    The function is cancelled when the client disconnects or the time limit passes. Every exception is
    answered as `foretell.service.errors.from_exception` describes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that Starlette calls."""
        schema = get_type_hints(self.endpoint).get(BODY)
        parameters = signature(self.endpoint).parameters
        # OpenAI's clients expect 400 for every error in a completion's parameters.
        status = 400 if self.path.endswith("/completions") else 422

        async def answer(request: Request) -> Any:
            arguments: dict[str, Any] = {**request.path_params}
            if "request" in parameters:
                arguments["request"] = request
            service: Service = request.app.state.service
            if schema is not None:
                arguments[BODY] = parse_body(schema, await read_body(request, service.limits), status=status)
            return await _within(service, request, self.endpoint(**arguments))

        async def handle(request: Request) -> Response:
            try:
                result = await answer(request)
            except ClientDisconnect:
                return client_closed().response()
            except Exception as error:
                return from_exception(error).response()
            if isinstance(result, Response):
                return result
            return Response(result.model_dump_json(), media_type="application/json")

        return handle


async def _within(service: Service, request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of `work`, which is cancelled when the time has passed or the client disconnects.

    Raises:
        ApiError: 503, the time has passed, or the service stops; 499, the client has disconnected.
    """
    client = client_of(request.scope)
    try:
        async with service.time_limit() as limit:
            with client.on_disconnect(partial(_expire, limit)):
                return await work
    except TimeoutError:
        if client.has_disconnected:
            raise client_closed() from None
        raise (stopping() if service.is_stopping else timed_out(service.limits.seconds)) from None


def _expire(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(0)


class DirectRoutes:
    """Middleware: calls the JSON route that has a request's method and path.

    Starlette and FastAPI make twenty calls on the way to a route, an eighth of the processor time that a
    request takes. Requests for anything else take that way.

    Args:
        app: the application.
        routes: the routes; those with a parameter in their path are left to the application.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = {
            (method, route.path): (route, route.get_route_handler())
            for route in routes
            if isinstance(route, JsonRoute) and "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        match = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        route, handle = match
        scope.update({"route": route, "endpoint": route.endpoint, "path_params": {}})
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)
