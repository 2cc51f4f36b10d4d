"""POST /v1/classify, explain, next, score and states: what a model predicts for texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.config import Job, LabelsSettings
from foretell.data.label_types import json_value
from foretell.errors import DataError
from foretell.runtime.gates import gates_along
from foretell.runtime.labels.explanation import Word
from foretell.runtime.words.scoring import Score
from foretell.runtime.words.surprise import WordScore, score_words, total
from foretell.runtime.words.writing import Candidate
from foretell.service.errors import ApiError
from foretell.service.models import LoadedModel, service_of
from foretell.service.requests import Item, JsonRoute, predict
from foretell.service.schemas import (
    Answers,
    Cache,
    Integer,
    Layer,
    ModelRequest,
    ResponseBody,
    TextsRequest,
    example,
    to_json,
)

router = APIRouter(prefix="/v1", route_class=JsonRoute)

Texts = TypeVar("Texts", bound=TextsRequest)


async def _respond(
    request: Request,
    verb: str,
    body: Texts,
    job: Job,
    answer: Callable[[LoadedModel, Texts, str], object],
) -> Response:
    """Answer each text by itself; an error names the text by its number."""

    def work(model: LoadedModel, items: Sequence[Item[Texts]]) -> list[bytes]:
        ((body, index, text),) = items
        try:
            return [to_json(answer(model, body, text))]
        except DataError as error:
            raise ApiError(
                f"text {index}: {error}", param=f"texts.{index}", code="cannot_answer"
            ) from error

    return _joined(*await predict(request, verb, body, body.texts, work, job=job))


def _joined(model: LoadedModel, answers: Sequence[bytes]) -> Response:
    content = b'{"model":%s,"answers":[%s]}' % (to_json(model.name), b",".join(answers))
    return Response(content, media_type="application/json")


class ClassifyRequest(TextsRequest):
    """POST /v1/classify."""

    abstain_below: float | None = Field(default=None, ge=0, le=1)
    """Give no label if its probability is below this."""


class Verdict(ResponseBody):
    """The label of one text."""

    label: str | int | float | bool
    """The most probable label, typed as in the training data; "" if it abstains."""
    probability: float
    """The probability of the most probable label, also if it abstains."""
    probabilities: dict[str, float]
    """The probability of each label."""
    reason: str
    """Why there is no label, such as "below 0.8"; "" if there is one."""
    flags: list[str]
    """What is unusual in the text, such as "mostly unknown words"."""
    labels: list[str | int | float | bool] | None
    """Those at least as probable as their threshold; null: each text has one label."""


@router.post(
    "/classify",
    response_model=Answers[Verdict],
    openapi_extra=example({"texts": ["Well worth the money.", "Never again."]}),
)
async def classify(body: ClassifyRequest, request: Request) -> Response:
    """Return the label of each text and the probability of every label."""
    model = service_of(request).models.find(body.model, "labels")
    if body.abstain_below is not None and model.labels.separator:
        message = (
            "expected no abstain_below: each label of this model has a threshold of its own, found"
        )
        raise ApiError(f"{message} {body.abstain_below:g}", param="abstain_below")
    return _joined(*await predict(request, "classify", body, body.texts, _classify, job="labels"))


def _classify(model: LoadedModel, items: Sequence[Item[ClassifyRequest]]) -> list[bytes]:
    """Return the verdicts; texts with the same threshold share a batch."""
    answers: list[bytes] = []
    for threshold, group in groupby(items, key=lambda item: item[0].abstain_below):
        verdicts = model.labels.classify([text for _, _, text in group], abstain_below=threshold)
        answers += (to_json(Verdict.model_validate(verdict.plain())) for verdict in verdicts)
    return answers


class ExplainRequest(TextsRequest):
    """POST /v1/explain."""

    label: str | None = Field(default=None, max_length=1_000)
    """The label to explain; null: the most probable one."""


class ExplainedVerdict(Verdict):
    """The label of one text, the effect of each word on a label, and its probability along the
    text.
    """

    explained: str | int | float | bool
    """The label that is explained."""
    explained_probability: float
    """The probability of the label that is explained."""
    words: list[Word]
    running: list[float]
    """The probability of the label after `stride` words, 2 · `stride`, ..., all."""
    stride: int
    """Words between two values of `running`; 1 for texts of up to 100 words."""
    together: int
    """Words left out together, each with an equal part; 1 up to 400 words."""


@router.post(
    "/explain",
    response_model=Answers[ExplainedVerdict],
    openapi_extra=example({"texts": "Cold soup, rude waiter. Never again."}),
)
async def explain(body: ExplainRequest, request: Request) -> Response:
    """Return the label of each text, the effect of each word, and the probability along the
    text.
    """
    return await _respond(request, "explain", body, "labels", _explain)


def _explain(model: LoadedModel, body: ExplainRequest, text: str) -> ExplainedVerdict:
    if body.label is not None and body.label not in model.labels.labels:
        raise ApiError(
            f"expected a label of the model, found {body.label[:60]!r}",
            status=404,
            param="label",
            code="label_not_found",
        )
    (verdict,) = model.labels.classify([text])
    explanation = model.labels.explain(text, body.label, bounded=True)
    return ExplainedVerdict(
        **Verdict.model_validate(verdict.plain()).model_dump(),
        **{name: getattr(explanation, name) for name in ("words", "running", "stride", "together")},
        explained=json_value(explanation.label),
        explained_probability=explanation.probability,
    )


class NextRequest(TextsRequest):
    """POST /v1/next."""

    k: Integer = Field(default=5, ge=1, le=100)
    """Number of words to return."""
    unfinished: bool = False
    """Treat the last word as unfinished: return the words that begin with it."""
    cache: Cache = 0


class NextWords(ResponseBody):
    """The next words after one text, the most probable first."""

    words: list[Candidate]


@router.post(
    "/next",
    response_model=Answers[NextWords],
    openapi_extra=example({"texts": "What stands in the", "k": 3}),
)
async def next_words(body: NextRequest, request: Request) -> Response:
    """Return the most probable next words after each text."""
    return await _respond(request, "next", body, "words", _next)


def _next(model: LoadedModel, body: NextRequest, text: str) -> NextWords:
    return NextWords(
        words=model.words.next(text, k=body.k, unfinished=body.unfinished, cache=body.cache)
    )


class ScoreRequest(TextsRequest):
    """POST /v1/score."""

    words: bool = False
    """Also return the log-probability of each word."""
    top: Integer = Field(default=0, ge=0, le=5)
    """With `words`: also return this many most probable words per place."""
    start: Integer = Field(default=0, ge=0)
    """Score each text from this code point on. The words before it are context."""
    cache: Cache = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredWord(WordScore):
    """A `WordScore`, with the word as it is written; "" for the end of a line."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ScoredText(Score):
    """A `Score`, and with `words` that of each word.

    Attributes:
        perplexity: null: too large for a floating-point number.
        each: of each word; None unless `words` is true.
    """

    perplexity: float | None  # type: ignore[assignment]
    each: list[ScoredWord] | None


