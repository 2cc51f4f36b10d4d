"""/v1/annotation, for the page: label texts, the most informative first. Only where there are texts
to label.

An answer is on disk when the response to it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.annotation import keys_of
from foretell.annotation.annotation import Annotation
from foretell.errors import ForetellError, UsageError
from foretell.service.errors import RETRY, ApiError
from foretell.service.lanes import QUICK
from foretell.service.logs import add_log_fields
from foretell.service.models import service_of
from foretell.service.requests import JsonRoute
from foretell.service.schemas import Integer, RequestBody

router = APIRouter(prefix="/v1/annotation", route_class=JsonRoute, include_in_schema=False)

T = TypeVar("T")
Json = dict[str, object]


class PersonRequest(RequestBody):
    """Who answers; None: who started the service.

    Where a token is required, several people may label, and each request needs a name.
    """

    by: str | None = Field(default=None, max_length=100)


class AnswersRequest(PersonRequest):
    """The answer about texts, by their numbers, with a label if the answer is "label"."""

    texts: Annotated[list[Integer], Field(min_length=1, fail_fast=True)]
    answer: Literal["label", "skip", "none", "unclear"]
    label: str | None = Field(default=None, max_length=1000)


class SearchRequest(RequestBody):
    """Words, all of which a text must contain."""

    query: str = Field(max_length=1000)
    k: Annotated[Integer, Field(ge=1, le=1000)] = 50


class SimilarRequest(RequestBody):
    """The number of a text."""

    text: Integer
    k: Annotated[Integer, Field(ge=1, le=1000)] = 20


@router.get("")
async def status(request: Request) -> Json:
    """Return the labels, the answers and the metrics so far."""
    return {"is_shared": request.app.state.is_shared, **await _in_thread(request, _status)}


@router.post("/next")
async def next_text(body: PersonRequest, request: Request) -> Json:
    """Return the same, and the text to label next: the same one until it is answered, or for ten
    minutes; null: none is left, or other people have the last ones.
    """
    _check_name(body, request)
    return await _in_thread(request, lambda it: _next(it, body))


@router.post("/answers")
async def answers(body: AnswersRequest, request: Request) -> Json:
    """Write the answer about a text or about several, and return the next text.

    An earlier answer about one of the texts stays; `conflicts` has it.
    """
    _check_name(body, request)
    add_log_fields(request.scope, texts=len(body.texts))
    service_of(request).limits.check_texts([""] * len(body.texts), param="texts")
    if (body.answer == "label") != (body.label is not None):
        found = "none" if body.label is None else "one"
        raise ApiError(
            f"expected a label with the answer label and none with the others, found {found}",
            param="label",
        )

    def write(annotation: Annotation) -> Json:
        new, earlier = annotation.answer_open(body.texts, body.answer, body.label, by=body.by)
        conflicts = [
            {"id": number, "answer": each.kind, "label": each.label, "by": each.by}
            for number, each in earlier.items()
        ]
        return _next(annotation, body, len(new), conflicts)

    return await _in_thread(request, write)


@router.post("/undo")
async def undo(body: PersonRequest, request: Request) -> Json:
    """Undo the last decision of this person, of one text or of several; a single text is returned
    to be labelled again.
    """
    _check_name(body, request)
    return await _in_thread(request, lambda it: _next(it, body, len(it.undo(by=body.by))))


@router.post("/search")
async def search(body: SearchRequest, request: Request) -> Json:
    """Return texts without an answer that contain every word of the query, in any case."""
    return await _in_thread(
        request, lambda it: {"texts": it.search(body.query, body.k)}, is_ranked=False
    )


@router.post("/similar")
async def similar(body: SimilarRequest, request: Request) -> Json:
    """Return texts without an answer, those most similar to a text first."""
    return await _in_thread(request, lambda it: {"texts": it.similar(body.text, body.k)})


@router.get("/export")
async def export(request: Request) -> Response:
    """Return the answers as CSV: text, label, answer, part, suggested, by, at."""
    content = await _in_thread(request, lambda it: it.to_csv(), is_ranked=False)
    headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
    return Response(content.encode("utf-8", "replace"), media_type="text/csv", headers=headers)


async def _in_thread(
    request: Request, work: Callable[[Annotation], T], *, is_ranked: bool = True
) -> T:
    """Return what a function of the annotation returns; it syncs files, so it runs in a thread."""
    service = service_of(request)
    annotation = service.annotation
    assert annotation is not None, "the routes are there only with an annotation"
    if is_ranked:
        # It is not waited for in a thread: there are few, and export needs one of them.
        await asyncio.wait([asyncio.wrap_future(annotation.first_fit)])
    lane = service.lanes[QUICK]
    try:
        with lane.count(1):
            return await lane.run(partial(work, annotation))
    except UsageError:
        raise
    except ForetellError as error:
        raise ApiError(
            "expected an answer that can be written, found an error; check the disk of the service",
            status=503,
            code="not_written",
            headers=RETRY,
        ) from error


def _check_name(body: PersonRequest, request: Request) -> None:
    if request.app.state.is_shared and not (body.by or "").strip():
        raise ApiError(
            "expected the name of who answers, since several people may label; enter a name",
            param="by",
            code="name_needed",
        )


def _next(
    annotation: Annotation,
    body: PersonRequest,
    written: int = 0,
    conflicts: Sequence[Mapping[str, object]] = (),
) -> Json:
    return {
        "item": annotation.next(by=body.by),
        "written": written,
        "conflicts": conflicts,
        **_status(annotation),
    }


def _status(annotation: Annotation) -> Json:
    counts = annotation.counts()
    key_of = {label: key for key, label in keys_of(annotation.labels).items()}
    labels = [
        {"name": label, "key": key_of.get(label), "count": counts.labels[label]}
        for label in annotation.labels
    ]
    return {
        "labels": labels,
        "counts": asdict(counts),
        "metrics": asdict(annotation.metrics()),
        "is_fitted": annotation.is_fitted,
    }
