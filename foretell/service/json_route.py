"""JSON in, JSON out: a FastAPI route that reads, checks, times and answers every request in the same way.

FastAPI's own handling would parse twice, name the input in its errors, and cost as much time as a prediction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from inspect import signature
from typing import Any, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from foretell.service.client import client_of
from foretell.service.failures import Refusal, from_error, invalid, left, malformed, too_slow
from foretell.service.limits import Limits

ASKED = "asked"
"""The parameter of a route's function that is the request's body."""


class JsonRoute(APIRoute):
    """A route whose function takes `asked`, the body's model, and `request` and gives a model or a response.

    The function is cancelled when the client leaves: what nobody waits for is not worked out. Everything that
    goes wrong is answered as `foretell.service.failures` says.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what Starlette calls."""
        model = get_type_hints(self.endpoint).get(ASKED)
        takes = signature(self.endpoint).parameters
        # OpenAI's clients expect 400 for whatever is wrong with a completion.
        status = 400 if self.path.endswith("/completions") else 422

        async def answer(request: Request) -> Any:
            arguments: dict[str, Any] = {**request.path_params}
            if "request" in takes:
                arguments["request"] = request
            limits: Limits = request.app.state.service.limits
            if model is not None:
                arguments[ASKED] = _parsed(model, await _body(request, limits), status)
            client = client_of(request.scope)
            try:
                async with asyncio.timeout(limits.seconds) as limit:
                    with client.watched(partial(_end, limit)):
                        return await self.endpoint(**arguments)
            except TimeoutError:
                raise (left() if client.has_left else too_slow(limits.seconds)) from None

        async def handle(request: Request) -> Response:
            try:
                found = await answer(request)
            except ClientDisconnect:
                return left().response()
            except Exception as error:
                return from_error(error).response()
            if isinstance(found, Response):
                return found
            return Response(found.model_dump_json(), media_type="application/json")

        return handle


class Straight:
    """Middleware: hands a request to the JSON route that has its method and path.

    Starlette's and FastAPI's own way there goes through twenty calls, which take a third of the time that
    Python spends on a request. Requests for anything else go that way.

    Args:
        app: the application.
        routes: the routes.
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
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, handle = found
        scope.update({"route": route, "endpoint": route.endpoint, "path_params": {}})
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)


def _end(limit: asyncio.Timeout) -> None:
    """Let a time limit pass now."""
    if not limit.expired():
        limit.reschedule(0)


def _parsed(model: type[BaseModel], body: bytes, status: int) -> BaseModel:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise malformed(status, found) from None


async def _body(request: Request, limits: Limits) -> bytes:
    """Return the body.

    Raises:
        Refusal: 415, it is not called JSON; 413, it is too large; 408, it does not arrive.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise invalid(
            "expected Content-Type: application/json, found another or none", code="not_json", status=415
        )
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limits.body:
        raise limits.too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise limits.too_large()
    except TimeoutError:
        raise Refusal(
            408,
            f"expected the whole body within {limits.seconds:g} seconds, found a part of it",
            code="body_too_slow",
            headers={"Connection": "close"},
        ) from None
    return bytes(body)
