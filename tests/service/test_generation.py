"""Writing continuations in turns."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import score_words
from foretell.service import generation
from foretell.service.errors import ApiError
from foretell.service.generation import Continuation, Generation, Piece

THE_MIND = Continuation(0, "the mind", 3)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as it:
        yield it


@pytest.fixture(scope="module")
def runtime(models: tuple[Path, Path]) -> WordsRuntime:
    return WordsRuntime.open(models[1])


def written(
    runtime: WordsRuntime, pool: ThreadPoolExecutor, *, words: int = 6, seconds: float = 10.0, **how: Any
) -> list[list[Piece]]:
    """Return the turns of one continuation."""

    async def scene() -> list[list[Piece]]:
        write = (lambda prompt, seed: runtime.write(prompt, words=words, seed=seed)) if words else None
        options = {"echo": False, "logprobs": None, **how}
        made = Generation(runtime, write, pool=pool, seconds=seconds, **options)
        turns = [pieces async for pieces in made.pieces(THE_MIND)]
        assert made.n_words == words
        return turns

    return asyncio.run(scene())


def test_the_pieces_are_the_runtimes_words(runtime: WordsRuntime, pool: ThreadPoolExecutor) -> None:
    turns = written(runtime, pool)
    pieces = [piece for turn in turns for piece in turn]
    expected = runtime.continuations("the mind", words=6, seed=3)[0]
    assert [piece.text for piece in pieces] == [*(word.text for word in expected.words), ""]
    assert [piece.finish_reason for piece in pieces] == [None] * 6 + ["length"]
    assert pieces[0].tokens[0].log_probability == expected.words[0].log_probability


def test_a_turn_of_no_time_is_one_word(
    runtime: WordsRuntime, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(runtime, pool)
    monkeypatch.setattr(generation, "TURN_SECONDS", 0.0)
    turns = written(runtime, pool)
    assert [len(turn) for turn in turns] == [1] * 7
    assert [*itertools.chain(*turns)] == [*itertools.chain(*whole)]


def test_an_echo_comes_first_and_is_scored_where_asked(
    runtime: WordsRuntime, pool: ThreadPoolExecutor
) -> None:
    (prompt,), (end,) = written(runtime, pool, words=0, echo=True)
    assert (prompt.text, prompt.tokens, end.finish_reason) == ("the mind", (), "length")
    (scored,), _ = written(runtime, pool, words=0, echo=True, logprobs=1)
    assert [token.text for token in scored.tokens] == ["the", " mind"]
    expected = [score.log_probability for score in score_words(runtime, "the mind")[:2]]
    assert [token.log_probability for token in scored.tokens] == pytest.approx(expected)


def test_the_time_limit_ends_it(runtime: WordsRuntime, pool: ThreadPoolExecutor) -> None:
    began = time.monotonic()
    with pytest.raises(ApiError) as caught:
        written(runtime, pool, words=10_000_000, seconds=0.1)
    assert caught.value.status == 503
    assert time.monotonic() - began < 5
