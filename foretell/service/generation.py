"""Writing the continuations of one request, word by word in threads, and sending them as events.

Each continuation is written in turns of a few milliseconds, so that many share the threads fairly, and only
as long as a client reads it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import WordScore, score_words
from foretell.runtime.words.writing import Candidate, Writing, Written
from foretell.service.logs import add_log_fields
from foretell.service.requests import lane_of
from foretell.service.state import Service, service_in

Write = Callable[[str, int | None], Writing]

TURN_SECONDS = 0.01

LAST_SECONDS = 0.2
"""Seconds in which a client must read the rest of a stream whose time has passed."""


@dataclass(frozen=True)
class Continuation:
    """A continuation to write.

    Attributes:
        index: its number in the request.
        prompt: the text before it.
        seed: of its random choices; None: a different one every time.
    """

    index: int
    prompt: str
    seed: int | None


@dataclass(frozen=True)
class Token:
    """One word: its text, its log-probability in nats, and the most probable words in its place."""

    text: str
    log_probability: float | None
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Piece:
    """A part of a continuation: its text, the words in it, and in the last part why it ended."""

    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: Literal["stop", "length"] | None = None


class Generation:
    """Writes the continuations of one request.

    Args:
        runtime: the language model.
        write: begins a continuation of a prompt with a seed; None: only the prompts are echoed.
        echo: begin each continuation with its prompt.
        logprobs: with `echo`: this many most probable words in the place of each of the prompt's; None: the
            prompt is not scored.
        cache: with `echo`: words in the cache by which the prompt is scored; 0: none.
        service: its threads and its time limit.

    Attributes:
        n_words: the words written so far.
    """

    def __init__(
        self,
        runtime: WordsRuntime,
        write: Write | None,
        *,
        echo: bool,
        logprobs: int | None,
        cache: int = 0,
        service: Service,
    ) -> None:
        self._runtime, self._write, self._echo, self._logprobs = runtime, write, echo, logprobs
        self._cache, self._service = cache, service
        self._deadline = time.monotonic() + service.limits.seconds
        self.n_words = 0

    async def pieces(self, continuation: Continuation) -> AsyncIterator[list[Piece]]:
        """Yield the prompt if it is to be echoed, then the words of each turn, then why it ended.

        Raises:
            ApiError: 503, the time limit has passed.
        """
        if self._echo:
            lane = lane_of([continuation.prompt])
            yield [await self._service.in_lane(lane, lambda: self._echoed(continuation.prompt))]
        finish_reason: Literal["stop", "length"] = "length"
        if self._write is not None:
            write = self._write
            lane = lane_of([continuation.prompt])
            writing = await self._service.in_lane(lane, lambda: write(continuation.prompt, continuation.seed))
            async for words in self._turns(writing):
                self.n_words += len(words)
                yield [Piece(word.text, (_token(word),)) for word in words]
            assert writing.finished
            finish_reason = writing.finished
        yield [Piece("", finish_reason=finish_reason)]

    async def count_tokens(self, prompts: Sequence[str]) -> int:
        """Return the number of words in all prompts."""
        encode = self._runtime.tokenizer.encode

        def count() -> dict[str, int]:
            return {prompt: len(encode(prompt)) for prompt in set(prompts)}

        counts = await self._service.in_lane(lane_of(prompts), count)
        return sum(counts[prompt] for prompt in prompts)

    async def _turns(self, words: Iterator[Written]) -> AsyncIterator[list[Written]]:
        """Yield the words of a continuation, those of one turn at a time."""
        is_last = False
        while not is_last:
            if time.monotonic() > self._deadline:
                raise self._service.out_of_time()
            turn, is_last = await self._service.in_lane("completions", lambda: _turn(words))
            if turn:
                yield turn

    def _echoed(self, prompt: str) -> Piece:
        if self._logprobs is None or not prompt:
            return Piece(prompt)
        scores = score_words(self._runtime, prompt, top=self._logprobs, cache=self._cache)
        return Piece(prompt, tuple(_prompt_tokens(prompt, scores)))


def _token(word: Written) -> Token:
    return Token(word.text, word.log_probability, word.likeliest)


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
        yield Token(prompt[start:end], score.log_probability, score.top)


class EventStream(StreamingResponse):
    """Server-sent events. They end with the last event, the time limit, the service or the client.

    At the time limit and at the end of the service, the last event is an error. The time limit also holds for
    a client that has stopped reading: it gets no end, so that it does not take what it has for the whole.

    Args:
        events: the events.
        on_end: called once at the end, whatever ended it.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], *, on_end: Callable[[], None]) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        service = service_in(scope)
        try:
            async with service.time_limit():
                await super().__call__(scope, receive, send)
        except TimeoutError:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await send({"type": "http.response.body", "body": event(service.out_of_time().to_json())})
                    return
            add_log_fields(scope, cut_off=True)
        finally:
            self._on_end()


def event(data: str) -> bytes:
    """Return one server-sent event."""
    return f"data: {data}\n\n".encode()


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
