"""POST /v1/completions in OpenAI's format: continuations of prompts, whole or as a stream of words."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.service.errors import invalid
from foretell.service.generation import EventStream, Generation, with_first
from foretell.service.logs import add_log_fields
from foretell.service.models import LONG
from foretell.service.requests import JsonRoute
from foretell.service.schemas import ERRORS, Cache, Integer, RequestBody, ResponseBody, TextList, example
from foretell.service.state import service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)

_EXAMPLE = {"model": "notes", "prompt": "What stands in the", "max_tokens": 6, "temperature": 0, "seed": 1}

# OpenAI's parameters that are not supported, and the values that leave them without effect.
_WITHOUT_EFFECT: dict[str, tuple[object, ...]] = {
    "suffix": (None, ""),
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
}


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
    stream_options: StreamOptions | None = None
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
    best_of: object = Field(default=None, description="null, or the value of n.")
    suffix: object = Field(default=None, json_schema_extra={"enum": [None, ""]})
    logit_bias: object = Field(default=None, json_schema_extra={"enum": [None, {}]})
    presence_penalty: object = Field(default=None, json_schema_extra={"enum": [None, 0]})
    frequency_penalty: object = Field(default=None, json_schema_extra={"enum": [None, 0]})


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
    model = service.models.find(body.model, "words").loaded
    _check_supported(body)
    generation = Generation(
        service=service,
        model=model,
        prompts=body.prompt if isinstance(body.prompt, list) else [body.prompt or ""],
        n=body.n or 1,
        seed=body.seed,
        options=None if body.max_tokens == 0 else _options(body),
        echo=bool(body.echo),
        logprobs=body.logprobs,
        cache=body.cache,
    )
    await _check_limits(generation, 16 if body.max_tokens is None else body.max_tokens)
    n_texts = generation.n * len(generation.prompts)
    add_log_fields(request.scope, model=model.card.id, texts=n_texts, stream=bool(body.stream))
    generation.begin()
    try:
        if body.stream:
            with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
            events = await with_first(generation.events(with_usage=with_usage))
            return EventStream(events, on_end=generation.end)
        answer = await generation.whole()
    except BaseException:
        generation.end()
        raise
    generation.end()
    return Response(answer, media_type="application/json")


async def _check_limits(generation: Generation, max_tokens: int) -> None:
    """Refuse too many texts, and a request that reads and writes too many tokens.

    Raises:
        ApiError: naming the limit.
    """
    limits, prompts, n = generation.service.limits, generation.prompts, generation.n
    limits.check_texts(prompts, param="prompt", copies=n)
    written = max_tokens * n * len(prompts)
    if written > limits.tokens:
        raise invalid(
            f"expected at most {limits.tokens} as max_tokens of all continuations together, found {written}",
            param="max_tokens",
        )
    if limits.needs_count(prompts, more=written, copies=n):
        check = partial(
            limits.check_tokens, generation.model.tokenizer, prompts, param="prompt", more=written, copies=n
        )
        await generation.service.in_lane(LONG, check)


def _options(body: CompletionRequest) -> dict[str, Any]:
    """Return the options of `WordsRuntime.write`."""
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    max_tokens = 16 if body.max_tokens is None else body.max_tokens
    same = ("top_k", "min_p", "repetition_penalty", "avoid_unknown", "unfinished", "cache")
    return {name: getattr(body, name) for name in same} | {
        "words": max_tokens,
        "max_tokens": max_tokens,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "stop": tuple(each for each in stop if each),
        "alternatives": body.logprobs or 0,
    }


def _check_supported(body: CompletionRequest) -> None:
    refused = [name for name, values in _WITHOUT_EFFECT.items() if getattr(body, name) not in values]
    if body.best_of not in (None, body.n or 1):
        refused.append("best_of")
    if refused:
        raise invalid(
            f"expected no {refused[0]}, which is not supported, found one; leave it out",
            param=refused[0],
            code="unsupported_parameter",
        )
    if body.stream_options is not None and not body.stream:
        raise invalid("expected stream_options only with stream, found them without", param="stream_options")
