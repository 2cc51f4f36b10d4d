"""What the OpenAPI document says beyond the schemas: examples, and the answers that any route may give."""

from __future__ import annotations

from typing import Any

from foretell.service.schemas import Failure

TITLE = "foretell"
DESCRIPTION = (
    "Models of text that foretell trained. Every answer that is not 2xx has OpenAI's error shape; every "
    "answer carries X-Request-ID, the id that the log has."
)

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": description}
    for status, description in {
        400: "JSON that cannot be read, or a value that cannot be honoured",
        401: "no token, or a wrong one",
        403: "an Origin that is not the service's own",
        404: "no such model",
        408: "the body did not arrive in time",
        413: "the body is too large",
        415: "the body is not called application/json",
        421: "a Host that the service is not called by",
        422: "a value out of range, or a text that the model cannot answer",
        429: "too many texts are waiting; Retry-After says when to come again",
        500: "an error in foretell itself",
        503: "no answer in time, or the model's files are gone",
    }.items()
}
BARE: dict[int | str, dict[str, Any]] = {status: ANSWERS[status] for status in (401, 403, 421)}


def example(body: dict[str, Any]) -> dict[str, Any]:
    """Return what gives a route's request body an example."""
    return {"requestBody": {"content": {"application/json": {"example": body}}}}
