"""Every response that is not 2xx: OpenAI's error format, and never a word of the texts that were
sent.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping, Sequence

from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from foretell.errors import ArtifactError, ForetellError
from foretell.service.events import log
from foretell.service.schemas import ErrorBody, ErrorResponse, ErrorType

_TYPES: dict[int, ErrorType] = {
    401: "authentication_error",
    403: "permission_error",
    421: "permission_error",
    429: "rate_limit_error",
}
_MESSAGES = {
    404: "expected a path that GET /openapi.json lists, such as /v1/completions, found another",
    405: "expected a method that GET /openapi.json lists for this path, found another",
}
# Of completions: the schema has the only value of each that is accepted.
_UNSUPPORTED = ("suffix", "logit_bias", "presence_penalty", "frequency_penalty")
# What pydantic adds to the name of a field for the alternatives of a union.
_ALTERNATIVE = re.compile(r"(str|list|constrained|.*\W.*)?", re.DOTALL)

CLIENT_CLOSED = 499
"""nginx's status for a request whose client closed the connection before the response began."""

RETRY = {"Retry-After": "5"}
CLOSE = {"Connection": "close"}


class ApiError(Exception):
    """A request that is answered with an error, in one line: what was expected and found, and what
    to do.

    `param` is the field of the request that is wrong, `code` identifies the error for programs.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 422,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def to_json(self) -> str:
        """Return the body of the response; OpenAI's type of the error follows from the status."""
        usual: ErrorType = "invalid_request_error"
        if self.status >= 500:
            usual = "server_error"
        kind = _TYPES.get(self.status, usual)
        body = ErrorBody(message=self.message, type=kind, param=self.param, code=self.code)
        return ErrorResponse(error=body).model_dump_json()

    def response(self) -> Response:
        return Response(
            self.to_json(),
            status_code=self.status,
            media_type="application/json",
            headers=self.headers,
        )


def invalid_body(errors: Sequence[ErrorDetails]) -> ApiError:
    """Return the error of a body that does not match its schema, from pydantic's without their
    inputs.
    """
    # Of the alternatives of a union, the one that matched furthest, and rather a list than one
    # text.
    error = max(errors, key=lambda each: (len(each["loc"]), each["type"] != "string_type"))
    if error["type"] == "json_invalid":
        found = error["msg"].replace("Invalid", "invalid", 1)
        return ApiError(f"expected JSON, found {found}", code="json_invalid", status=400)
    parts = map(str, error["loc"])
    name = ".".join(part for part in parts if not _ALTERNATIVE.fullmatch(part)) or None
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])[:60]
        message = f"expected a known parameter, found {name}; leave it out"
        return ApiError(message, param=name, code="unknown_parameter")
    text = error["msg"]
    if name in _UNSUPPORTED:
        text = "not supported; leave it out"
    elif {"string_type", "list_type"} == {each["type"] for each in errors}:
        text = "input should be a string or a list of strings"
    message = f"{name or 'the body'}: {text[:1].lower()}{text[1:]}"
    return ApiError(message, param=name, code=error["type"])


def from_exception(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ClientDisconnect):
        message = "the client closed the connection"
        return ApiError(message, status=CLIENT_CLOSED, code="client_closed")
    if isinstance(error, ArtifactError):
        # Where the files are is for the log alone.
        log("model_unavailable", logging.WARNING, reason=str(error))
        return ApiError(
            "expected the model's files as they were when it was opened, found them missing, "
            "changed or damaged; the log has an entry with the request id of this response",
            status=503,
            code="model_unavailable",
            headers=RETRY,
        )
    if isinstance(error, ForetellError):
        # Such a message quotes at most one unknown word, to the client that sent it.
        return ApiError(str(error), param=error.where or None, code="cannot_answer")
    if isinstance(error, HTTPException):
        message = _MESSAGES.get(error.status_code, str(error.detail))
        return ApiError(message, status=error.status_code, headers=error.headers)
    # Not its message, which may quote a text.
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    at = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}" for frame in frames]
    log("internal_error", logging.ERROR, error=type(error).__name__, at=at)
    message = "internal error; the log has an entry with the request id of this response"
    return ApiError(message, status=500, code="internal")


async def answer_exception(_: Request, error: Exception) -> Response:
    """Answer an unknown path or method: the application's exception handler."""
    return from_exception(error).response()
