"""/v1/annotation: label texts, the most informative first. Only where the service was started with texts.

An answer is on disk when the response to it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.annotation.annotation import Annotation, Item
from foretell.annotation.keys import keys_of
from foretell.annotation.metrics import Counts, Metrics
from foretell.errors import ForetellError, UsageError
from foretell.service.errors import ApiError, invalid
from foretell.service.logs import add_log_fields
from foretell.service.requests import JsonRoute
from foretell.service.schemas import ACCESS_ERRORS, ERRORS, Integer, RequestBody, ResponseBody, example
from foretell.service.state import Service, service_of

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


class LabelKey(ResponseBody):
    """A label."""

    name: str
    key: str | None = Field(description="The key of the label; null after the 28th.")
    count: int = Field(description="Texts that have it.")


class AnnotationStatus(ResponseBody):
    """The labels, the answers and the metrics so far."""

    labels: list[LabelKey]
    counts: Counts
    metrics: Metrics
    is_fitted: bool = Field(description="Whether the metrics are those of all answers.")


class NextResponse(AnnotationStatus):
    """The same, and the text to label next."""

    item: Item | None = Field(description="null: no text is left.")
    written: int = Field(description="Answers that the request wrote or undid.")


class FoundTexts(ResponseBody):
    """Texts without an answer, none of them reserved for the metrics."""

    texts: list[Item]


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
    return await _in_thread(request, lambda it: FoundTexts(texts=it.search(body.query, body.k)))


@router.post("/similar", response_model=FoundTexts, openapi_extra=example({"text": 0}))
async def similar(body: SimilarRequest, request: Request) -> FoundTexts:
    """Return texts without an answer, those most similar to a text first."""
    return await _in_thread(request, lambda it: FoundTexts(texts=it.similar(body.text, body.k)))


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
    return NextResponse(item=annotation.next(by=by), written=written, **_status(annotation))


def _status(annotation: Annotation) -> dict[str, Any]:
    counts = annotation.counts()
    key_of = {label: key for key, label in keys_of(annotation.labels).items()}
    labels = [
        LabelKey(name=label, key=key_of.get(label), count=counts.labels[label]) for label in annotation.labels
    ]
    return {
        "labels": labels,
        "counts": counts,
        "metrics": annotation.metrics(),
        "is_fitted": annotation.is_fitted,
    }
