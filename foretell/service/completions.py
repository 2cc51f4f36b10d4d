"""POST /v1/completions in OpenAI's shape: continuations of prompts, whole or as they are written."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import APIRouter, Request

from foretell.errors import ForetellError
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import WordScore, score_words
from foretell.runtime.words.writing import Candidate, Writing, Written
from foretell.service import schemas
from foretell.service.documents import ANSWERS, example
from foretell.service.failures import Refusal, from_error, invalid
from foretell.service.generation import EventStream, event, written
from foretell.service.json_route import JsonRoute
from foretell.service.logs import note
from foretell.service.models import Served
from foretell.service.service import Service, service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ANSWERS)

_EXAMPLE = {"model": "notes", "prompt": "What stands in the", "max_tokens": 6, "temperature": 0, "seed": 1}

# Parameters of OpenAI's that cannot be honoured, and the values at which they mean nothing.
_NOT_HONOURED: dict[str, tuple[Any, ...]] = {
    "suffix": (None, ""),
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
}


@router.post("/completions", response_model=schemas.Completion, openapi_extra=example(_EXAMPLE))
async def completions(asked: schemas.CompletionRequest, request: Request) -> Any:
    """Continuations of one prompt or several; with `stream`, word by word as server-sent events."""
    service = service_of(request)
    served = service.models.find(asked.model, "words")
    work = _Work.plan(service, served, asked)
    note(request.scope, model=served.name, texts=len(work.choices), stream=bool(asked.stream))
    service.models.line.enter(len(work.choices))
    released = False

    def release() -> None:
        nonlocal released
        if not released:
            service.models.line.leave(len(work.choices))
            service.metrics.texts.labels(served.name, "completions").inc(len(work.choices))
            service.metrics.words.labels(served.name).inc(work.n_written)
        released = True

    try:
        if asked.stream:
            # What is wrong with the first prompt is said before the stream begins.
            events = await _begun(work.events())
            return EventStream(events, seconds=service.limits.seconds, release=release)
        answer = await work.whole()
    except BaseException as error:
        release()
        if isinstance(error, ForetellError):
            raise _as_400(error) from error
        raise
    release()
    return answer


@dataclass
class _Choice:
    """One continuation to write."""

    index: int
    prompt: str
    seed: int | None


@dataclass
class _Work:
    """What one request asks for, checked."""

    service: Service
    served: Served
    asked: schemas.CompletionRequest
    choices: list[_Choice]
    runtime: WordsRuntime
    until: float
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    n_written: int = 0

    @classmethod
    def plan(cls, service: Service, served: Served, asked: schemas.CompletionRequest) -> _Work:
        """Return the work, or refuse what cannot be honoured."""
        _check_honoured(asked)
        prompts = [asked.prompt or ""] if not isinstance(asked.prompt, list) else asked.prompt
        n = asked.n or 1
        limits = service.limits
        limits.check_texts(prompts, param="prompt", status=400)
        if len(prompts) * n > limits.texts:
            found = len(prompts) * n
            raise invalid(
                f"expected at most {limits.texts} continuations, found {found}", param="n", status=400
            )
        if (asked.max_tokens or 0) > limits.words:
            message = f"expected max_tokens of at most {limits.words}, found {asked.max_tokens}"
            raise invalid(message, param="max_tokens", status=400)
        choices = [
            _Choice(n * row + sample, prompt, _seed(asked.seed, sample))
            for row, prompt in enumerate(prompts)
            for sample in range(n)
        ]
        runtime = served.loaded.runtime
        assert isinstance(runtime, WordsRuntime)
        return cls(service, served, asked, choices, runtime, time.monotonic() + limits.seconds)

    async def whole(self) -> schemas.Completion:
        """Return all continuations."""
        choices = []
        for choice in self.choices:
            pieces = [piece async for piece in self._pieces(choice)]
            choices.append(_joined(choice.index, pieces, self.asked.logprobs is not None))
        return self._completion(choices, await self._usage())

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events of a stream, one continuation after another."""
        with_usage = self.asked.stream_options is not None and self.asked.stream_options.include_usage
        left_out = None if with_usage else {"usage"}
        begun = False
        try:
            for choice in self.choices:
                offset = 0
                async for piece in self._pieces(choice):
                    shown = _joined(choice.index, [piece], self.asked.logprobs is not None, offset)
                    offset += len(piece.text)
                    yield event(self._completion([shown]).model_dump_json(exclude=left_out))
                    begun = True
            if with_usage:
                yield event(self._completion([], await self._usage()).model_dump_json())
        except Exception as error:
            if not begun:
                raise
            yield event(from_error(error).to_json())
            return
        yield event("[DONE]")

    async def _pieces(self, choice: _Choice) -> AsyncIterator[_Piece]:
        """Yield the prompt, where it is to be echoed, then the words, then how it ended."""
        asked, pool = self.asked, self.service.pool
        if asked.echo:
            yield await self._in_pool(self._echoed, choice)
        finished: Literal["stop", "length"] = "length"
        if asked.max_tokens != 0:
            writing = await self._in_pool(self._writing, choice)
            turns = written(writing, pool, until=self.until, seconds=self.service.limits.seconds)
            async for words in turns:
                self.n_written += len(words)
                for word in words:
                    yield _of_words([word])
            assert writing.finished
            finished = writing.finished
        yield _Piece("", finished=finished)

    async def _in_pool(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.service.pool, work, *arguments)

    def _writing(self, choice: _Choice) -> Writing:
        asked = self.asked
        return self.runtime.write(
            choice.prompt,
            words=16 if asked.max_tokens is None else asked.max_tokens,
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else asked.top_p,
            top_k=asked.top_k,
            min_p=asked.min_p,
            repetition_penalty=asked.repetition_penalty,
            avoid_unknown=asked.avoid_unknown,
            unfinished=asked.unfinished,
            stop=_stops(asked.stop),
            seed=choice.seed,
            alternatives=asked.logprobs or 0,
        )

    def _echoed(self, choice: _Choice) -> _Piece:
        if self.asked.logprobs is None or not choice.prompt:
            return _Piece(choice.prompt)
        return _of_prompt(choice.prompt, score_words(self.runtime, choice.prompt, top=self.asked.logprobs))

    async def _usage(self) -> schemas.Usage:
        prompts = {choice.prompt for choice in self.choices}
        counts = await self._in_pool(
            lambda: {each: len(self.runtime.tokenizer.encode(each)) for each in prompts}
        )
        n = self.asked.n or 1
        read = sum(counts[choice.prompt] for choice in self.choices[::n])
        return schemas.Usage(
            prompt_tokens=read, completion_tokens=self.n_written, total_tokens=read + self.n_written
        )

    def _completion(
        self, choices: list[schemas.Choice], usage: schemas.Usage | None = None
    ) -> schemas.Completion:
        return schemas.Completion(
            id=self.id, created=self.created, model=self.served.name, choices=choices, usage=usage
        )