@router.post(
    "/score",
    response_model=Answers[ScoredText],
    openapi_extra=example({"texts": "What stands in the way", "words": True}),
)
async def score(body: ScoreRequest, request: Request) -> Response:
    """Return the probability of each text and, with `words`, of each of its words."""
    return await _respond(request, "score", body, "words", _score)


def _score(model: LoadedModel, body: ScoreRequest, text: str) -> ScoredText:
    runtime = model.words
    words = None
    if body.words or body.start:
        words = score_words(runtime, text, top=body.top, start=body.start, cache=body.cache)
        whole = total(words, text if runtime.tokenizer.is_open else None)
    else:
        whole = runtime.score([text], cache=body.cache)
    each = [
        ScoredWord(
            text=text[word.start : word.end], **{n: getattr(word, n) for n in WordScore.__slots__}
        )
        for word in words or ()
    ]
    return ScoredText(**vars(whole), each=each if body.words else None)


MAX_ACTIVE_UNITS = 16
MAX_STATES = 1 << 20
"""Units that are listed; and values of a layer along a text, one for each unit and token: 60 bytes
each.
"""


class StatesRequest(ModelRequest):
    """POST /v1/states."""

    text: str
    """One text."""
    layer: str | None = Field(default=None, max_length=40)
    """The name of a layer; null: the first."""
    unit: Integer | None = Field(default=None, ge=0, le=8192)
    """The number of a unit; null: the one whose cell state changes most."""


class Step(ResponseBody):
    """What one step of the layer reads: a word (cnn-lstm: the words under one pooled position)."""

    text: str
    start: int
    end: int


class GateValues(ResponseBody):
    """The gates of the unit, one value a step: `input`, `forget`, `output` 0 to 1, `candidate` -1
    to 1.
    """

    input: list[float]
    forget: list[float]
    candidate: list[float]
    output: list[float]


class StatesResponse(ResponseBody):
    """Cell state, output and gates of one unit, one value a step.

    cell = forget · cell before + input · candidate; hidden = output · tanh(cell).
    """

    model: str
    layer: str
    unit: int
    layers: list[Layer]
    liveliest: list[int]
    """Up to 16 units of this layer, those whose cell states change most first."""
    backward: bool
    """Whether the layer reads from the end of the text: its first step is the last."""
    steps: list[Step]
    """In the order of the text."""
    cell: list[float]
    hidden: list[float]
    """The output of the unit, -1 to 1."""
    gates: GateValues


@router.post(
    "/states",
    response_model=StatesResponse,
    openapi_extra=example({"model": "notes", "text": "What stands in the way"}),
)
async def states(body: StatesRequest, request: Request) -> Response:
    """Return the gates, the cell state and the output of one LSTM unit along a text."""
    _, (answer,) = await predict(request, "states", body, body.text, _states, param="text")
    return Response(answer, media_type="application/json")


def _states(model: LoadedModel, items: Sequence[Item[StatesRequest]]) -> list[bytes]:
    ((body, _, text),) = items
    layers = model.card.layers
    settings = model.model.settings
    n_units = layers[0].units
    n_read = len(model.tokenizer.encode(text))
    if isinstance(settings, LabelsSettings):
        n_read = min(n_read, settings.length)
    if n_read > (most := MAX_STATES // n_units):
        message = f"expected at most {most} tokens for layers of {n_units} units, found more"
        raise ApiError(f"{message}; send a part of the text", param="text", code="text_too_long")
    gates = gates_along(model.model, text, body.layer)
    if body.unit is not None and body.unit >= n_units:
        raise ApiError(f"expected a unit from 0 to {n_units - 1}, found {body.unit}", param="unit")
    active = gates.most_active(MAX_ACTIVE_UNITS)
    unit = body.unit if body.unit is not None else (active or [0])[0]
    values = {name: getattr(gates, name)[:, unit].tolist() for name in GateValues.model_fields}
    answer = StatesResponse(
        model=model.name,
        layer=body.layer or layers[0].name,
        unit=unit,
        layers=layers,
        liveliest=active,
        backward=gates.backward,
        steps=[Step(text=text[start:end], start=start, end=end) for start, end in gates.spans],
        cell=gates.cell[:, unit].tolist(),
        hidden=gates.hidden[:, unit].tolist(),
        gates=GateValues(**values),
    )
    return [to_json(answer)]
