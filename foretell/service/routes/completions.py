"""POST /v1/completions in OpenAI's format: continuations of prompts, whole or as a stream of words."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.errors import ForetellError
from foretell.runtime.words.writing import Candidate, Writing
from foretell.service.errors import ApiError, from_exception, invalid
from foretell.service.generation import Continuation, EventStream, Generation, Piece, Write, event, with_first
from foretell.service.limits import Limits
from foretell.service.logs import add_log_fields
from foretell.service.models import LONG, LoadedModel
from foretell.service.requests import JsonRoute, lane_of
from foretell.service.schemas import ERRORS, Cache, Integer, RequestBody, ResponseBody, TextList, example
from foretell.service.state import Service, service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)

_EXAMPLE = {"model": "notes", "prompt": "What stands in the", "max_tokens": 6, "temperature": 0, "seed": 1}

# OpenAI's parameters that are not supported, and the values that leave them without effect.
_WITHOUT_EFFECT: dict[str, tuple[object, ...]] = {
    "suffix": (None, ""),
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
}
_STATUS = 400
"""OpenAI's clients expect 400 for every error in a completion's parameters."""


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
    user: Any = None
    top_k: Integer = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0)
    avoid_unknown: bool = True
    unfinished: bool = False
    cache: Cache = 0
    best_of: Any = Field(default=None, description="null, or the value of n.")
    suffix: Any = Field(default=None, json_schema_extra={"enum": [None, ""]})
    logit_bias: Any = Field(default=None, json_schema_extra={"enum": [None, {}]})
    presence_penalty: Any = Field(default=None, json_schema_extra={"enum": [None, 0]})
    frequency_penalty: Any = Field(default=None, json_schema_extra={"enum": [None, 0]})


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
    answer = _Answer(body, service, model)
    await answer.check_tokens()
    n_texts = len(answer.continuations)
    add_log_fields(request.scope, model=model.card.id, texts=n_texts, stream=bool(body.stream))
    waiting = service.models.waiting[answer.lane]
    waiting.add(n_texts)
    is_open = True

    def end() -> None:
        nonlocal is_open
        if is_open:
            waiting.remove(n_texts)
            service.metrics.texts.labels(model.card.id, "completions").inc(n_texts)
            service.metrics.words.labels(model.card.id).inc(answer.generation.n_words)
        is_open = False

    try:
        if body.stream:
            events = await with_first(answer.events())
            return EventStream(events, on_end=end)
        response = await answer.response()
    except BaseException as error:
        end()
        if isinstance(error, ForetellError):
            raise _as_400(error) from error
        raise
    end()
    return response


class _Answer:
    """The answer to one request.

    Args:
        body: the request.
        service: the service.
        model: the model.

    Raises:
        ApiError: more than the limits allow.
    """

    def __init__(self, body: CompletionRequest, service: Service, model: LoadedModel) -> None:
        self._body, self._name, self._service = body, model.card.id, service
        self._tokenizer = model.tokenizer
        self._prompts = body.prompt if isinstance(body.prompt, list) else [body.prompt or ""]
        self.continuations = _continuations(body, self._prompts, service.limits)
        self.generation = Generation(
            model.words,
            None if body.max_tokens == 0 else _writer(body, model),
            echo=bool(body.echo),
            cache=body.cache,
            logprobs=body.logprobs,
            service=service,
        )
        self.lane = lane_of([each.prompt for each in self.continuations])
        self._id, self._created = f"cmpl-{secrets.token_hex(12)}", int(time.time())

    async def check_tokens(self) -> None:
        """Refuse a request that reads and writes too many tokens.

        Raises:
            ApiError: naming the limit.
        """
        limits, n = self._service.limits, self._body.n or 1
        written = (16 if self._body.max_tokens is None else self._body.max_tokens) * len(self.continuations)
        if written > limits.tokens:
            raise invalid(
                f"expected a max_tokens of at most {limits.tokens} for all continuations together, found "
                f"{written}",
                param="max_tokens",
                status=_STATUS,
            )
        if limits.needs_count(self._prompts, more=written, copies=n):
            check = partial(
                limits.check_tokens, self._tokenizer, self._prompts, param="prompt", status=_STATUS,
                more=written, copies=n,
            )  # fmt: skip
            await self._service.in_lane(LONG, check)

    async def response(self) -> Response:
        """Return all continuations."""
        written = [(each.index, await self._written(each)) for each in self.continuations]
        usage = await self._usage()

        def content() -> str:
            choices = [self._choice(index, pieces) for index, pieces in written]
            return self._completion(choices, usage).model_dump_json()

        answer = await self._service.in_lane(self.lane, content)
        return Response(answer, media_type="application/json")

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events of a stream, those of one turn together, one continuation after another."""
        with_usage = self._body.stream_options is not None and self._body.stream_options.include_usage
        left_out = None if with_usage else {"usage"}
        has_begun = False
        try:
            for continuation in self.continuations:
                offset = 0
                async for pieces in self.generation.pieces(continuation):
                    events = []
                    for piece in pieces:
                        choice = self._choice(continuation.index, [piece], offset)
                        offset += len(piece.text)
                        events.append(event(self._completion([choice]).model_dump_json(exclude=left_out)))
                    yield b"".join(events)
                    has_begun = True
            if with_usage:
                yield event(self._completion([], await self._usage()).model_dump_json())
        except Exception as error:
            if not has_begun:
                raise
            yield event(from_exception(error).to_json())
            return
        yield event("[DONE]")

    async def _written(self, continuation: Continuation) -> list[Piece]:
        return [piece async for pieces in self.generation.pieces(continuation) for piece in pieces]

    async def _usage(self) -> Usage:
        n_read, n_written = await self.generation.count_tokens(self._prompts), self.generation.n_words
        return Usage(prompt_tokens=n_read, completion_tokens=n_written, total_tokens=n_read + n_written)

    def _completion(self, choices: list[Choice], usage: Usage | None = None) -> Completion:
        return Completion(id=self._id, created=self._created, model=self._name, choices=choices, usage=usage)

    def _choice(self, index: int, pieces: Sequence[Piece], offset: int = 0) -> Choice:
        """Return consecutive pieces of one continuation; `offset` is where the first begins."""
        return Choice(
            text="".join(piece.text for piece in pieces),
            index=index,
            logprobs=None if self._body.logprobs is None else _logprobs(pieces, offset),
            finish_reason=pieces[-1].finish_reason,
        )


