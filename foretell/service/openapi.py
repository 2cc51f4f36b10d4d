"""The OpenAPI document's title, and the errors that its routes list."""

from __future__ import annotations

from typing import Any

from foretell.service.schemas import ErrorResponse

Responses = dict[int | str, dict[str, Any]]

TITLE = "foretell"
DESCRIPTION = (
    "Predictions of text models that were trained with foretell. Every response that is not 2xx has OpenAI's "
    "error format. Every response has the header X-Request-ID, which is also in the log."
)

ERRORS: Responses = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "the body is not JSON, or a parameter has an unsupported value",
        401: "the token is missing or wrong",
        403: "the Origin is not allowed",
        404: "no model has this name",
        408: "the body did not arrive within the time limit",
        413: "the body is too large",
        415: "the Content-Type is not application/json",
        421: "the Host is not allowed",
        422: "a value is out of range, or the model cannot answer this text",
        429: "too many texts are waiting; Retry-After gives the seconds to wait",
        500: "internal error",
        503: "no answer within the time limit, or the model's files are missing",
    }.items()
}
"""The errors of a route that takes texts."""

ACCESS_ERRORS: Responses = {status: ERRORS[status] for status in (401, 403, 421)}
"""The errors of every route."""


def example(body: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a route's OpenAPI entry that gives its request body an example."""
    return {"requestBody": {"content": {"application/json": {"example": body}}}}
