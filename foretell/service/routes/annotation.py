"""/v1/annotation: label texts, the most informative first. Only where the service was started with texts.

An answer is on disk when the response to it arrives.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.errors import ForetellError, UsageError
from foretell.service.errors import ApiError, invalid
from foretell.service.logs import add_log_fields
from foretell.service.requests import JsonRoute
from foretell.service.schemas import ACCESS_ERRORS, ERRORS, Integer, RequestBody, ResponseBody, example
from foretell.service.state import Service, service_of

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation, Item

router = APIRouter(prefix="/v1/annotation", route_class=JsonRoute, responses=ERRORS)

By = Annotated[
    str | None,
    Field(
        max_length=100,
        description="Who answers. Persons with different names get different texts. null: the person who "
        "started the service.",
    ),
]
Number = Annotated[Integer, Field(description="The number of a text, `id`.")]
T = TypeVar("T")


class TextToLabel(ResponseBody):
    """A text to label."""

    id: int
    text: str
    suggested: str | None = Field(description="The suggested label; null: none. Random texts have none.")
    probability: float | None = Field(description="The probability of `suggested`.")


class LabelKey(ResponseBody):
    """A label."""

    name: str
    key: str | None = Field(description="The key of the label; null after the 28th.")
    count: int = Field(description="Texts that have it.")


class Estimate(ResponseBody):
    """A figure of random texts with its 95 % confidence interval."""

    value: float
    low: float
    high: float
    texts: int = Field(description="Number of random texts that it was measured on.")


class AnnotationCounts(ResponseBody):
    """How many answers there are."""

    answers: int
    train: int = Field(description="Texts with a label that models learn from.")
    test: int = Field(description="Random texts with a label, which no model learns from.")
    none: int
    unclear: int
    skip: int
    left: int = Field(description="Texts that can still be shown.")


class AnnotationMetrics(ResponseBody):
    """Metrics of the last fit; null: too few answers."""

    accuracy: Estimate | None = Field(description="Of the suggestions.")
    macro_f1: Estimate | None = Field(description="Of the suggestions.")
    none: Estimate | None = Field(description="Share of the texts to which no label applies.")
    shares: dict[str, Estimate | None] = Field(description="Share of each label.")
    changed: Estimate | None = Field(
        description="Share of the texts whose predicted label the last 50 answers changed."
    )
    changes_little: bool = Field(description="Whether 50 more answers are expected to change little.")


class AnnotationStatus(ResponseBody):
    """The labels, the answers and the metrics so far."""

    labels: list[LabelKey]
    counts: AnnotationCounts
    metrics: AnnotationMetrics
    is_fitted: bool = Field(description="Whether the metrics are those of all answers.")


class NextResponse(AnnotationStatus):
    """The same, and the text to label next."""

    item: TextToLabel | None = Field(description="null: no text is left.")
    written: int = Field(description="Answers that the request wrote or undid.")


class FoundTexts(ResponseBody):
    """Texts without an answer, none of them reserved for the metrics."""

    texts: list[TextToLabel]


class NextRequest(RequestBody):
    """POST /v1/annotation/next and /v1/annotation/undo."""

    by: By = None


class AnswersRequest(RequestBody):
    """POST /v1/annotation/answers."""

    texts: Annotated[list[Number], Field(min_length=1, fail_fast=True)]
    answer: Literal["label", "skip", "none", "unclear"]
    label: str | None = Field(default=None, max_length=1000, description="The label, if `answer` is label.")
    by: By = None


class SearchRequest(RequestBody):
    """POST /v1/annotation/search."""

    query: str = Field(max_length=1000, description="Words, all of which a text must contain.")
    k: Annotated[Integer, Field(ge=1, le=1000)] = 50


class SimilarRequest(RequestBody):
    """POST /v1/annotation/similar."""

    text: Number
    k: Annotated[Integer, Field(ge=1, le=1000)] = 20


@router.get("", responses=ACCESS_ERRORS)
async def status(request: Request) -> AnnotationStatus:
    """Return the labels, the answers and the metrics so far."""
    return await _in_thread(request, lambda it: AnnotationStatus(**_status(it)))


@router.post("/next", response_model=NextResponse, openapi_extra=example({}))
async def next_text(body: NextRequest, request: Request) -> NextResponse:
    """Return the text to label next: the same one until it is answered."""
    return await _in_thread(request, partial(_next, by=body.by, written=0))


@router.post(
    "/answers",
    response_model=NextResponse,
    openapi_extra=example({"texts": [0], "answer": "skip"}),
)
async def answers(body: AnswersRequest, request: Request) -> NextResponse:
    """Write the answer about a text or about several, and return the next text."""
    add_log_fields(request.scope, texts=len(body.texts))
    service_of(request).limits.check_texts([""] * len(body.texts), param="texts")
    if (body.answer == "label") != (body.label is not None):
        raise invalid(
            "expected a label with the answer label and none with the others, found "
            + ("none" if body.label is None else "one"),
            param="label",
        )

    def write(annotation: Annotation) -> NextResponse:
        if body.label is not None:
            written = annotation.answer(body.texts, body.label, by=body.by)
        else:
            written = getattr(annotation, body.answer)(body.texts, by=body.by)
        return _next(annotation, by=body.by, written=len(written))

    return await _in_thread(request, write)


@router.post("/undo", response_model=NextResponse, openapi_extra=example({}))
async def undo(body: NextRequest, request: Request) -> NextResponse:
    """Undo the last decision, of one text or of several; a single text is returned to be labelled again."""

    def take_back(annotation: Annotation) -> NextResponse:
        undone = annotation.undo(by=body.by)
        return _next(annotation, by=body.by, written=len(undone))

    return await _in_thread(request, take_back)


@router.post("/search", response_model=FoundTexts, openapi_extra=example({"query": "refund"}))
async def search(body: SearchRequest, request: Request) -> FoundTexts:
    """Return texts without an answer that contain every word of the query, in any case."""
    return await _in_thread(request, lambda it: _found(it.search(body.query, body.k)))


@router.post("/similar", response_model=FoundTexts, openapi_extra=example({"text": 0}))
async def similar(body: SimilarRequest, request: Request) -> FoundTexts:
    """Return texts without an answer, those most similar to a text first."""
    return await _in_thread(request, lambda it: _found(it.similar(body.text, body.k)))


@router.get(
    "/export",
    response_class=Response,
    responses={**ACCESS_ERRORS, 200: {"description": "CSV", "content": {"text/csv": {}}}},
)
async def export(request: Request) -> Response:
    """Return the answers as CSV: text, label, answer, part, suggested, by, at."""
    content = await _in_thread(request, lambda it: it.to_csv())
    headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
    return Response(content.encode("utf-8", "replace"), media_type="text/csv", headers=headers)


async def _in_thread(request: Request, work: Callable[[Annotation], T]) -> T:
    """Return what a function of the annotation returns; it syncs files, so it runs in a thread."""
    service: Service = service_of(request)
    annotation = service.annotation
    assert annotation is not None, "the routes are there only with an annotation"
    try:
        return await asyncio.get_running_loop().run_in_executor(service.lanes["annotation"], work, annotation)
    except UsageError as error:
        raise invalid(str(error), param=error.where or None, code="cannot_answer") from error
    except ForetellError as error:
        raise ApiError(
            503,
            "expected an answer that can be written, found an error; check the disk of the service",
            code="not_written",
            headers={"Retry-After": "5"},
        ) from error


def _next(annotation: Annotation, *, by: str | None, written: int) -> NextResponse:
    item = annotation.next(by=by)
    return NextResponse(item=None if item is None else _text(item), written=written, **_status(annotation))


def _status(annotation: Annotation) -> dict[str, Any]:
    from foretell.annotation.keys import keys_of

    counts, metrics = annotation.counts(), annotation.metrics()
    key_of = {label: key for key, label in keys_of(annotation.labels).items()}
    fields = dataclasses.asdict(counts)
    of_label = fields.pop("labels")
    labels = [
        LabelKey(name=label, key=key_of.get(label), count=of_label[label]) for label in annotation.labels
    ]
    return {
        "labels": labels,
        "counts": AnnotationCounts(**fields),
        "metrics": AnnotationMetrics(**metrics.to_dict()),
        "is_fitted": annotation.is_fitted,
    }


def _found(items: list[Item]) -> FoundTexts:
    return FoundTexts(texts=[_text(item) for item in items])


def _text(item: Item) -> TextToLabel:
    return TextToLabel.model_validate(item)
