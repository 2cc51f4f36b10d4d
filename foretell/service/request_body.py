"""Reading the body of a request: its type, its size, the time that it takes, and its schema."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from foretell.service.errors import ApiError, invalid, invalid_body
from foretell.service.limits import Limits

MAX_ERRORS = 100
"""Maximum errors of a body among which the first is named."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body.

    Raises:
        ApiError: 415, it is not called JSON; 413, it is too large; 408, it does not arrive in time.
        ClientDisconnect: the client closed the connection.
    """
    _check_type(request.headers.get("content-type", ""))
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.body:
        raise limits.body_too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise limits.body_too_large()
    except TimeoutError:
        raise ApiError(
            408,
            f"expected the whole body within {limits.seconds:g} seconds, found a part of it",
            code="body_too_slow",
            headers={"Connection": "close"},
        ) from None
    return bytes(body)


def _check_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return
    if not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise invalid(
            "expected Content-Type: application/json, found another or none", code="not_json", status=415
        )


def parse_body(schema: type[BaseModel], body: bytes, *, status: int) -> BaseModel:
    """Return the body as its schema's object.

    Args:
        schema: the schema.
        body: JSON.
        status: the status of the error where the body does not match the schema.

    Raises:
        ApiError: naming the first field that does not match, without its value.
    """
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:
            # To list half a million unknown parameters takes a second and a hundred megabytes.
            message = f"expected a body that matches the schema, found {error.error_count()} errors in it"
            raise invalid(message, code="too_many_errors", status=status) from None
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_body(status, errors) from None
