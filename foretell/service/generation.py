"""Writing the continuations of one request, word by word in the service's threads.

Each continuation is written in turns of a few milliseconds, so that many share the threads fairly, and only
as long as a client reads it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal, TypeVar

from foretell.runtime.stopping import stops_when
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import WordScore, score_words
from foretell.runtime.words.writing import Candidate, Writing, Written
from foretell.service.errors import timed_out

Result = TypeVar("Result")
Write = Callable[[str, int | None], Writing]

TURN_SECONDS = 0.01


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
        pool: the threads.
        seconds: time limit of the request.

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
        pool: Executor,
        seconds: float,
    ) -> None:
        self._runtime, self._write, self._echo, self._logprobs = runtime, write, echo, logprobs
        self._cache, self._pool, self._seconds = cache, pool, seconds
        self._deadline = time.monotonic() + seconds
        self.n_words = 0

    async def pieces(self, continuation: Continuation) -> AsyncIterator[list[Piece]]:
        """Yield the prompt if it is to be echoed, then the words of each turn, then why it ended.

        Raises:
            ApiError: 503, the time limit has passed.
        """
        if self._echo:
            yield [await self.in_pool(lambda: self._echoed(continuation.prompt))]
        finish_reason: Literal["stop", "length"] = "length"
        if self._write is not None:
            write = self._write
            writing = await self.in_pool(lambda: write(continuation.prompt, continuation.seed))
            async for words in self._turns(writing):
                self.n_words += len(words)
                yield [Piece(word.text, (_token(word),)) for word in words]
            assert writing.finished
            finish_reason = writing.finished
        yield [Piece("", finish_reason=finish_reason)]

    async def count_tokens(self, prompts: Sequence[str]) -> int:
        """Return the number of words in all prompts."""
        encode = self._runtime.tokenizer.encode
        counts = await self.in_pool(lambda: {prompt: len(encode(prompt)) for prompt in set(prompts)})
        return sum(counts[prompt] for prompt in prompts)

    async def in_pool(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, which runs in a thread and stops once nobody waits for it."""
        is_over = False

        def stopping() -> Result:
            with stops_when(lambda: is_over):
                return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, stopping)
        finally:
            is_over = True

    async def _turns(self, words: Iterator[Written]) -> AsyncIterator[list[Written]]:
        """Yield the words of a continuation, those of one turn at a time."""
        is_last = False
        while not is_last:
            if time.monotonic() > self._deadline:
                raise timed_out(self._seconds)
            turn, is_last = await self.in_pool(lambda: _turn(words))
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
