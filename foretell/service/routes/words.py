"""POST /v1/next and /v1/score: the most probable next words, and the probability of a text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.errors import DataError
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.scoring import Score
from foretell.runtime.words.surprise import WordScore, score_words, total
from foretell.runtime.words.writing import Candidate
from foretell.service.errors import invalid
from foretell.service.requests import JsonRoute, Prediction
from foretell.service.schemas import (
    ERRORS,
    Cache,
    Integer,
    ModelName,
    RequestBody,
    ResponseBody,
    Texts,
    example,
    to_json,
)

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)


class NextRequest(RequestBody):
    """POST /v1/next."""

    model: ModelName = None
    texts: Texts
    k: Integer = Field(default=5, ge=1, le=100, description="Number of words to return.")
    unfinished: bool = Field(
        default=False,
        description="Treat the last word as unfinished: return the words that begin with it.",
    )
    cache: Cache = 0


class NextWords(ResponseBody):
    """The next words after one text, the most probable first."""

    words: list[Candidate]


class NextResponse(ResponseBody):
    """The next words of each text, in order."""

    model: str
    answers: list[NextWords]


class ScoreRequest(RequestBody):
    """POST /v1/score."""

    model: ModelName = None
    texts: Texts
    words: bool = Field(default=False, description="Also return the log-probability of each word.")
    top: Integer = Field(
        default=0,
        ge=0,
        le=5,
        description="With `words`: also return this many most probable words per place.",
    )
    start: Integer = Field(
        default=0,
        ge=0,
        description="Score each text from this code point on. The words before it are context.",
    )
    cache: Cache = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredWord(WordScore):
    """A `WordScore`, with the word as it is written; "" for the end of a line."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ScoredText(Score):
    """A `Score`, and with `words` that of each word.

    Attributes:
        perplexity: None: too large for a floating-point number.
        each: of each word; None unless `words` is true.
    """

    perplexity: float | None  # type: ignore[assignment]
    each: list[ScoredWord] | None


class ScoreResponse(ResponseBody):
    """The score of each text, in order."""

    model: str
    answers: list[ScoredText]


@router.post(
    "/next", response_model=NextResponse, openapi_extra=example({"texts": "What stands in the", "k": 3})
)
async def next_words(body: NextRequest, request: Request) -> Response:
    """Return the most probable next words after each text."""
    prediction = Prediction(request, "next", body.model, body.texts, job="words")
    items = [(body, index, text) for index, text in enumerate(prediction.texts)]
    return await prediction.response(partial(_next, prediction.model.words), items)


@router.post(
    "/score",
    response_model=ScoreResponse,
    openapi_extra=example({"texts": "What stands in the way", "words": True}),
)
async def score(body: ScoreRequest, request: Request) -> Response:
    """Return the probability of each text and, with `words`, of each of its words."""
    prediction = Prediction(request, "score", body.model, body.texts, job="words")
    items = [(body, index, text) for index, text in enumerate(prediction.texts)]
    return await prediction.response(partial(_score, prediction.model.words), items)


def _next(runtime: WordsRuntime, items: Sequence[tuple[NextRequest, int, str]]) -> list[bytes]:
    answers = []
    for body, index, text in items:
        with _naming(index):
            candidates = runtime.next(text, k=body.k, unfinished=body.unfinished, cache=body.cache)
        answers.append(to_json(NextWords(words=candidates)))
    return answers


def _score(runtime: WordsRuntime, items: Sequence[tuple[ScoreRequest, int, str]]) -> list[bytes]:
    answers = []
    for body, index, text in items:
        with _naming(index):
            if body.words or body.start:
                words = score_words(runtime, text, top=body.top, start=body.start, cache=body.cache)
                whole = total(words, text if runtime.tokenizer.is_open else None)
                answers.append(_scored(text, whole, words if body.words else None))
            else:
                answers.append(_scored(text, runtime.score([text], cache=body.cache), None))
    return answers


@contextmanager
def _naming(index: int) -> Iterator[None]:
    """Name the text of a request that cannot be answered."""
    try:
        yield
    except DataError as error:
        raise invalid(f"text {index}: {error}", param=f"texts.{index}", code="cannot_answer") from error


def _scored(text: str, scored: Score, words: list[WordScore] | None) -> bytes:
    fields = vars(scored) | {"each": None}
    if words is not None:
        fields["each"] = [
            ScoredWord(text=text[word.start : word.end], **{n: getattr(word, n) for n in WordScore.__slots__})
            for word in words
        ]
    if not math.isfinite(scored.perplexity):
        fields["perplexity"] = None
    return to_json(ScoredText(**fields))