def _continuations(body: CompletionRequest, prompts: list[str], limits: Limits) -> list[Continuation]:
    """Return the continuations to write: n for each prompt. Sample i has the seed `seed` + i."""
    n = body.n or 1
    limits.check_texts(prompts, param="prompt", status=_STATUS, copies=n)
    return [
        # Every integer is a valid seed, negative ones too.
        Continuation(n * row + i, prompt, None if body.seed is None else (body.seed + i) % 2**64)
        for row, prompt in enumerate(prompts)
        for i in range(n)
    ]


def _writer(body: CompletionRequest, model: LoadedModel) -> Write:
    """Return the function that begins a continuation of a prompt with a seed."""
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())

    def write(prompt: str, seed: int | None) -> Writing:
        return model.words.write(
            prompt,
            words=16 if body.max_tokens is None else body.max_tokens,
            max_tokens=16 if body.max_tokens is None else body.max_tokens,
            temperature=1.0 if body.temperature is None else body.temperature,
            top_p=1.0 if body.top_p is None else body.top_p,
            top_k=body.top_k,
            min_p=body.min_p,
            repetition_penalty=body.repetition_penalty,
            avoid_unknown=body.avoid_unknown,
            unfinished=body.unfinished,
            cache=body.cache,
            stop=tuple(each for each in stop if each),
            seed=seed,
            alternatives=body.logprobs or 0,
        )

    return write


def _logprobs(pieces: Sequence[Piece], offset: int) -> Logprobs:
    tokens = [token for piece in pieces for token in piece.tokens]
    starts = [offset]
    for token in tokens:
        starts.append(starts[-1] + len(token.text))
    return Logprobs(
        tokens=[token.text for token in tokens],
        token_logprobs=[token.log_probability for token in tokens],
        top_logprobs=[_top(token.candidates) for token in tokens],
        text_offset=starts[:-1],
    )


def _top(candidates: Sequence[Candidate]) -> dict[str, float] | None:
    top = {each.word: math.log(each.probability) for each in candidates if each.probability > 0}
    return top or None


def _check_supported(body: CompletionRequest) -> None:
    refused = [name for name, values in _WITHOUT_EFFECT.items() if getattr(body, name) not in values]
    if body.best_of not in (None, body.n or 1):
        refused.append("best_of")
    if refused:
        raise invalid(
            f"expected no {refused[0]}, which is not supported, found one; leave it out",
            param=refused[0],
            code="unsupported_parameter",
            status=_STATUS,
        )
    if body.stream_options is not None and not body.stream:
        raise invalid(
            "expected stream_options only with stream, found them without",
            param="stream_options",
            status=_STATUS,
        )


def _as_400(error: ForetellError) -> ApiError:
    """Return the error with status 400 where other routes answer 422."""
    answer = from_exception(error)
    answer.status = _STATUS if answer.status == 422 else answer.status
    return answer
