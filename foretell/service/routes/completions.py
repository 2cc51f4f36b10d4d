"""POST /v1/completions in OpenAI's format: continuations of prompts, whole or as a stream of words."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.service.errors import invalid
from foretell.service.generation import EventStream, Generation, with_first
from foretell.service.logs import add_log_fields
from foretell.service.requests import JsonRoute, check_texts
from foretell.service.schemas import ERRORS, Cache, Integer, RequestBody, ResponseBody, TextList, example
from foretell.service.state import Service, service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)

_EXAMPLE = {"model": "notes", "prompt": "What stands in the", "max_tokens": 6, "temperature": 0, "seed": 1}

Zero = Annotated[float, Field(ge=0, le=0)]


class StreamOptions(RequestBody):
    """Options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CompletionRequest(RequestBody):
    """POST /v1/completions as OpenAI defines it. A token is a word, a punctuation mark or the end of a line.

    top_k, min_p, repetition_penalty, avoid_unknown, unfinished and cache are foretell's own. Not supported,
    and refused: best_of other than n, logit_bias, suffix, penalties other than 0.
    """

    model: str = Field(max_length=200)
    prompt: str | TextList | None = ""
    max_tokens: Integer | None = Field(default=16, ge=0)
    temperature: float | None = Field(default=1.0, ge=0, le=2)
    top_p: float | None = Field(default=1.0, gt=0, le=1)
    n: Integer | None = Field(default=1, ge=1, le=16)
    stream: bool | None = False
    stream_options: StreamOptions | None = Field(default=None, description="Only with stream.")
    logprobs: Integer | None = Field(default=None, ge=0, le=5)
    echo: bool | None = False
    stop: str | Annotated[list[str], Field(max_length=4, fail_fast=True)] | None = None
    seed: Integer | None = None
    user: object = None
    top_k: Integer = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0)
    avoid_unknown: bool = True
    unfinished: bool = False
    cache: Cache = 0
    best_of: Integer | None = Field(default=None, description="null, or the value of n.")
    suffix: Literal[""] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None


class Logprobs(ResponseBody):
    """Log-probabilities of the words of a choice, by the model's own distribution (before any sampling)."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class Choice(ResponseBody):
    """One continuation."""

    text: str
    index: int
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"] | None


class Usage(ResponseBody):
    """Words read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(ResponseBody):
    """A completion, or with `stream` one event of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


@router.post("/completions", response_model=Completion, openapi_extra=example(_EXAMPLE))
async def completions(body: CompletionRequest, request: Request) -> Response:
    """Return continuations of one prompt or several; with `stream`, word by word as server-sent events."""
    service = service_of(request)
    deadline = service.deadline()
    generation = await _generation(body, service)
    n_texts = generation.n * len(generation.prompts)
    name = generation.model.name
    add_log_fields(request.scope, model=name, texts=n_texts, stream=bool(body.stream))
    generation.lane.add(n_texts)
    with ExitStack() as stack:
        stack.callback(generation.lane.remove, n_texts)
        service.metrics.texts.labels(name, "completions").inc(n_texts)
        if body.stream:
            with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
            events = await with_first(generation.events(with_usage=with_usage))
            return EventStream(events, service, deadline, on_end=stack.pop_all().close)
        return Response(await generation.whole(), media_type="application/json")


async def _generation(body: CompletionRequest, service: Service) -> Generation:
    """Return the continuations that a request asks for, within the limits of what it reads and writes."""
    if body.best_of not in (None, body.n or 1):
        raise invalid("expected best_of to be n, found another value; leave it out", param="best_of")
    if body.stream_options is not None and not body.stream:
        raise invalid("expected stream_options only with stream, found them without", param="stream_options")
    max_tokens = 16 if body.max_tokens is None else body.max_tokens
    generation = Generation(
        service=service,
        model=service.models.find(body.model, "words"),
        prompts=body.prompt if isinstance(body.prompt, list) else [body.prompt or ""],
        n=body.n or 1,
        seed=body.seed,
        options=_options(body, max_tokens) if max_tokens else None,
        echo=bool(body.echo),
        logprobs=body.logprobs,
        cache=body.cache,
    )
    prompts, n = generation.prompts, generation.n
    written = max_tokens * n * len(prompts)
    await check_texts(service, generation.model, prompts, param="prompt", more=written, copies=n)
    return generation


def _options(body: CompletionRequest, max_tokens: int) -> dict[str, Any]:
    """Return the options of `WordsRuntime.write`."""
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    same = ("top_k", "min_p", "repetition_penalty", "avoid_unknown", "unfinished", "cache")
    return {name: getattr(body, name) for name in same} | {
        "words": max_tokens,
        "max_tokens": max_tokens,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "stop": tuple(each for each in stop if each),
        "alternatives": body.logprobs or 0,
    }
