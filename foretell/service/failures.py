"""Every answer that is not 2xx: one shape, OpenAI's, and never a word of the texts that were sent."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from foretell.errors import ArtifactError, ForetellError
from foretell.service.schemas import Failure, Problem

_log = logging.getLogger("foretell.service")

_KINDS: dict[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    421: "permission_error",
    429: "rate_limit_error",
}
_EXPLAINED = {
    404: "expected a path that GET /openapi.json lists, found another",
    405: "expected another method for this path; see GET /openapi.json",
}


class Refusal(Exception):  # noqa: N818 - the service works; it says no
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        message: one line: what was expected, what was found, what to do.
        kind: OpenAI's type of error.
        param: the field of the request that it is about.
        code: a word that a program can ask for.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.kind = kind or _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the answer."""
        return Response(
            self.to_json(), status_code=self.status, media_type="application/json", headers=self.headers
        )

    def to_json(self) -> str:
        """Return the body of the answer."""
        problem = Problem.model_validate(
            {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        )
        return Failure(error=problem).model_dump_json()


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 422) -> Refusal:
    """Return the refusal of a value that cannot be used."""
    return Refusal(status, message, param=param, code=code)


def left() -> Refusal:
    """Return the refusal of a request whose client has left: for the log, since nobody hears it."""
    return Refusal(499, "expected somebody to answer, found that the client had left", code="client_left")


def too_slow(seconds: float) -> Refusal:
    """Return the refusal of a request that took too long."""
    return Refusal(
        503,
        f"expected an answer within {seconds:g} seconds, found none; send less at once, or try again later",
        code="timeout",
        headers={"Retry-After": "5"},
    )


def malformed(status: int, errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """Return the refusal of a body that is not what the schema asks for.

    Args:
        status: 422; completions: 400. JSON that cannot be read is 400 everywhere.
        errors: pydantic's, without their inputs.
    """
    # Of the alternatives of a union, the one that came furthest.
    first = max(errors, key=lambda error: len(error["loc"]))
    # The names of these alternatives are parts of the place that nobody wrote.
    place = [str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier()]
    place = [part for part in place if part not in ("str", "list", "constrained")]
    if first["type"] == "json_invalid":
        return invalid(
            f"expected JSON, found something else: {first['msg']}", code="json_invalid", status=400
        )
    name = ".".join(place) or None
    if first["type"] == "extra_forbidden":
        message = f"expected only parameters that foretell knows, found {name}; leave it out"
        return invalid(message, param=name, code="unknown_parameter", status=status)
    message = f"{name or 'the body'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return invalid(message, param=name, code=first["type"], status=status)


def from_error(error: Exception) -> Refusal:
    """Return the refusal that answers an exception."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ArtifactError):
        return _unavailable(error)
    if isinstance(error, ForetellError):
        # What these say of a text is at most the one word that a model does not know, to who sent it.
        return invalid(str(error), param=error.where or None, code="cannot_answer")
    if isinstance(error, HTTPException):
        message = _EXPLAINED.get(error.status_code, str(error.detail))
        return Refusal(error.status_code, message, headers=error.headers)
    _log.error("failure", extra={"fields": _whereabouts(error)})
    return Refusal(
        500, "an error in foretell itself; the log has more under this request's id", code="internal"
    )


def _unavailable(error: ArtifactError) -> Refusal:
    """Refuse what needs a model's files. Where they are is for the log: clients need not know the machine."""
    _log.warning("model_unavailable", extra={"fields": {"reason": str(error)}})
    return Refusal(
        503,
        "expected the model's files as they were when it was opened, found them gone, changed or damaged; "
        "the log has more under this request's id",
        code="model_unavailable",
        headers={"Retry-After": "5"},
    )


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer an exception that a route raised: the handler that the application is given."""
    del request
    return from_error(error).response()


def _whereabouts(error: BaseException) -> dict[str, Any]:
    """Return where an exception was raised. Its message is left out: it may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}" for frame in frames[-8:]],
    }
