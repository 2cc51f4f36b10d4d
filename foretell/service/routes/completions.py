"""POST /v1/completions in OpenAI's format: continuations of prompts, whole or as a stream of words.

Each continuation is written in turns of a few milliseconds, so that many share the threads fairly,
and only as long as a client reads it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import accumulate
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.runtime.words.surprise import PromptWord, prompt_words
from foretell.runtime.words.writing import Written
from foretell.service.errors import ApiError, from_exception
from foretell.service.lanes import WRITING
from foretell.service.logs import add_log_fields
from foretell.service.models import LoadedModel, Service, service_of
from foretell.service.requests import JsonRoute, check_texts, lane_of
from foretell.service.schemas import (
    Cache,
    Integer,
    RequestBody,
    ResponseBody,
    TextList,
    example,
    to_json,
)

router = APIRouter(prefix="/v1", route_class=JsonRoute)

_EXAMPLE = {
    "model": "notes",
    "prompt": "What stands in the",
    "max_tokens": 6,
    "temperature": 0,
    "seed": 1,
}

TURN_SECONDS = 0.01

Stop = Annotated[str, Field(max_length=1000)]  # each written word is compared with its beginnings

BYTES_OF_A_TEXT = 1 << 15
"""A continuous cache of so many bytes counts as one more waiting text: 2,048 of them hold 64
MiB.
"""

LAST_SECONDS = 0.2
"""Seconds in which a client must read the rest of a stream whose time has passed."""

Word = Written | PromptWord

Zero = Annotated[float, Field(ge=0, le=0)]


class StreamOptions(RequestBody):
    """Options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CompletionRequest(RequestBody):
    """POST /v1/completions as OpenAI defines it. A token is a word, a punctuation mark or the end
    of a line.

    top_k, min_p, repetition_penalty, avoid_unknown, unfinished and cache are foretell's own. Not
    supported, and refused: best_of other than n, logit_bias, suffix, penalties other than 0.
    """

    model: str = Field(max_length=200)
    prompt: str | TextList | None = ""
    max_tokens: Integer | None = Field(default=16, ge=0, le=10**9)
    temperature: float | None = Field(default=1.0, ge=0, le=2)
    top_p: float | None = Field(default=1.0, gt=0, le=1)
    n: Integer | None = Field(default=1, ge=1, le=16)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    """Only with stream."""
    logprobs: Integer | None = Field(default=None, ge=0, le=5)
    echo: bool | None = False
    stop: Stop | Annotated[list[Stop], Field(max_length=4, fail_fast=True)] | None = None
    seed: Integer | None = None
    user: object = None
    top_k: Integer = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0, le=100)
    avoid_unknown: bool = True
    unfinished: bool = False
    cache: Cache = 0
    best_of: Integer | None = None
    """null, or the value of n."""
    suffix: Literal[""] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None


class Logprobs(ResponseBody):
    """Log-probabilities of the words of a choice, by the model's own distribution (before any
    sampling).
    """

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


