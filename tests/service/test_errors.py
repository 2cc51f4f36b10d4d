"""Exceptions and invalid bodies as errors of the API."""

from __future__ import annotations

import json
import logging

import pytest
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from foretell.errors import ArtifactError, DataError
from foretell.service.errors import ApiError, from_exception, invalid_body, timed_out


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (421, "permission_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_the_type_follows_from_the_status(status: int, type: str) -> None:
    error = ApiError(status, "expected one, found another", param="texts", code="wrong")
    assert json.loads(error.to_json())["error"] == {
        "message": "expected one, found another", "type": type, "param": "texts", "code": "wrong"
    }  # fmt: skip
    assert error.response().status_code == status


def test_what_the_user_can_correct_is_a_422_with_foretells_own_line() -> None:
    error = from_exception(DataError(expected="a word", found="none", where="texts"))
    assert (error.status, error.param, error.code) == (422, "texts", "cannot_answer")
    assert error.message == "texts: expected a word, found none"


def test_where_a_models_files_are_is_only_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="foretell.service")
    error = from_exception(ArtifactError(expected="a file", found="none", where="/secret/place"))
    assert (error.status, error.code) == (503, "model_unavailable")
    assert "/secret/place" not in error.to_json()
    assert "/secret/place" in caplog.records[0].fields["reason"]  # type: ignore[attr-defined]


def test_a_defect_is_a_500_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a secret text")

    with pytest.raises(RuntimeError) as caught:
        fail()
    error = from_exception(caught.value)
    assert (error.status, error.code) == (500, "internal")
    assert "secret" not in error.to_json() + str(vars(caplog.records[0]))
    assert caplog.records[0].fields["at"][-1].endswith(":fail")  # type: ignore[attr-defined]


def test_starlettes_errors_keep_their_status_and_headers() -> None:
    error = from_exception(HTTPException(405, headers={"Allow": "POST"}))
    assert (error.status, error.headers) == (405, {"Allow": "POST"})
    assert "GET /openapi.json" in error.message
    assert from_exception(HTTPException(418, "a teapot")).message == "a teapot"
    same = timed_out(3)
    assert from_exception(same) is same


class Body(BaseModel):
    """A body with a union."""

    texts: str | list[str]


def test_of_the_members_of_a_union_the_one_that_matched_furthest_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate_json('{"texts": ["a", 1]}')
    error = invalid_body(422, caught.value.errors())
    assert (error.status, error.param) == (422, "texts.1")
    assert error.message == "texts.1: input should be a valid string"
