"""The continuations of one request, written word by word in threads, and sent whole or as events.

Each continuation is written in turns of a few milliseconds, so that many share the threads fairly, and only
as long as a client reads it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.runtime.words.surprise import WordScore, score_words
from foretell.runtime.words.writing import Candidate, Written
from foretell.service.errors import from_exception
from foretell.service.lanes import WRITING
from foretell.service.models import LoadedModel
from foretell.service.requests import lane_of
from foretell.service.schemas import to_json
from foretell.service.state import Service

TURN_SECONDS = 0.01

LAST_SECONDS = 0.2
"""Seconds in which a client must read the rest of a stream whose time has passed."""

Token = tuple[str, float | None, Sequence[Candidate]]
"""A word: its text, its log-probability in nats, and the most probable words in its place."""


@dataclass(frozen=True)
class Piece:
    """A part of a continuation: its text, the words in it, and in the last part why it ended."""

    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: Literal["stop", "length"] | None = None


@dataclass(kw_only=True)
class Generation:
    """The continuations of one request, `n` of each prompt.

    `options` are those of `WordsRuntime.write`; None: only the prompts are echoed. The others are parameters
    of the request. `n_words` are the words written so far.
    """

    service: Service
    model: LoadedModel
    prompts: list[str]
    n: int
    seed: int | None
    options: dict[str, Any] | None
    echo: bool
    logprobs: int | None
    cache: int
    n_words: int = 0
    _head: dict[str, object] = field(init=False)

    def __post_init__(self) -> None:
        self.lane = self.service.lanes[lane_of(self.prompts * self.n)]
        self._head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.model.name,
        }

    async def whole(self) -> bytes:
        """Return all continuations as JSON."""
        written = [
            [piece async for pieces in self._pieces(index) for piece in pieces]
            for index in range(self.n * len(self.prompts))
        ]
        usage = await self._usage()

        def content() -> bytes:
            choices = [self._choice(index, pieces) for index, pieces in enumerate(written)]
            return to_json({**self._head, "choices": choices, "usage": usage})

        return await self.lane.run(content)

    async def events(self, *, with_usage: bool) -> AsyncIterator[bytes]:
        """Yield the events of a stream, those of one turn together, one continuation after another."""
        usage = {"usage": None} if with_usage else {}
        has_begun = False
        try:
            for index in range(self.n * len(self.prompts)):
                offset = 0
                async for pieces in self._pieces(index):
                    events = []
                    for piece in pieces:
                        choice = self._choice(index, [piece], offset)
                        offset += len(piece.text)
                        events.append(event(to_json({**self._head, "choices": [choice], **usage})))
                    yield b"".join(events)
                    has_begun = True
            if with_usage:
                yield event(to_json({**self._head, "choices": [], "usage": await self._usage()}))
            yield event(b"[DONE]")
        except Exception as error:
            if not has_begun:
                raise
            yield event(from_exception(error).to_json().encode())

    async def _pieces(self, index: int) -> AsyncIterator[list[Piece]]:
        """Yield the prompt if it is to be echoed, then the words of each turn, then why it ended."""
        row, sample = divmod(index, self.n)
        prompt, lane = self.prompts[row], self.service.lanes[lane_of([self.prompts[row]])]
        if self.echo:
            yield [await lane.run(partial(self._echoed, prompt))]
        if self.options is None:
            yield [Piece("", finish_reason="length")]
            return
        # Every integer is a valid seed, negative ones too.
        seed = None if self.seed is None else (self.seed + sample) % 2**64
        writing = await lane.run(partial(self.model.words.write, prompt, seed=seed, **self.options))
        is_last = False
        while not is_last:
            words, is_last = await self.service.lanes[WRITING].run(partial(_turn, writing))
            self.n_words += len(words)
            if words:
                yield [
                    Piece(word.text, ((word.text, word.log_probability, word.likeliest),)) for word in words
                ]
        assert writing.finished
        yield [Piece("", finish_reason=writing.finished)]

    def _echoed(self, prompt: str) -> Piece:
        if self.logprobs is None or not prompt:
            return Piece(prompt)
        scores = score_words(self.model.words, prompt, top=self.logprobs, cache=self.cache)
        return Piece(prompt, tuple(_prompt_tokens(prompt, scores)))

    def _choice(self, index: int, pieces: Sequence[Piece], offset: int = 0) -> dict[str, object]:
        """Return consecutive pieces of one continuation; `offset` is where the first begins."""
        tokens = [token for piece in pieces for token in piece.tokens]
        starts = [offset]
        for text, _, _ in tokens:
            starts.append(starts[-1] + len(text))
        logprobs = {
            "tokens": [text for text, _, _ in tokens],
            "token_logprobs": [log_probability for _, log_probability, _ in tokens],
            "top_logprobs": [_top(candidates) for _, _, candidates in tokens],
            "text_offset": starts[:-1],
        }
        return {
            "text": "".join(piece.text for piece in pieces),
            "index": index,
            "logprobs": None if self.logprobs is None else logprobs,
            "finish_reason": pieces[-1].finish_reason,
        }

    async def _usage(self) -> dict[str, int]:
        encode = self.model.tokenizer.encode
        n_read = await self.lane.run(lambda: sum(len(encode(prompt)) for prompt in self.prompts))
        total = n_read + self.n_words
        return {"prompt_tokens": n_read, "completion_tokens": self.n_words, "total_tokens": total}


def _turn(words: Iterator[Written]) -> tuple[list[Written], bool]:
    """Return the words of one turn, at least one if any is left, and whether they are the last."""
    turn: list[Written] = []
    deadline = time.monotonic() + TURN_SECONDS
    for word in words:
        turn.append(word)
        if time.monotonic() >= deadline:
            return turn, False
    return turn, True


def _prompt_tokens(prompt: str, scores: list[WordScore]) -> Iterator[Token]:
    """Yield the words of a prompt, each with the white space before it."""
    if scores and scores[-1].start == scores[-1].end == len(prompt):
        # The last line of a prompt has not ended.
        scores = scores[:-1]
    # The text of an end of a line is its line break.
    ends = [max(score.end, score.start + 1) for score in scores]
    cuts = [0, *ends[:-1], len(prompt)]
    for score, start, end in zip(scores, cuts, cuts[1:], strict=False):
        yield prompt[start:end], score.log_probability, score.top


def _top(candidates: Sequence[Candidate]) -> dict[str, float] | None:
    top = {each.word: math.log(each.probability) for each in candidates if each.probability > 0}
    return top or None


class EventStream(StreamingResponse):
    """Server-sent events. They end with the last event, the time limit, the service or the client.

    At the time limit and at the end of the service, the last event is an error. The time limit also holds for
    a client that has stopped reading: it gets no end, so that it does not take what it has for the whole.
    `on_end` is called once, whatever ended them.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncIterator[bytes], service: Service, deadline: float, on_end: Callable[[], None]
    ) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._service, self._deadline, self._on_end = service, deadline, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
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
    """Return one server-sent event."""
    return b"data: %s\n\n" % data


async def with_first(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first event, and return an iterator that begins with it.

    An error before the first event can then still be answered with its status.
    """
    first = await anext(events)

    async def all_events() -> AsyncIterator[bytes]:
        yield first
        async for each in events:
            yield each

    return all_events()