@dataclass
class _Piece:
    """A part of a choice: its text, and its words, each with log-probability and likeliest words."""

    text: str
    words: list[tuple[str, float | None, Iterable[Candidate]]] = field(default_factory=list)
    finished: Literal["stop", "length"] | None = None


def _of_words(words: list[Written]) -> _Piece:
    found = [(word.text, word.log_probability, word.likeliest) for word in words]
    return _Piece("".join(word.text for word in words), list(found))


def _of_prompt(prompt: str, scores: list[WordScore]) -> _Piece:
    """Cut a prompt into its words, each with the white space before it."""
    if scores and scores[-1].start == scores[-1].end == len(prompt):
        # A prompt's last line has not ended.
        scores = scores[:-1]
    # A line's end is its line break.
    ends = [max(score.end, score.start + 1) for score in scores]
    cuts = [0, *ends[:-1], len(prompt)]
    words = [
        (prompt[start:end], score.log_probability, score.top)
        for score, start, end in zip(scores, cuts, cuts[1:], strict=False)
    ]
    return _Piece(prompt, list(words))


def _joined(index: int, pieces: list[_Piece], with_logprobs: bool, offset: int = 0) -> schemas.Choice:
    """Return the pieces of one choice as one; `offset` is where the first begins."""
    logprobs = None
    if with_logprobs:
        words = [word for piece in pieces for word in piece.words]
        starts = [offset]
        for text, _, _ in words:
            starts.append(starts[-1] + len(text))
        logprobs = schemas.Logprobs(
            tokens=[text for text, _, _ in words],
            token_logprobs=[logp for _, logp, _ in words],
            top_logprobs=[_top(likeliest) for _, _, likeliest in words],
            text_offset=starts[:-1],
        )
    text, finished = "".join(piece.text for piece in pieces), pieces[-1].finished
    return schemas.Choice(text=text, index=index, logprobs=logprobs, finish_reason=finished)


def _top(likeliest: Iterable[Candidate]) -> dict[str, float] | None:
    found = {each.word: math.log(each.probability) for each in likeliest if each.probability > 0}
    return found or None


async def _begun(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first event; return an iterator that begins with it."""
    first = await anext(events)

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for each in events:
            yield each

    return all_of_them()


def _seed(seed: int | None, sample: int) -> int | None:
    """Return the seed of one of n samples; any integer is one, negative ones too."""
    return None if seed is None else (seed + sample) % 2**64


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    found = (stop,) if isinstance(stop, str) else tuple(stop or ())
    return tuple(each for each in found if each)


def _check_honoured(asked: schemas.CompletionRequest) -> None:
    refused = [name for name, free in _NOT_HONOURED.items() if getattr(asked, name) not in free]
    if asked.best_of not in (None, asked.n or 1):
        refused.append("best_of")
    if refused:
        raise invalid(
            f"expected no {refused[0]}, which foretell cannot honour, found one; leave it out",
            param=refused[0],
            code="unsupported_parameter",
            status=400,
        )
    if asked.stream_options is not None and not asked.stream:
        raise invalid(
            "expected stream_options only with stream, found them without", param="stream_options", status=400
        )


def _as_400(error: ForetellError) -> Refusal:
    """Return the refusal as OpenAI's clients expect it: 400 where a native route answers 422."""
    found = from_error(error)
    found.status = 400 if found.status == 422 else found.status
    return found
