"""One request, from its body to its response: size, schema, time limit, limits of its texts,
predictions.

FastAPI's own handling of a body parses it twice, quotes the input in its errors, and takes as long
as a prediction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TypeVar, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from foretell.config import Job
from foretell.service.errors import CLOSE, ApiError, from_exception, invalid_body
from foretell.service.lanes import LONG, QUICK, Batcher
from foretell.service.limits import Limits
from foretell.service.logs import add_log_fields
from foretell.service.models import LoadedModel, Service, service_of
from foretell.service.schemas import ModelRequest, to_json

Result = TypeVar("Result")
Body = TypeVar("Body", bound=ModelRequest)
Item = tuple[Body, int, str]
"""The body of a request, the number of a text in it, and the text."""

LONG_CHARACTERS = 2_000
LONG_TEXTS = 50
"""A request with more is long: its work waits for other long requests, and no quick one for it."""

MAX_ON_LOOP = 1 << 14
"""Bytes or characters of a request up to which the event loop checks them itself."""

MAX_BATCH = 128
CONCURRENCY = 2
"""Batches of one verb of a model that are worked on at the same time."""


class JsonRoute(APIRoute):
    """A route whose function takes `request`, and perhaps `body`, and returns a response or what
    becomes JSON.

    The type of `body` is its schema. The function is cancelled when the client disconnects or the
    time limit passes. Every exception is answered as `foretell.service.errors.from_exception`
    describes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        schema = get_type_hints(self.endpoint).get("body")
        is_openai = self.path.endswith("/completions")

        async def handle(request: Request) -> Response:
            service = service_of(request)
            arguments: dict[str, object] = {**request.path_params, "request": request}
            received = b""

            async def respond() -> object:
                if schema is not None:
                    check = partial(parsed, schema, received, service.limits)
                    lane = LONG if len(received) > MAX_ON_LOOP else None
                    arguments["body"] = await in_lane(service, lane, check)
                return await self.endpoint(**arguments)

            try:
                if schema is not None:
                    received = await read_body(request, service.limits)
                result = await _within(service, request, respond())
                if isinstance(result, Response):
                    return result
                return Response(to_json(result), media_type="application/json")
            except Exception as error:
                answer = from_exception(error)
                if is_openai and answer.status == 422:
                    # OpenAI's clients expect 400 for every error in a completion's parameters.
                    answer.status = 400
                return answer.response()

        return handle


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body, unless it is not JSON by its type, too large, or late."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type.startswith("application/") and media_type.endswith(("/json", "+json"))):
        message = "expected Content-Type: application/json, found another or none"
        raise ApiError(message, status=415, code="not_json")
    received = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limits.body:
                    found = "found more; send several requests"
                    message = f"expected at most {limits.body} bytes, {found}"
                    raise ApiError(message, status=413, code="body_too_large")
    except TimeoutError:
        message = f"expected the whole body within {limits.seconds:g} seconds, found a part of it"
        raise ApiError(message, status=408, code="body_too_slow", headers=CLOSE) from None
    return bytes(received)


def parsed(schema: type[BaseModel], body: bytes, limits: Limits) -> BaseModel:
    """Return a body as its schema's object, unless it is not JSON, or has too many values.

    The error of a body that does not match names the field.
    """
    limits.check_body(body)
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_body(errors) from None


async def in_lane(service: Service, name: str | None, check: Callable[[], Result]) -> Result:
    """Return what a check returns. In a lane it has a bounded queue, and holds nobody up."""
    if name is None:
        return check()
    lane = service.lanes[name]
    with lane.count(1):
        return await lane.run(check)


async def _within(service: Service, request: Request, work: Awaitable[Result]) -> Result:
    """Return the result of `work`, which is cancelled when the time has passed or the client
    disconnects.
    """
    has_left = False

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal has_left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_left = True
        if not limit.expired():
            limit.reschedule(0)

    try:
        async with service.time_limit(service.deadline()) as limit:
            watcher = asyncio.create_task(watch(limit))
            try:
                return await work
            finally:
                watcher.cancel()
    except TimeoutError:
        if has_left:
            raise ClientDisconnect from None
        raise service.out_of_time() from None


async def check_texts(
    service: Service,
    model: LoadedModel,
    texts: list[str],
    *,
    param: str,
    more: int = 0,
) -> None:
    """Refuse texts beyond the limits; the parameters are those of `Limits.check_tokens`."""
    limits = service.limits
    is_small = sum(map(len, texts)) <= MAX_ON_LOOP and not limits.needs_count(texts, more)

    def check() -> None:
        limits.check_texts(texts, param=param, most=model.max_texts)
        limits.check_tokens(model.tokenizer, texts, param=param, more=more)

    await in_lane(service, None if is_small else lane_of(texts), check)


async def predict(
    request: Request,
    verb: str,
    body: Body,
    texts: str | list[str],
    work: Callable[[LoadedModel, list[Item[Body]]], list[bytes]],
    *,
    job: Job | None = None,
    param: str = "texts",
) -> tuple[LoadedModel, list[bytes]]:
    """Return the model that a request names, and its answer to each of the texts, in JSON.

    `work` turns items into answers, one for each and in the same order. It runs in a thread, and
    shares its call with other requests for this verb of the model. `job` is what the model must be
    for (None: any job), `param` the field of the body that holds the texts.
    """
    service = service_of(request)
    model = service.models.find(body.model, job)
    texts = [texts] if isinstance(texts, str) else texts
    add_log_fields(request.scope, model=model.name, texts=len(texts))
    await check_texts(service, model, texts, param=param)
    cost = 1
    if verb in ("explain", "states") or getattr(body, "words", False):
        # These take longer than others for the same text.
        cost = 4
    if model.model.teacher is not None:
        # A kept teacher takes ten times as long as all else.
        cost *= 10
    lane = lane_of(texts, cost)
    batcher = model.batchers.get((verb, lane))
    if batcher is None:
        size = 1
        concurrency = CONCURRENCY
        if verb == "classify":
            size = min(MAX_BATCH, model.max_texts)
        elif lane == LONG:
            # One after another: each of these may need some memory.
            concurrency = 1
        # The answers of all that wait are in memory together.
        weight = max(1, service.limits.texts // model.max_texts)
        batcher = Batcher(partial(work, model), service.lanes[lane], size, concurrency, weight)
        model.batchers[verb, lane] = batcher
    answers = await batcher([(body, index, text) for index, text in enumerate(texts)])
    service.metrics.texts.labels(model.name, verb).inc(len(texts))
    return model, answers


def lane_of(texts: Sequence[str], cost: int = 1) -> str:
    """Return where texts are answered: `QUICK`, or `LONG` where that takes long."""
    is_long = cost * sum(map(len, texts)) > LONG_CHARACTERS
    if is_long or cost * len(texts) > LONG_TEXTS:
        return LONG
    return QUICK
