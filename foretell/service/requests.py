"""One request, from its body to its response: size, schema, time limit, limits of its texts, predictions.

FastAPI's own handling of a body parses it twice, quotes the input in its errors, and takes as long as a
prediction.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from inspect import signature
from typing import TypeVar, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from foretell.config import Job
from foretell.service.batching import Item
from foretell.service.errors import from_exception, invalid, invalid_body, known
from foretell.service.limits import Limits
from foretell.service.logs import add_log_fields
from foretell.service.models import LONG, QUICK, LoadedModel
from foretell.service.state import Service, service_of

Result = TypeVar("Result")

BODY = "body"
"""The parameter of a route's function that is the request's body; its type is the schema."""

MAX_ERRORS = 100
"""Maximum errors of a body among which the first is named."""

LONG_CHARACTERS = 2_000
"""A request with more characters is long: its work waits for other long requests, and no quick one for it."""

LONG_TEXTS = 50
"""So is a request with more texts."""

_COST = {"explain": 4}
"""How much longer than others a verb takes for the same text."""

_PATIENCE = 0.02
"""Seconds after which an answer is late, and the service begins to watch whether the client leaves."""


class JsonRoute(APIRoute):
    """A route whose function takes `request`, `body` or both, and returns a schema's object or a response.

    The function is cancelled when the client disconnects or the time limit passes. Every exception is
    answered as `foretell.service.errors.from_exception` describes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Return the function that Starlette calls."""
        schema = get_type_hints(self.endpoint).get(BODY)
        parameters = signature(self.endpoint).parameters
        is_openai = self.path.endswith("/completions")

        async def handle(request: Request) -> Response:
            service = service_of(request)
            try:
                arguments: dict[str, object] = {**request.path_params}
                if "request" in parameters:
                    arguments["request"] = request
                if schema is not None:
                    body = await read_body(request, service.limits)
                    arguments[BODY] = parse_body(schema, body)
                result = await _within(service, request, self.endpoint(**arguments))
            except ClientDisconnect:
                return known("client_closed").response()
            except Exception as error:
                answer = from_exception(error)
                # OpenAI's clients expect 400 for every error in a completion's parameters.
                answer.status = 400 if is_openai and answer.status == 422 else answer.status
                return answer.response()
            if isinstance(result, Response):
                return result
            return Response(result.model_dump_json(), media_type="application/json")

        return handle


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body.

    Raises:
        ApiError: 415, it is not called JSON; 413, it is too large; 408, it does not arrive in time; 400, it
            has too many values.
        ClientDisconnect: the client closed the connection.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type.startswith("application/") and media_type.endswith(("/json", "+json"))):
        raise known("not_json")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.body:
        raise known("body_too_large", most=limits.body)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise known("body_too_large", most=limits.body)
    except TimeoutError:
        raise known("body_too_slow", seconds=limits.seconds) from None
    limits.check_body(bytes(body))
    return bytes(body)


def parse_body(schema: type[BaseModel], body: bytes) -> BaseModel:
    """Return a body of JSON as its schema's object.

    Raises:
        ApiError: naming the first field that does not match, without its value.
    """
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:
            message = f"expected a body that matches the schema, found {error.error_count()} errors in it"
            raise invalid(message, code="too_many_errors") from None
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_body(errors) from None


async def _within(service: Service, request: Request, work: Awaitable[Result]) -> Result:
    """Return the result of `work`, which is cancelled when the time has passed or the client disconnects.

    Raises:
        ApiError: 503, the time has passed, or the service stops; 499, the client has disconnected.
    """
    has_left = False
    watcher: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal has_left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_left = True
        if not limit.expired():
            limit.reschedule(0)

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    # Most answers come before: they need no task that watches.
    timer = asyncio.get_running_loop().call_later(_PATIENCE, start)
    try:
        async with service.time_limit() as limit:
            return await work
    except TimeoutError:
        if has_left:
            raise known("client_closed") from None
        raise service.out_of_time() from None
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()


class Prediction:
    """A request for one model's predictions on texts. Make one with `begin`.

    Args:
        request: the request.
        verb: the last part of the path, such as "classify".
        model: the model's name; None: the only one of this job.
        texts: one text, or a list.
        job: the job that the model must have; None: any.
        param: the field of the body that holds the texts.

    Attributes:
        model: the model, which answers this request even if it is replaced in the meantime.
        texts: the texts as a list.

    Raises:
        ApiError: no such model, or texts beyond the limits.
    """

    def __init__(
        self,
        request: Request,
        verb: str,
        model: str | None,
        texts: str | list[str],
        *,
        job: Job | None = None,
        param: str = "texts",
    ) -> None:
        self._service, self._verb, self._param = service_of(request), verb, param
        self.model: LoadedModel = self._service.models.find(model, job).loaded
        self.texts = [texts] if isinstance(texts, str) else texts
        add_log_fields(request.scope, model=self.model.card.id, texts=len(self.texts))
        self._service.limits.check_texts(self.texts, param=param)

    async def answers(self, work: Callable[[list[Item]], list[bytes]], items: Sequence[Item]) -> list[bytes]:
        """Return the answer to each item, in JSON.

        Args:
            work: items to answers, one for each and in the same order; runs in a thread, and shares its call
                with other requests for the same verb of the same model.
            items: one for each text.

        Raises:
            ApiError: the texts have too many tokens, or too many texts wait.
        """
        service, name = self._service, self.model.card.id
        lane = lane_of(self.texts, _COST.get(self._verb, 1))
        if service.limits.needs_count(self.texts):
            check = partial(service.limits.check_tokens, self.model.tokenizer, self.texts, param=self._param)
            await service.in_lane(LONG, check)
        answers = await service.models.batcher(self.model, self._verb, lane, work)(items)
        service.metrics.texts.labels(name, self._verb).inc(len(self.texts))
        return answers

    async def response(self, work: Callable[[list[Item]], list[bytes]], items: Sequence[Item]) -> Response:
        """Return the response with an answer to each item; see `answers`."""
        name = json.dumps(self.model.card.id).encode()
        answers = b",".join(await self.answers(work, items))
        return Response(b'{"model":%s,"answers":[%s]}' % (name, answers), media_type="application/json")


def lane_of(texts: Sequence[str], cost: int = 1) -> str:
    """Return where texts are answered: `QUICK`, or `LONG` where that takes long."""
    characters = sum(map(len, texts))
    return LONG if cost * len(texts) > LONG_TEXTS or cost * characters > LONG_CHARACTERS else QUICK