class CompletionResponse(ResponseBody):
    """A completion, or with `stream` one event of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


@router.post("/completions", response_model=CompletionResponse, openapi_extra=example(_EXAMPLE))
async def completions(body: CompletionRequest, request: Request) -> Response:
    """Return continuations of one prompt or several; with `stream`, word by word as server-sent
    events.
    """
    if body.best_of not in (None, body.n or 1):
        message = "expected best_of to be n, found another value; leave it out"
        raise ApiError(message, param="best_of")
    if body.stream_options is not None and not body.stream:
        message = "expected stream_options only with stream, found them without"
        raise ApiError(message, param="stream_options")
    service = service_of(request)
    deadline = service.deadline()
    it = Generation(body, service)
    more = it.max_tokens * it.count
    await check_texts(service, it.model, it.texts, param="prompt", more=more)
    add_log_fields(request.scope, model=it.model.name, texts=it.count, stream=bool(body.stream))
    with ExitStack() as stack:
        # In a queue of their own: however many continuations wait, other requests find room.
        waiting = it.count + it.cache_bytes // BYTES_OF_A_TEXT
        stack.enter_context(service.lanes[WRITING].count(waiting))
        service.metrics.texts.labels(it.model.name, "completions").inc(it.count)
        if body.stream:
            events = it.events()
            # An error before the first event is still answered with its status.
            return EventStream(
                await anext(events), events, service, deadline, stack.pop_all().close
            )
        return Response(await it.whole(), media_type="application/json")


class Generation:
    """The continuations that a request asks for, `n` of each prompt."""

    def __init__(self, body: CompletionRequest, service: Service) -> None:
        self._body = body
        self._service = service
        self.model: LoadedModel = service.models.find(body.model, "words")
        self.prompts = body.prompt if isinstance(body.prompt, list) else [body.prompt or ""]
        self.n = body.n or 1
        self.texts = self.prompts * self.n
        self.count = len(self.texts)
        self.max_tokens = 16 if body.max_tokens is None else body.max_tokens
        self.lane = service.lanes[lane_of(self.texts)]
        # The continuations are written one after another, so there is one cache at a time.
        self.cache_bytes = 4 * body.cache * self.model.model.settings.embedding_size
        self._n_words = 0
        self._head: dict[str, object] = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.model.name,
        }

    def _options(self) -> dict[str, Any]:
        body = self._body
        stop = [body.stop] if isinstance(body.stop, str) else body.stop or ()
        same = ("top_k", "min_p", "repetition_penalty", "avoid_unknown", "unfinished", "cache")
        return {name: getattr(body, name) for name in same} | {
            "words": self.max_tokens,
            "max_tokens": self.max_tokens,
            "temperature": 1.0 if body.temperature is None else body.temperature,
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "stop": tuple(filter(None, stop)),
            "alternatives": body.logprobs or 0,
        }

    async def whole(self) -> bytes:
        """Return all continuations as JSON."""
        written = [[turn async for turn in self._turns(index)] for index in range(self.count)]

        def content() -> bytes:
            choices = [
                self._choice(index, [word for words, _ in turns for word in words], turns[-1][1])
                for index, turns in enumerate(written)
            ]
            return to_json({**self._head, "choices": choices, "usage": self._usage()})

        return await self.lane.run(content)

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events of a stream, those of one turn together, one continuation after
        another.
        """
        options = self._body.stream_options
        with_usage = options is not None and options.include_usage
        head = dict(self._head)
        if with_usage:
            head["usage"] = None
        for index in range(self.count):
            offset = 0
            async for words, finish in self._turns(index):
                choices = []
                for word in words:
                    choices.append(self._choice(index, [word], "", offset))
                    offset += len(word.text)
                if finish:
                    choices.append(self._choice(index, [], finish, offset))
                yield b"".join(event(to_json({**head, "choices": [choice]})) for choice in choices)
        if with_usage:
            usage = await self.lane.run(self._usage)
            yield event(to_json({**head, "choices": [], "usage": usage}))
        yield event(b"[DONE]")

    async def _turns(self, index: int) -> AsyncIterator[tuple[Sequence[Word], str]]:
        """Yield the words of each turn, and with the last ones why the continuation ended; else
        "". With `echo`, those of the prompt come first.
        """
        body = self._body
        row, sample = divmod(index, self.n)
        prompt = self.prompts[row]
        lanes = self._service.lanes
        if body.echo:
            read = partial(
                prompt_words, self.model.words, prompt, top=body.logprobs, cache=body.cache
            )
            yield await lanes[lane_of([prompt], 4)].run(read), ""
        if not self.max_tokens:
            yield [], "length"
            return
        # Every integer is a valid seed, negative ones too.
        seed = None if body.seed is None else (body.seed + sample) % 2**64
        write = partial(self.model.words.write, prompt, seed=seed, **self._options())
        writing = await lanes[lane_of([prompt])].run(write)
        is_last = False
        while not is_last:
            words, is_last = await lanes[WRITING].run(partial(_turn, writing))
            self._n_words += len(words)
            yield words, writing.finished if is_last else ""

    def _choice(
        self, index: int, words: Sequence[Word], finish: str, offset: int = 0
    ) -> dict[str, object]:
        """Return consecutive words of one continuation; `offset` is where the first begins."""
        *starts, _ = accumulate((len(word.text) for word in words), initial=offset)
        logprobs = {
            "tokens": [word.text for word in words],
            "token_logprobs": [word.log_probability for word in words],
            "top_logprobs": [_top(word) for word in words],
            "text_offset": starts,
        }
        return {
            "text": "".join(word.text for word in words),
            "index": index,
            "logprobs": None if self._body.logprobs is None else logprobs,
            "finish_reason": finish or None,
        }

    def _usage(self) -> dict[str, int]:
        n_read = sum(len(self.model.tokenizer.encode(prompt)) for prompt in self.prompts)
        total = n_read + self._n_words
        return {"prompt_tokens": n_read, "completion_tokens": self._n_words, "total_tokens": total}


def _turn(words: Iterator[Written]) -> tuple[list[Written], bool]:
    """Return the words of one turn, at least one if any is left, and whether they are the last."""
    turn: list[Written] = []
    deadline = time.monotonic() + TURN_SECONDS
    for word in words:
        turn.append(word)
        if time.monotonic() >= deadline:
            return turn, False
    return turn, True


def _top(word: Word) -> dict[str, float] | None:
    logp = word.log_probability or 0.0
    top = {each.word: math.log(each.probability) for each in word.likeliest if each.probability > 0}
    # Clients compare whether the word was the most probable one.
    return {name: logp if math.isclose(logp, top[name]) else top[name] for name in top} or None


class EventStream(StreamingResponse):
    """Server-sent events. They end with the last event, the time limit, the service or the client.

    At the time limit and at the end of the service, the last event is an error. The time limit also
    holds for a client that has stopped reading: it gets no end, so that it does not take what it
    has for the whole. `on_end` is called once, whatever ended them.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        first: bytes,
        events: AsyncIterator[bytes],
        service: Service,
        deadline: float,
        on_end: Callable[[], None],
    ) -> None:
        async def all_events() -> AsyncIterator[bytes]:
            yield first
            try:
                async for each in events:
                    yield each
            except Exception as error:
                yield event(from_exception(error).to_json().encode())

        super().__init__(all_events(), headers={"X-Accel-Buffering": "no"})
        self._service = service
        self._deadline = deadline
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._service.time_limit(self._deadline):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            last = event(self._service.out_of_time().to_json().encode())
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await send({"type": "http.response.body", "body": last})
        finally:
            self._on_end()


def event(data: bytes) -> bytes:
    return b"data: %s\n\n" % data
